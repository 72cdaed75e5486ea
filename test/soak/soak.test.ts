/** Writers, operations and faults at random for minutes or hours, and a checker that believes nothing. */
import { rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFailed, onTestFinished } from 'vitest'
import { randomFrom, SEED, SOAK_MINUTES } from '../faults/extent.ts'
import { publish } from '../faults/figures.ts'
import { isRoot, testWith } from '../support/requirements.ts'
import { filesBelow, temporaryDirectory } from '../support/temporary.ts'
import { leftoversIn } from '../restore/scene.ts'
import { Soak } from './soak.ts'
import type { Measure } from './soak-host.ts'
import { backupsOf, endWorld, makeWorld, type World } from './soak-world.ts'

const LENGTH_MS = SOAK_MINUTES * 60_000
/** A backup is restored by hand so often; more often in a short soak. */
const CHECK_EVERY_MS = Math.min(20_000, LENGTH_MS / 10)
/** Everything has been loaded and compiled by then. */
const WARM_UP_MS = LENGTH_MS / 5
/** A heap that was collected varies by much less; a leak of 10 KB an operation shows in three minutes. */
const HEAP_GROWTH_BYTES_MAX = 6 << 20
/** What the allocators keep for the next time. */
const RSS_GROWTH_BYTES_MAX = 96 << 20

const requirements = isRoot || process.env['CI'] !== undefined ? ['linux', 'root', 'setpriv'] : ['linux']
const without = isRoot ? '' : ' (with no full disk and no lost permission: these need root)'

testWith(
  requirements,
  `${SOAK_MINUTES} minutes of backups and restores under writers and faults lose nothing, mix nothing and leave nothing behind${without}`,
  async () => {
    const directory = temporaryDirectory()
    const logPath = join(tmpdir(), `chame-soak-${SEED}-${process.pid}.log`)
    rmSync(logPath, { force: true })
    onTestFailed(() => console.error(`Seed ${SEED}; every event of this soak is in ${logPath}`))
    const world = makeWorld(directory, logPath)
    onTestFinished(() => endWorld(world))
    const soak = new Soak(world, randomFrom(SEED))
    onTestFinished(() => soak.cast.abandon())

    const running = soak.run()
    let base: Measure | null = null
    let checks = 0
    const started = performance.now()
    for (let next = CHECK_EVERY_MS; next <= LENGTH_MS; next += CHECK_EVERY_MS) {
      await Promise.race([running, sleep(Math.max(0, started + next - performance.now()))])
      if (next >= WARM_UP_MS) base ??= await soak.cast.steady.measure()
      for (const database of world.databases) checks += await soak.check(database)
    }
    soak.stop()
    await running
    await soak.cast.stopWriters()
    checks += await finish(world, soak)
    const end = await soak.cast.steady.measure()
    await soak.cast.end()

    expect(world.problems).toEqual([])
    expect(leftoversIn(directory)).toEqual([])
    expect(filesBelow(directory).filter(name => name.includes('.damaged'))).toEqual([])
    expectBaseLine(base, end)
    rmSync(logPath)
    publish({
      group: 'Soak',
      what: `3 databases, seed ${SEED}`,
      count: SOAK_MINUTES,
      unit: 'minutes',
      outcome: `${told(soak.operations)}; ${told(soak.outcomes)}; faults: ${told(soak.faults)}; ${checks} backups restored by hand, every one a commit of its time; ${growth(base, end)}`,
    })
  },
  LENGTH_MS + 300_000,
)

/** The next run of everything succeeds without anyone cleaning up; then every backup that is left is checked. */
async function finish(world: World, soak: Soak): Promise<number> {
  let checks = 0
  for (const database of world.databases) await soak.finish(database)
  await soak.cast.checker.ask(question => ({ kind: 'finish', question }))
  for (const database of world.databases) {
    for (const backup of [...backupsOf(database), ...backupsOf(database, database.mirror)]) {
      await soak.cast.checker.ask(question => ({ kind: 'check', question, key: backup.stem, backup }))
      checks++
    }
  }
  return checks
}

/** What the host of the library holds on to is no more than it was after the warm-up. */
function expectBaseLine(base: Measure | null, end: Measure): void {
  expect(end.files).toEqual([])
  // At most four engines wait for work, each with a process that opens databases, and one of these for here.
  expect(end.children).toBeLessThanOrEqual(4 * 2 + 4)
  if (base === null) throw new Error('The soak was too short to have a base line')
  // Each child takes its channel; what lies beyond these does not grow.
  expect(end.descriptors - end.children).toBeLessThanOrEqual(base.descriptors - base.children + 4)
  expect(end.heapBytes - base.heapBytes).toBeLessThan(HEAP_GROWTH_BYTES_MAX)
  expect(end.rssBytes - base.rssBytes).toBeLessThan(RSS_GROWTH_BYTES_MAX)
}

function growth(base: Measure | null, end: Measure): string {
  const mib = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`
  const { heapBytes = 0, rssBytes = 0, descriptors = 0 } = base ?? {}
  return `heap ${mib(heapBytes)} to ${mib(end.heapBytes)}, memory ${mib(rssBytes)} to ${mib(end.rssBytes)}, descriptors ${descriptors} to ${end.descriptors}`
}

function told(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .map(([name, count]) => `${count} ${name}`)
    .join(', ')
}
