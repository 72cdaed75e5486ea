/** A block device that a program in user space serves: nbdkit, by way of FUSE and a loop device. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { onTestFinished } from 'vitest'
import { run } from '../support/requirements.ts'
import { temporaryDirectory } from '../support/temporary.ts'

/** What tests need that use one. */
export const SERVED_DISK: readonly string[] = ['root', 'linux', 'nbdkit', 'nbdfuse', 'fusermount3', 'losetup']

export interface ServedDisk {
  /** The block device. */
  readonly loop: string
  /** The file behind it. */
  readonly disk: string
}

/** @param served what nbdkit is to serve: its filters, its plugin and what that is told */
export async function serveDisk(served: readonly string[]): Promise<ServedDisk> {
  const own = temporaryDirectory()
  const path = (name: string): string => join(own, name)
  run('nbdkit', ['-U', path('socket'), '-P', path('pid'), ...served])
  onTestFinished(() => void process.kill(Number(readFileSync(path('pid'), 'utf8')), 'SIGTERM'))

  const disk = path('disk')
  writeFileSync(disk, '')
  const fuse = spawn('nbdfuse', [disk, '--unix', path('socket')], { stdio: 'ignore' })
  const ended = once(fuse, 'exit')
  onTestFinished(async () => {
    spawnSync('fusermount3', ['-u', '-z', disk])
    await ended
  })
  while (statSync(disk).size === 0) await sleep(5)
  const loop = run('losetup', ['--find', '--show', disk]).trim()
  onTestFinished(() => void run('losetup', ['--detach', loop]))
  return { loop, disk }
}
