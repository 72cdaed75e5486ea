/** The operations that the disks' faults meet, each on a database of commit NOW with a backup of BACKED_UP. */
import { copyFileSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Failure, Progress } from '../../src/index.ts'
import { BACKED_UP, backUpThenChange, NOW, rebuild, removeDatabase, type Scene } from '../restore/scene.ts'
import { openDatabase } from '../support/databases.ts'
import { commitToLedger } from '../support/ledger.ts'
import { collectMoments } from './moments.ts'

export interface Situation {
  readonly name: string
  readonly operation: 'create' | 'restore'
  /** What the database is: `left-wal`: its newest commit is in a WAL that a killed application left behind. */
  readonly database: 'wal' | 'left-wal' | 'delete' | 'missing'
}

export const CREATE: readonly Situation[] = [
  { name: 'create in WAL mode', operation: 'create', database: 'wal' },
  { name: 'create with a WAL left behind', operation: 'create', database: 'left-wal' },
  { name: 'create in rollback mode', operation: 'create', database: 'delete' },
]

export const RESTORE: readonly Situation[] = [
  { name: 'restore over WAL mode', operation: 'restore', database: 'wal' },
  { name: 'restore over rollback mode', operation: 'restore', database: 'delete' },
  { name: 'restore where nothing is', operation: 'restore', database: 'missing' },
]

export type Result = { readonly success: true } | Failure

/** Brings a scene into the situation, also one that another run has left. */
export async function prepare(scene: Scene, { database }: Situation): Promise<void> {
  for (const directory of [scene.path('data'), scene.backupDir]) empty(directory)
  const journalMode = database === 'delete' ? 'delete' : 'wal'
  await backUpThenChange(scene, { backedUp: { commits: BACKED_UP }, now: { journalMode } })
  if (database === 'missing') removeDatabase(scene.databasePath)
  if (database === 'left-wal') leaveWal(scene)
}

/** Makes the database one commit younger, and commits that one to a WAL that nobody checkpoints. */
function leaveWal({ databasePath, path }: Scene): void {
  const elsewhere = path('elsewhere.db')
  rebuild(elsewhere, { commits: NOW - 1 })
  const connection = openDatabase(elsewhere)
  connection.exec('PRAGMA wal_autocheckpoint = 0')
  commitToLedger(connection)
  removeDatabase(databasePath)
  for (const suffix of ['', '-wal']) copyFileSync(elsewhere + suffix, databasePath + suffix)
  connection.close()
  removeDatabase(elsewhere)
}

/** Removes what is in a directory; the directory itself may be a mount point. */
function empty(directory: string): void {
  for (const name of readdirSafely(directory)) rmSync(join(directory, name), { recursive: true, force: true })
}

function readdirSafely(directory: string): string[] {
  try {
    return readdirSync(directory).filter(name => name !== 'lost+found')
  } catch {
    return []
  }
}

/** Runs the operation in this process, so that a disturbance comes exactly when a step begins. */
export async function perform(
  scene: Scene,
  { operation }: Situation,
  onProgress: (progress: Progress) => void = () => {},
): Promise<Result> {
  const product = scene.product({ engine: 'here', waitForLockMs: 2_000 })
  return operation === 'create'
    ? product.createBackup({ onProgress })
    : product.restoreBackup('latest', { confirm: true, onProgress })
}

/** The moments of an undisturbed run, in their order. */
export async function momentsOf(scene: Scene, situation: Situation): Promise<string[]> {
  await prepare(scene, situation)
  const moments = new Set<string>()
  using watching = collectMoments(moments)
  const result = await perform(scene, situation, watching.onProgress)
  if (!result.success) throw new Error(`${situation.name}: ${result.code}: ${result.message}`)
  return [...moments]
}
