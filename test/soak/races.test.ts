/** Operations of several processes begun at nearly the same instant, at offsets drawn from a seed, many times over. */
import { rmSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { isFull, randomFrom, SEED } from '../faults/extent.ts'
import { publish } from '../faults/figures.ts'
import { assertIntact } from '../support/intact.ts'
import { backUpThenChange, leftoversIn, openScene, type Scene, succeeded } from '../restore/scene.ts'
import { CliRacer, LibraryRacer, type Order, type Outcome, type Racer } from './races.ts'
import { examine, metadataProblems, type StoredBackup, storedBackups } from './stored-backup.ts'

const ROUNDS = isFull ? 400 : 12
const CLI_ROUNDS = isFull ? 100 : 8
const KILLS = isFull ? 150 : 15
/** About as long as an operation on this small database lasts, so that every step of one may meet every one of the other. */
const OFFSET_MS_MAX = 40
/** The commits that the stored backups hold, and the one that the database holds at first. */
const ONE = 20
const OTHER = 33
/** What a racer may be told that did not want to wait. */
const REFUSALS: readonly string[] = ['CATALOG_LOCKED', 'DATABASE_LOCKED', 'DATABASE_CHANGING']

interface Ring {
  readonly scene: Scene
  readonly backups: readonly [one: StoredBackup, other: StoredBackup]
  readonly random: () => number
  readonly patient: string
  readonly hasty: string
}

/** A database with two backups of two commits. */
async function openRing(seed: number): Promise<Ring> {
  const scene = openScene()
  const one = await backUpThenChange(scene, { backedUp: { commits: ONE }, now: { commits: OTHER } })
  const other = succeeded(await scene.product().createBackup())
  const stored = storedBackups(scene.backupDir)
  const find = (filename: string): StoredBackup => {
    const found = stored.find(backup => backup.filename === filename)
    if (found === undefined) throw new Error(`${filename} is not stored`)
    return found
  }
  const patient = scene.path('patient.config.json')
  const hasty = scene.path('hasty.config.json')
  writeFileSync(patient, JSON.stringify({ waitForLockMs: 60_000 }))
  writeFileSync(hasty, JSON.stringify({ waitForLockMs: 0 }))
  return {
    scene,
    backups: [find(one.filename), find(other.filename)],
    random: randomFrom(seed),
    patient,
    hasty,
  }
}

/** Lets the racers run, each with its operation; restores are of one backup and the other by turns. */
async function runRound(
  { backups, random }: Ring,
  racers: readonly Racer[],
  operations: readonly Order['operation'][],
): Promise<Outcome[]> {
  const restores: string[] = []
  const orders = operations.map((operation): Order => {
    const backup = backups[(restores.length + (random() < 0.5 ? 0 : 1)) % 2]?.filename ?? ''
    if (operation === 'restore') restores.push(backup)
    return { operation, backup, delayMs: Math.floor(random() * OFFSET_MS_MAX) }
  })
  return await Promise.all(orders.map((order, i) => (racers[i] as Racer).run(order)))
}

/**
 * What must be so after every round. The backups are as many as the successes, each whole and as its metadata
 * says; the database is one of the commits, and nothing unfinished is left. Takes the round's backups away.
 */
function checkRound(ring: Ring, expected: number | 'unknown'): void {
  const { scene, backups } = ring
  expect([ONE, OTHER]).toContain(assertIntact(scene.databasePath).commits)
  const stored = storedBackups(scene.backupDir)
  for (const { path } of backups) expect(stored.map(backup => backup.path)).toContain(path)
  for (const backup of stored) {
    const { commits, problems } = examine(backup.path)
    expect([...problems, ...metadataProblems(backup)], backup.filename).toEqual([])
    expect([ONE, OTHER]).toContain(commits)
  }
  const made = stored.filter(({ path }) => !backups.some(backup => backup.path === path))
  if (expected !== 'unknown') {
    expect(made).toHaveLength(expected)
    expect(leftoversIn(scene.directory)).toEqual([])
  }
  for (const { path, metadataPath } of made) {
    rmSync(metadataPath)
    rmSync(path)
  }
}

/** Every answer is a success or says who was in the way; returns how many backups the round has made. */
function countMade(operations: readonly Order['operation'][], outcomes: readonly Outcome[]): number {
  for (const { code, message } of outcomes) if (code !== null) expect(REFUSALS, message).toContain(code)
  return outcomes.filter(({ code, message }, i) => {
    if (code === null && operations[i] === 'verify') expect(message).toBe('intact')
    return code === null && operations[i] !== 'verify'
  }).length
}

function tally(counts: Record<string, number>, outcomes: readonly Outcome[]): void {
  for (const { code } of outcomes) counts[code ?? 'success'] = (counts[code ?? 'success'] ?? 0) + 1
}

function told(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .map(([code, count]) => `${count} ${code}`)
    .join(', ')
}

const PAIRS = [
  ['create', 'create'],
  ['create', 'restore'],
  ['restore', 'restore'],
  ['verify', 'restore'],
  ['verify', 'create'],
] as const

test.each(PAIRS)(
  '%s and %s begun at once each succeed or say who was in the way, and the database is one whole state',
  async (...operations) => {
    const ring = await openRing(SEED * 31 + PAIRS.findIndex(pair => pair.join() === operations.join()))
    const racers = [
      await LibraryRacer.start(ring.scene, 'here', ring.patient),
      await LibraryRacer.start(ring.scene, 'process', ring.patient),
      await LibraryRacer.start(ring.scene, 'here', ring.hasty),
      await LibraryRacer.start(ring.scene, 'process', ring.hasty),
    ]
    const counts: Record<string, number> = {}
    for (let round = 0; round < ROUNDS; round++) {
      const isHasty = ring.random() < 0.3
      const pair = [racers[0], racers[isHasty ? 3 : 1]] as [Racer, Racer]
      const outcomes = await runRound(ring, ring.random() < 0.5 ? pair : pair.toReversed(), operations)
      // Who is willing to wait has no reason to fail.
      if (!isHasty) expect(outcomes.filter(({ code }) => code !== null)).toEqual([])
      checkRound(ring, countMade(operations, outcomes))
      tally(counts, outcomes)
    }
    expect(counts['success']).toBeGreaterThan(ROUNDS)
    publish({
      group: 'Races',
      what: `${operations.join(' × ')}, library`,
      count: ROUNDS,
      unit: 'rounds',
      outcome: `${told(counts)}; every backup and the database whole`,
    })
  },
  600_000,
)

test('two command lines and the library at work at once each succeed or say who was in the way', async () => {
  const ring = await openRing(SEED * 37)
  const library = await LibraryRacer.start(ring.scene, 'process', ring.patient)
  const patient = new CliRacer(ring.scene, ring.patient)
  const hasty = new CliRacer(ring.scene, ring.hasty)
  const counts: Record<string, number> = {}
  const all = ['create', 'restore', 'verify'] as const
  for (let round = 0; round < CLI_ROUNDS; round++) {
    const operations = Array.from({ length: 3 }, () => all[Math.floor(ring.random() * 3)] ?? 'create')
    const outcomes = await runRound(
      ring,
      [patient, ring.random() < 0.3 ? hasty : patient, library],
      operations,
    )
    checkRound(ring, countMade(operations, outcomes))
    tally(counts, outcomes)
  }
  publish({
    group: 'Races',
    what: 'two command lines and the library',
    count: CLI_ROUNDS,
    unit: 'rounds',
    outcome: `${told(counts)}; every backup and the database whole`,
  })
}, 600_000)

test('a racer that is killed leaves the lock to the other, which succeeds', async () => {
  const ring = await openRing(SEED * 41)
  const { scene, random } = ring
  const survivor = await LibraryRacer.start(scene, 'process', ring.patient)
  const counts: Record<string, number> = {}
  for (let kill = 0; kill < KILLS; kill++) {
    const victim = await LibraryRacer.start(scene, random() < 0.5 ? 'here' : 'process', ring.patient)
    const operations = (['create', 'restore'] as const).map(() => (random() < 0.5 ? 'create' : 'restore'))
    const killed = new Promise<void>(resolve => {
      setTimeout(() => resolve(victim.kill()), Math.floor(random() * 2 * OFFSET_MS_MAX))
    })
    const outcomes = await runRound(ring, [survivor, victim], operations)
    await killed
    expect(outcomes[0]).toMatchObject({ code: null })
    tally(counts, outcomes.slice(1))
    checkRound(ring, 'unknown')
    expect(await survivor.run({ operation: 'create', backup: '', delayMs: 0 })).toMatchObject({ code: null })
    checkRound(ring, 1)
  }
  expect(counts['KILLED']).toBeGreaterThan(KILLS / 4)
  publish({
    group: 'Races',
    what: 'one of two racers killed',
    count: KILLS,
    unit: 'rounds',
    outcome: `${told(counts)} among the victims; every survivor succeeded, nothing left behind`,
  })
}, 600_000)
