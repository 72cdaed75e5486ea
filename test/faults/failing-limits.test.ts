/** The kernel's own limits, beside the shim's: of open files, and of a file's size. */
import { expect } from 'vitest'
import { OPERATION, orderFor } from '../crash/run-operation.ts'
import { leftoversIn, NOW, succeeded } from '../restore/scene.ts'
import { assertIntact } from '../support/intact.ts'
import { testWith } from '../support/requirements.ts'
import { isFull } from './extent.ts'
import { quickDisk } from './failing-disk.ts'
import { publish } from './figures.ts'
import { Place, prepareStart } from './matrix.ts'
import { SCENARIOS, type Scenario } from './matrix-scenarios.ts'
import { lookBetween } from './oracle-before.ts'
import { examine } from './oracle.ts'
import { runUnderShim, SHIM_NEEDS } from './shim.ts'

interface Limit {
  readonly name: string
  /** The option of `prlimit`. */
  readonly option: (value: number) => string
  readonly values: readonly number[]
  readonly codes: readonly string[]
}

const KIB = 1 << 10
const LIMITS: readonly Limit[] = [
  {
    name: 'open files',
    option: value => `--nofile=${value}:${value}`,
    // With the fewest Node itself does not start; with as many as the last everything works.
    values: range(21, isFull ? 1 : 3, 48),
    // A process that cannot be started for want of descriptors is the engine's failure.
    codes: ['IO_FAILED', 'ENGINE_FAILED'],
  },
  {
    name: 'file size',
    option: value => `--fsize=${value}:${value}`,
    values: range(0, isFull ? 64 * KIB : 256 * KIB, 2048 * KIB),
    codes: ['INSUFFICIENT_SPACE', 'IO_FAILED', 'RESTORE_FAILED', 'RESTORE_ROLLED_BACK'],
  },
]

quickDisk()

for (const limit of LIMITS) {
  for (const scenario of [SCENARIOS.createWal, SCENARIOS.restoreWal]) {
    testWith(
      [...SHIM_NEEDS, 'prlimit'],
      `${scenario.name}: under any limit of ${limit.name} success is true and failure is typed`,
      () => runUnderLimits(limit, scenario),
    )
  }
}

async function runUnderLimits({ name, option, values, codes }: Limit, scenario: Scenario): Promise<void> {
  const start = await prepareStart(scenario)
  const place = new Place('kill')
  const { scene } = place
  const answers: string[] = []
  for (const value of values) {
    place.reset(start)
    const order = orderFor(scene, { operation: scenario.operation, engine: 'here' })
    const run = await runUnderShim([OPERATION, order], { paths: [scene.directory] }, [
      'prlimit',
      option(value),
    ])
    const answer = run.stdout.split('\n').find(line => /^(success|failure)/.test(line)) ?? ''
    const what = `${name} ${value}: ${answer} ${run.stderr}`
    // Node itself may not start; then it has not come as far as the first step.
    const isStarted = run.stdout !== ''
    expect(answer !== '' || !isStarted, what).toBe(true)
    if (answer.startsWith('failure')) expect(codes, what).toContain(/^failure (\w+):/.exec(answer)?.[1])
    const { violations, state } = examine(scene, start.before, scenario.operation, answer)
    expect(violations, what).toEqual([])
    answers.push(answer === 'success' ? 'succeeded' : isStarted ? 'failed' : 'not started')

    const between = lookBetween(scene, start.before, state)
    const product = scene.product()
    if (scenario.operation === 'create') succeeded(await product.createBackup())
    else succeeded(await product.restoreBackup('latest', { confirm: true }))
    expect(examine(scene, between, scenario.operation, 'success').violations, what).toEqual([])
    expect(leftoversIn(scene.directory), what).toEqual([])
  }
  // The limits begin where nothing works and end where everything does.
  expect(answers).toContain('failed')
  expect(answers.at(-1)).toBe('succeeded')
  expect(assertIntact(scene.databasePath).commits).toBeLessThanOrEqual(NOW)
  const count = (which: string): number => answers.filter(answer => answer === which).length
  publish({
    group: 'Failing calls',
    what: `${scenario.name}, limit of ${name}`,
    count: answers.length,
    unit: 'runs',
    outcome: `${count('not started')} where Node does not start, ${count('failed')} failed typed, ${count('succeeded')} succeeded, 0 wrong`,
  })
}

function range(from: number, step: number, to: number): number[] {
  return Array.from({ length: Math.floor((to - from) / step) + 1 }, (_, index) => from + index * step)
}
