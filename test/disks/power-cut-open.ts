/** A restore over a database that another process has open, on a disk that loses its power: that process is gone, too. */
import { OPERATION, orderFor } from '../crash/run-operation.ts'
import { type Attack, Place, type Point, prepareStart, type Start, type Struck } from '../faults/matrix.ts'
import { runNext } from '../faults/matrix-next.ts'
import { IN_LOG } from '../faults/matrix-scenarios.ts'
import { ACTIONS, problemsOfAudit } from '../faults/oracle-audit.ts'
import { lookBefore, lookBetween } from '../faults/oracle-before.ts'
import { examine } from '../faults/oracle.ts'
import { runUnderShim } from '../faults/shim.ts'
import { select } from '../faults/extent.ts'
import { leftoversIn } from '../restore/scene.ts'
import { startScript } from '../support/scripts.ts'

/** Makes commits, each of which is flushed, and then only has it open; `args`: path, how many commits. */
const HOLD = `
  import { DatabaseSync } from 'node:sqlite'
  import { commitToLedger } from ${JSON.stringify(new URL('../support/ledger.ts', import.meta.url).href)}
  const connection = new DatabaseSync(process.argv[1], { timeout: 60000 })
  for (let i = 0; i < Number(process.argv[2]); i++) commitToLedger(connection)
  console.log('ready')
  setInterval(() => connection, 1 << 30)
`

/** Cuts the power right after the answer and at `count` of the calls, or at all in a full run. */
export async function strikeOpen(attack: Attack, count: number): Promise<Struck[]> {
  const place = new Place(attack.crash)
  const start = await prepareStart(attack.scenario)
  const whole = await strike(attack, start, place, 'answer')
  const points = select(
    whole.calls.map((_, index) => index + 1),
    count,
  )
  const struck = [whole]
  for (const point of points) struck.push(await strike(attack, start, place, point))
  return struck
}

async function strike(
  { scenario, engine }: Attack,
  start: Start,
  place: Place,
  point: Point,
): Promise<Struck> {
  const { scene } = place
  const { operation } = scenario
  place.reset(start)
  const holder = await startScript(HOLD, [scene.databasePath, String(IN_LOG)])
  const before = lookBefore(scene, { isUnreadable: false })
  const ran = await runUnderShim([OPERATION, orderFor(scene, { operation, engine })], place.fault(point))
  await holder.kill()
  await place.recover()
  const answer = ran.stdout.split('\n').find(line => /^(success|failure)/.test(line)) ?? ''
  const found = examine(scene, before, operation, answer)
  const between = lookBetween(scene, before, found.state)
  const last = await runNext(scenario, scene)
  const violations = [
    ...found.violations,
    ...(answer === '' && ran.signal !== 'SIGKILL'
      ? [`it ended without an answer, with code ${ran.code}`]
      : []),
    ...(ran.stderr === '' ? [] : [`it said on stderr: ${ran.stderr.slice(0, 500)}`]),
    ...problemsOfAudit(scene, before.audit, answer === 'success' ? ACTIONS[operation] : null),
    ...[
      ...examine(scene, between, operation, 'success').violations,
      ...problemsOfAudit(scene, between.audit, ACTIONS[last]),
      ...leftoversIn(scene.directory).map(name => `left behind: ${name}`),
    ].map(violation => `after the next run: ${violation}`),
  ]
  return {
    point,
    isHit: point === 'answer' ? answer === 'success' : ran.calls.some(call => call.isHit),
    calls: ran.calls,
    state: found.state,
    violations: violations.map(violation => `at ${point}: ${violation}`),
  }
}
