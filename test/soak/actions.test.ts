/** Backups of a database to which everything happens that may happen to one, in an order drawn from a seed. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, rmSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, onTestFinished, test } from 'vitest'
import type { BackupCreated, ErrorCode, Failure } from '../../src/index.ts'
import { isFull, randomFrom, SEED } from '../faults/extent.ts'
import { publish } from '../faults/figures.ts'
import { leftoversIn, openScene } from '../restore/scene.ts'
import { History, type State } from './actions-history.ts'
import { type Examined, examine, metadataProblems, storedBackups } from './stored-backup.ts'

const ACTOR = fileURLToPath(new URL('./actions-actor.ts', import.meta.url))
const SEEDS = isFull ? 20 : 2
const BACKUPS = isFull ? 300 : 150
/** Shorter than the actor keeps the database to itself at times, longer than a rename. */
const WAIT_MS = 500

/** How a backup may fail while this happens to its database: it says so, and the next one may succeed. */
const TYPED: readonly ErrorCode[] = ['DATABASE_NOT_FOUND', 'DATABASE_LOCKED', 'DATABASE_CHANGING']

/** Of every seed that has passed. */
const total = {
  seeds: 0,
  seen: 0,
  states: 0,
  ways: {} as Record<string, number>,
  codes: {} as Record<string, number>,
  actions: {} as Record<string, number>,
}

test.each(Array.from({ length: SEEDS }, (_, i) => SEED * 1000 + i))(
  'a backup is one state of a database that is rebuilt, replaced and deleted meanwhile, or a typed error (seed %i)',
  async seed => {
    const scene = openScene()
    mkdirSync(scene.path('data'))
    const historyPath = scene.path('history')
    const stop = startActor(scene.databasePath, historyPath, seed)
    const history = new History(historyPath)
    while (history.read().acknowledged < 2) await sleep(5)

    const random = randomFrom(seed)
    const products = (['process', 'here'] as const).map(engine =>
      scene.product({ engine, waitForLockMs: WAIT_MS }),
    )
    const seen = new Set<number>()
    const ways: Record<string, number> = {}
    const codes: Record<string, number> = {}
    for (let backup = 0; backup < BACKUPS; backup++) {
      const before = history.read().acknowledged
      const check = (['none', 'quick', 'full'] as const)[Math.floor(random() * 3)] ?? 'quick'
      const product = products[Math.floor(random() * 2)]
      const answer = await product?.createBackup({ check })
      const states = history.read().since(before)
      if (answer?.success === true) {
        seen.add(expectOneState(answer, scene.backupDir, states))
        ways[answer.snapshotWay] = (ways[answer.snapshotWay] ?? 0) + 1
      } else if (answer !== undefined) {
        expectHonest(answer, states)
        codes[answer.code] = (codes[answer.code] ?? 0) + 1
        // Asking again at once would only be told the same.
        while (!existsSync(scene.databasePath)) await sleep(1)
      }
    }
    expect(await stop()).toBe('')
    expect((await products[0]?.createBackup())?.success).toBe(true)
    expect(leftoversIn(scene.directory)).toEqual([])

    const { actions, states } = history.read()
    history.close()
    const backups = Object.values(ways).reduce((sum, count) => sum + count, 0)
    expect(backups).toBeGreaterThan(BACKUPS / 2)
    expect(Object.values(actions).filter(count => count > 0).length).toBeGreaterThan(10)
    total.states += states
    total.seen += seen.size
    for (const [into, counts] of [
      [total.ways, ways],
      [total.codes, codes],
      [total.actions, actions],
    ] as const) {
      for (const [name, count] of Object.entries(counts)) into[name] = (into[name] ?? 0) + count
    }
    total.seeds++
  },
  600_000,
)

afterAll(() => {
  if (total.seeds < SEEDS) return
  const actions = Object.values(total.actions).reduce((sum, count) => sum + count, 0)
  const kinds = Object.keys(total.actions).length
  publish({
    group: 'Actions',
    what: `backups while ${kinds} kinds of actions change, rebuild, replace and delete the database`,
    count: SEEDS * BACKUPS,
    unit: 'runs',
    outcome: `${countsOf(total.ways)}; ${total.seen} of ${total.states} states seen, 0 mixtures; ${countsOf(total.codes) || 'no errors'}; ${actions} actions`,
  })
})

/** Starts the actor; the returned function ends it after its last action and answers what went wrong in it. */
function startActor(database: string, history: string, seed: number): () => Promise<string> {
  const args = ['--no-warnings', ACTOR, database, history, String(seed)]
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'ignore', 'pipe'] })
  const stderr = text(child.stderr)
  const exited = once(child, 'exit')
  onTestFinished(() => void child.kill('SIGKILL'))
  return async () => {
    child.stdin.end()
    await exited
    return await stderr
  }
}

/** The backup is whole and is exactly one of `states`; returns which. Takes it away again. */
function expectOneState(answer: BackupCreated, backupDir: string, states: readonly State[]): number {
  const stored = storedBackups(backupDir).find(({ filename }) => filename === answer.filename)
  if (stored === undefined) throw new Error(`${answer.filename} has no metadata`)
  expect(metadataProblems(stored)).toEqual([])
  const found = examine(stored.path)
  const state = states.find(candidate => isState(found, candidate))
  if (state === undefined) {
    throw new Error(`${JSON.stringify({ answer, found })} is none of ${JSON.stringify(states)}`)
  }
  rmSync(stored.path)
  rmSync(stored.metadataPath)
  return state.mark
}

function isState(found: Examined, { kind, mark, commits, others }: State): boolean {
  if (kind === 'absent' || found.problems.length > 0) return false
  if (kind === 'empty') return found.commits === null
  return (
    found.mark === (kind === 'unmarked' ? 0 : mark) &&
    found.commits === commits &&
    JSON.stringify(sorted(found.others)) === JSON.stringify(sorted(others))
  )
}

function sorted(counts: Readonly<Record<string, number>>): [string, number][] {
  return Object.entries(counts).toSorted(([a], [b]) => (a < b ? -1 : 1))
}

/** The error is one of those that may come of it, and a file that is said to be missing was. */
function expectHonest({ code, message }: Failure, states: readonly State[]): void {
  expect(TYPED, message).toContain(code)
  if (code === 'DATABASE_NOT_FOUND')
    expect(
      states.map(({ kind }) => kind),
      message,
    ).toContain('absent')
}

function countsOf(counts: Readonly<Record<string, number>>): string {
  return sorted(counts)
    .map(([name, count]) => `${count} ${name}`)
    .join(', ')
}
