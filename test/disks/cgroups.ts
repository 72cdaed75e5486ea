/** Control groups (version 1) for one test: limits for single processes, gone when the test ends. */
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { onTestFinished } from 'vitest'

const ROOT = '/sys/fs/cgroup'

/** What is missing here for a controller of version 1, as a requirement that no program has the name of. */
export function needsController(controller: 'memory' | 'pids'): string {
  return existsSync(join(ROOT, controller, 'cgroup.procs')) ? 'root' : `cgroup v1 ${controller}`
}

export interface Group {
  readonly directory: string
  set(limit: string, value: string): void
  add(pid: number): void
}

export function makeGroup(controller: 'memory' | 'pids', name: string): Group {
  const directory = join(ROOT, controller, `chame-${process.pid}-${name}`)
  mkdirSync(directory)
  onTestFinished(async () => {
    // A group goes when its last process has; those that are left move up, those that are ending are waited for.
    for (const pid of readFileSync(join(directory, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean)) {
      moveUp(controller, pid)
    }
    while (!isRemoved(directory)) await sleep(20)
  })
  return {
    directory,
    set: (limit, value) => writeFileSync(join(directory, limit), value),
    add: pid => writeFileSync(join(directory, 'cgroup.procs'), String(pid)),
  }
}

function isRemoved(directory: string): boolean {
  try {
    rmdirSync(directory)
    return true
  } catch {
    return false
  }
}

function moveUp(controller: string, pid: string): void {
  try {
    writeFileSync(join(ROOT, controller, 'cgroup.procs'), pid)
  } catch {
    // It has ended meanwhile.
  }
}
