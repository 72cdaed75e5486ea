/** The order in which what is stored in other ways, copied, converted, tried, imported and deleted is written, as strace sees it. */
import { lstatSync, mkdirSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { expect } from 'vitest'
import { type Call, fromAndTo, pathOf } from '../crash/trace.ts'
import { openScene, type Scene } from '../restore/scene.ts'
import { testWith } from '../support/requirements.ts'
import { filesBelow } from '../support/temporary.ts'
import { isFull, select } from './extent.ts'
import { SCENARIOS, type Scenario } from './matrix-scenarios.ts'
import { STORED_SCENARIOS } from './matrix-stored-scenarios.ts'
import type { MutantName } from './mutate.ts'
import { TARGET } from './oracle-target.ts'
import { expectInside, expectUnwritten, flushBetween, isRename, successOf, trace, writesTo } from './order.ts'

const { add, createBlocksFirst, createBlocksNext, createCopied, createEncrypted, createZstd } =
  STORED_SCENARIOS
const { cleanupBlocks, convertBlocks, convertZstd, drill, sync } = STORED_SCENARIOS
const { cleanup, importSql } = SCENARIOS

/** A selection takes some of them, spread evenly. */
const SCENARIO_LIST: readonly Scenario[] = [
  createBlocksNext,
  createZstd,
  createEncrypted,
  convertZstd,
  sync,
  createCopied,
  createBlocksFirst,
  convertBlocks,
  drill,
  cleanup,
  add,
  importSql,
  cleanupBlocks,
]
const SELECTED = 5
/** These read the database; the others do not even look at it. */
const READING: readonly Scenario['operation'][] = ['create']

for (const [index, scenario] of select(SCENARIO_LIST, SELECTED).entries()) {
  testWith(
    ['linux', 'strace'],
    `each step is durable before the next relies on it, and nothing is written elsewhere (${scenario.name})`,
    () => holdToRules(scenario, index % 2 === 0 ? 'here' : 'process'),
    isFull ? 600_000 : 300_000,
  )
}

/** What it must find out, each in one operation; a power cut does not show a name that a later flush took along. */
const MUTANTS: readonly {
  readonly mutant: MutantName
  readonly scenario: Scenario
  readonly found: RegExp
}[] = [
  { mutant: 'no fsync of names of packs', scenario: createBlocksNext, found: /\.pack (after|before)/ },
  { mutant: 'no fsync of names at the target', scenario: sync, found: /target\/.* (after|before)/ },
  { mutant: 'no fsync of packs', scenario: createBlocksFirst, found: /\.pack before its name/ },
  { mutant: 'no fsync at the target', scenario: sync, found: /\.part before its name/ },
  { mutant: 'no fsync', scenario: convertZstd, found: /before its name/ },
  { mutant: 'no directory fsync', scenario: cleanup, found: /the directory of .* after/ },
]

// Those of names no other test finds out.
for (const { mutant, scenario, found } of isFull ? MUTANTS : MUTANTS.slice(0, 2)) {
  testWith(
    ['linux', 'strace'],
    `the checker of the order finds out a product with the mistake "${mutant}" (${scenario.name})`,
    () => expect(holdToRules(scenario, 'here', mutant)).rejects.toThrow(found),
  )
}

async function holdToRules(
  scenario: Scenario,
  engine: 'here' | 'process',
  mutant?: MutantName,
): Promise<void> {
  const scene = openScene()
  mkdirSync(scene.directory, { recursive: true })
  await scenario.prepare(scene)
  const order = scenario.order?.(scene) ?? {}
  const calls = trace(scene, { ...order, operation: scenario.operation, engine }, mutant)
  const done = successOf(calls)
  expectInside(calls, scene, {
    backupDir: true,
    // Alone with a database in WAL mode, SQLite makes its side files, and removes them as one who may write.
    suffixes: READING.includes(scenario.operation) ? ['', '-wal', '-shm'] : [],
    staging: false,
    others: [scene.path(TARGET), scene.path('out')],
  })
  if (READING.includes(scenario.operation)) expectUnwritten(calls, scene.databasePath)
  else expect(calls.filter(call => pathOf(call).startsWith(dirname(scene.databasePath)))).toEqual([])
  const changes = expectNamesDurable(calls, done)
  expect(changes).toBeGreaterThan(0)
  expectReferencesLast(calls, scenario.operation === 'convert')
  expectPrivate(calls, scene)
}

/** In a directory, or under a name, of what is being made. Fingerprints are made anew when they are lost. */
function isPassing(path: string): boolean {
  return /\/\.chame-(backup|work)-|\.part$|\/\.[^/]*\.lock$|\/blocks\/cache(\/|$)/.test(path)
}

/**
 * What gets a lasting name was flushed since it was last written, and each directory after a name in it was made or
 * removed; returns how many there were.
 */
function expectNamesDurable(calls: readonly Call[], done: number): number {
  let changes = 0
  for (const call of calls) {
    const path = isRename(call) ? fromAndTo(call)[1] : pathOf(call)
    const isName = isRename(call) || ['mkdir', 'rmdir', 'unlink', 'unlinkat'].includes(call.name)
    if (!isName || isPassing(path)) continue
    changes++
    expect(
      flushBetween(calls, dirname(path), call.returned, done),
      `the directory of ${path} after ${call.name}`,
    ).toBeDefined()
    const [from] = fromAndTo(call)
    const written = writesTo(calls, from).filter(write => write.returned < call.entered)
    if (!isRename(call) || written.length === 0) continue
    const lastWrite = Math.max(...written.map(({ returned }) => returned))
    expect(flushBetween(calls, from, lastWrite, call.entered), `${from} before its name`).toBeDefined()
  }
  return changes
}

/** Whatever is relied on is there for good before what relies on it gets its name, and is removed after that. */
function expectReferencesLast(calls: readonly Call[], isConversion: boolean): void {
  const named = calls.filter(call => isRename(call) && !isPassing(fromAndTo(call)[1]))
  for (const call of named) {
    const to = fromAndTo(call)[1]
    if (to.endsWith('.blocks')) for (const pack of packsOf(named, to)) expectFlushed(calls, pack, call)
    const image = imageOf(named, to)
    // A conversion says first what it is about to give a name; until then the metadata is of the old file.
    if (image !== undefined && !isConversion) expectFlushed(calls, image, call)
  }
  for (const mark of named.filter(call => fromAndTo(call)[1].includes('.json.deleting-'))) {
    const stem = basename(fromAndTo(mark)[0], '.json')
    const removed = calls.find(call => call.name === 'unlink' && basename(pathOf(call)) === stem)
    if (removed !== undefined) expectFlushed(calls, mark, removed)
  }
}

/** The packs that got a name before, below the same root. */
function packsOf(named: readonly Call[], restorePoint: string): readonly Call[] {
  const root = dirname(dirname(restorePoint))
  const packs = named.filter(call => {
    const to = fromAndTo(call)[1]
    return to.startsWith(join(root, 'blocks/')) && to.endsWith('.pack')
  })
  expect(packs.length, `packs of ${restorePoint}`).toBeGreaterThan(0)
  const at = named.findIndex(call => fromAndTo(call)[1] === restorePoint)
  return packs.filter(pack => named.indexOf(pack) < at)
}

/** Where the name is one of metadata: the image that it is of, if that got its name here, too. */
function imageOf(named: readonly Call[], to: string): Call | undefined {
  if (basename(dirname(to)) !== 'metadata' || !to.endsWith('.json')) return undefined
  const root = dirname(dirname(to))
  return named.find(call => {
    const image = fromAndTo(call)[1]
    return image.startsWith(`${root}/`) && basename(image) === basename(to, '.json')
  })
}

function expectFlushed(calls: readonly Call[], first: Call, then: Call): void {
  const path = fromAndTo(first)[1]
  expect(
    flushBetween(calls, dirname(path), first.returned, then.entered),
    `${path} before ${then.name} of ${pathOf(then)}`,
  ).toBeDefined()
}

/** Whatever is made is for its owner alone from the first; in a directory that is ours alone at the end. */
function expectPrivate(calls: readonly Call[], scene: Scene): void {
  for (const call of calls.filter(each => each.name === 'openat' && each.args.includes('O_CREAT'))) {
    const path = pathOf(call)
    const isOurs = path.startsWith(`${scene.directory}/`) && !path.startsWith(dirname(scene.databasePath))
    const isHidden = /\/\.chame-(backup|work)-[^/]*\//.test(path)
    if (isOurs && !isHidden) expect(call.args, path).toMatch(/, 0600$/)
  }
  for (const root of [scene.backupDir, scene.path(TARGET), scene.path('out')]) {
    for (const name of filesBelow(root)) {
      const stats = lstatSync(join(root, name))
      expect(stats.mode & 0o777, join(root, name)).toBe(stats.isDirectory() ? 0o700 : 0o600)
    }
  }
}
