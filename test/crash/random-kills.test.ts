/** SIGKILL at random instants, while another process writes the database without pause. */
import { type ChildProcess, fork } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { isFull } from '../faults/extent.ts'
import { openDatabase } from '../support/databases.ts'
import { assertIntact } from '../support/intact.ts'
import { commitToLedger, ledgerProblems } from '../support/ledger.ts'
import { filesBelow } from '../support/temporary.ts'
import { WriterProcess } from '../support/writer-process.ts'
import {
  BACKED_UP,
  backUpThenChange,
  expectCommit,
  leftoversIn,
  openScene,
  restored,
  type Scene,
  succeeded,
} from '../restore/scene.ts'
import type { LoopMessage } from './loop.ts'
import { untilEnded } from './processes.ts'

const LOOP = fileURLToPath(new URL('./loop.ts', import.meta.url))
const KILLS = isFull ? 150 : 20
/** More than a backup and a restore have together, so that every instant of both may be hit. */
const STEPS_MAX = 30
/** Longer than most steps last. */
const WITHIN_STEP_MS_MAX = 8

test.each([
  { journalMode: 'wal', seed: 20_250_627 },
  { journalMode: 'delete', seed: 19_700_101 },
] as const)(
  `${KILLS} kills at random instants of backups and restores do no harm, under load (%o)`,
  async ({ journalMode, seed }) => {
    const scene = openScene()
    const created = await backUpThenChange(scene, { backedUp: { journalMode }, now: { journalMode } })
    const stopWriting = await startWriting(scene, journalMode)
    const random = randomFrom(seed)
    const done = { create: 0, restore: 0 }
    const known = new Map<string, string>()
    let next = new Loop(scene, created.filename, 'create')
    for (let kill = 0; kill < KILLS; kill++) {
      const loop = next
      next = new Loop(scene, created.filename, kill % 2 === 0 ? 'restore' : 'create')
      await loop.live(1 + Math.floor(random() * STEPS_MAX), random() * WITHIN_STEP_MS_MAX)
      expect(loop.failures, `kill ${kill}`).toEqual([])
      done.create += loop.done.create
      done.restore += loop.done.restore
      expectWhole(scene)
      checkStored(scene, known)
    }
    expect(done.create).toBeGreaterThan(KILLS / 10)
    expect(done.restore).toBeGreaterThan(KILLS / 10)
    expectCommit(scene.databasePath, await stopWriting())

    const product = scene.product()
    const listed = await product.listBackups()
    expect(listed.length).toBeGreaterThanOrEqual(done.create + done.restore)
    expect(listed.filter(({ metadataState }) => metadataState === 'invalid')).toEqual([])
    succeeded(await product.createBackup())
    restored(await product.restoreBackup(created.filename, { confirm: true }))
    expectCommit(scene.databasePath, BACKED_UP)
    expect(leftoversIn(scene.directory)).toEqual([])
  },
  600_000,
)

/** A loop that is started ahead of its time: loading its modules takes longer than it lives. */
class Loop {
  readonly done: Record<'create' | 'restore', number> = { create: 0, restore: 0 }
  readonly failures: string[] = []
  readonly #child: ChildProcess
  readonly #exited: Promise<unknown>

  constructor(scene: Scene, backup: string, first: 'create' | 'restore') {
    this.#child = fork(LOOP, [scene.databasePath, scene.backupDir, backup, first], {
      execArgv: ['--no-warnings'],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    })
    this.#exited = once(this.#child, 'exit')
    onTestFinished(() => void this.#child.kill('SIGKILL'))
  }

  /** Lets it work for so many steps and then a moment, kills it, and waits until nothing that it started runs. */
  async live(steps: number, thenMs: number): Promise<void> {
    let pids: readonly number[] = []
    await new Promise<void>((resolve, reject) => {
      let count = 0
      this.#child.once('exit', () => reject(new Error('the loop ended by itself')))
      this.#child.on('message', (message: LoopMessage) => {
        if (message.kind === 'failed') this.failures.push(message.failure)
        else if (message.kind === 'done') this.done[message.operation]++
        else if (++count >= steps) resolve()
        if (message.kind === 'step' && message.pids.length > 0) pids = message.pids
      })
      this.#child.send('go')
    })
    await sleep(thenMs)
    this.#child.kill('SIGKILL')
    await this.#exited
    await untilEnded(pids)
  }
}

/** Writes all the time; in rollback mode with breath between commits, as otherwise hardly an operation would end. */
async function startWriting(scene: Scene, journalMode: 'wal' | 'delete'): Promise<() => Promise<number>> {
  if (journalMode === 'wal') {
    const writer = await WriterProcess.start(scene.databasePath, scene.directory)
    return async () => {
      expect(await writer.stop()).toBe('')
      return writer.acknowledged
    }
  }
  const connection = openDatabase(scene.databasePath, { journalMode })
  let last = commitToLedger(connection)
  const timer = setInterval(() => (last = commitToLedger(connection)), 5)
  onTestFinished(() => clearInterval(timer))
  return async () => {
    clearInterval(timer)
    connection.close()
    return last
  }
}

/** The database is some commit, whole, although its writer goes on. */
function expectWhole(scene: Scene): void {
  const connection = new DatabaseSync(scene.databasePath, { readOnly: true, timeout: 60_000 })
  try {
    connection.exec('BEGIN')
    expect(connection.prepare('PRAGMA integrity_check').all()).toEqual([{ integrity_check: 'ok' }])
    expect(ledgerProblems(connection)).toEqual([])
  } finally {
    connection.close()
  }
}

/** Every image that has come to be in its final place is whole; those known before were not touched. */
function checkStored(scene: Scene, known: Map<string, string>): void {
  const stored = filesBelow(scene.backupDir).filter(name => /^[a-z_]+\/[^.][^/]*\.(db|json)$/.test(name))
  expect(stored).toEqual(expect.arrayContaining([...known.keys()]))
  for (const name of stored) {
    const path = join(scene.backupDir, name)
    const { size, mtimeNs, ino } = statSync(path, { bigint: true })
    const state = `${size} ${mtimeNs} ${ino}`
    if (!known.has(name)) {
      if (name.endsWith('.db')) assertIntact(path)
      else expectMetadataOf(scene, path)
    }
    expect(known.get(name) ?? state, name).toBe(state)
    known.set(name, state)
  }
}

/** What metadata says of its image is so. */
function expectMetadataOf(scene: Scene, path: string): void {
  const metadata = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>
  const image = join(scene.backupDir, String(metadata['backup_type']), basename(path, '.json'))
  const bytes = readFileSync(image)
  expect(metadata).toMatchObject({
    file_size: bytes.length,
    checksum: createHash('sha256').update(bytes).digest('hex'),
  })
}

/** Numbers from 0 to 1, the same ones for the same seed (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
