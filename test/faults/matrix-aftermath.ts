/** What follows a crash: the processes that are left end, and the next run does well. */
import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Operation } from '../crash/operation.ts'
import { leftoversIn, type Scene } from '../restore/scene.ts'
import { runNext } from './matrix-next.ts'
import type { Scenario } from './matrix-scenarios.ts'
import { ACTIONS, problemsOfAudit } from './oracle-audit.ts'
import type { Before } from './oracle-before.ts'
import { examine } from './oracle.ts'

/** Longer than an engine outlives its host at most; who has not ended then hangs. */
const END_MS_MAX = 60_000

/** The next run succeeds as if nothing had been, leaves nothing, and what is newest restores. */
export async function runAgain(scenario: Scenario, scene: Scene, between: Before): Promise<string[]> {
  let last: Operation
  try {
    last = await runNext(scenario, scene)
  } catch (error) {
    return [`the next run failed: ${String(error)}`]
  }
  const { violations } = examine(scene, between, scenario.operation, 'success')
  return [
    ...violations,
    ...problemsOfAudit(scene, between.audit, ACTIONS[last]),
    ...leftoversIn(scene.directory).map(name => `left behind: ${name}`),
  ].map(violation => `after the next run: ${violation}`)
}

/** Waits until no process of the group runs any more; false when one does after {@link END_MS_MAX}. */
export async function untilGroupEnded(group: number): Promise<boolean> {
  const deadline = Date.now() + END_MS_MAX
  while (readdirSync('/proc').some(pid => isRunningIn(group, pid))) {
    if (Date.now() > deadline) return false
    await sleep(2)
  }
  return true
}

/** The first thread may be gone and others not yet: as long as one is there, it may hold files. */
function isRunningIn(group: number, pid: string): boolean {
  if (!/^\d+$/.test(pid) || fieldsOf(`/proc/${pid}/stat`)[2] !== String(group)) return false
  try {
    return readdirSync(`/proc/${pid}/task`).some(thread => {
      const [state = 'X'] = fieldsOf(`/proc/${pid}/task/${thread}/stat`)
      return state !== 'Z' && state !== 'X'
    })
  } catch {
    return false
  }
}

/** The fields after the name, which may hold anything, in parentheses: state, parent, group, …; none when it is gone. */
function fieldsOf(path: string): string[] {
  try {
    const stat = readFileSync(path, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  } catch {
    return []
  }
}
