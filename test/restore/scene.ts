/** A ledger whose backup holds one commit and whose file holds a later one. */
import { createHash } from 'node:crypto'
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { expect } from 'vitest'
import {
  type BackupCreated,
  type BackupRestored,
  Database,
  type DatabaseOptions,
  type Failure,
  type RestorePlan,
} from '../../src/index.ts'
import { buildLedger, type LedgerForm } from '../support/databases.ts'
import { assertIntact, withCopy } from '../support/intact.ts'
import { filesBelow, temporaryDirectory } from '../support/temporary.ts'

/** The commit that the backup holds. */
export const BACKED_UP = 20
/** The commit that the database holds when it is restored. */
export const NOW = 45

export interface ProductOptions extends DatabaseOptions {
  readonly waitForLockMs?: number
}

export interface Scene {
  readonly directory: string
  readonly databasePath: string
  readonly backupDir: string
  readonly path: (...parts: string[]) => string
  /** The product, with `waitForLockMs` from a configuration file in the directory. */
  product(options?: ProductOptions): Database
}

/** A directory for one database and its backups, removed when the running test ends. */
export function openScene(directory: string = temporaryDirectory()): Scene {
  const path = (...parts: string[]): string => join(directory, ...parts)
  const databasePath = path('data', 'app.db')
  const backupDir = path('backups')
  return {
    directory,
    databasePath,
    backupDir,
    path,
    product({ waitForLockMs = 30_000, ...options }: ProductOptions = {}) {
      const config = path(`wait-${waitForLockMs}.config.json`)
      if (!existsSync(config)) writeFileSync(config, JSON.stringify({ waitForLockMs }))
      return new Database({ path: databasePath, backupDir, config, ...options })
    },
  }
}

export interface Forms {
  readonly backedUp?: LedgerForm
  /** Null leaves the database at the commit that was backed up. */
  readonly now?: LedgerForm | null
}

/** Takes a backup of commit {@link BACKED_UP}, then puts a database of commit {@link NOW} in its place. */
export async function backUpThenChange(scene: Scene, { backedUp, now }: Forms = {}): Promise<BackupCreated> {
  rebuild(scene.databasePath, { commits: BACKED_UP, ...backedUp })
  const created = succeeded(await scene.product().createBackup())
  if (now !== null) rebuild(scene.databasePath, { commits: NOW, ...now })
  return created
}

/** Makes a ledger where something may be already. */
export function rebuild(path: string, form: LedgerForm): void {
  removeDatabase(path)
  mkdirSync(dirname(path), { recursive: true })
  buildLedger(path, form)
}

export function removeDatabase(path: string): void {
  for (const suffix of ['', '-wal', '-shm', '-journal']) rmSync(path + suffix, { force: true })
}

/** Asserts that the database is intact and holds exactly this commit. */
export function expectCommit(path: string, commits: number): void {
  expect(assertIntact(path), path).toEqual({ commits })
}

/** The answer of a pragma in a database that nobody has open. */
export function pragmaOf(path: string, pragma: string): unknown {
  return withCopy(
    path,
    connection => Object.values(connection.prepare(`PRAGMA ${pragma}`).get() ?? {})[0] ?? null,
  )
}

/** Changes one byte of a file. */
export function flipByte(path: string, position: number): void {
  const bytes = readFileSync(path)
  bytes[position] = (bytes[position] ?? 0) ^ 0xff
  writeFileSync(path, bytes)
}

/** Everything below a directory with its mode, and files with their content; `withTimes` also shows a write of the same bytes. */
export function treeOf(
  directory: string,
  { withTimes = false }: { readonly withTimes?: boolean } = {},
): Record<string, string> {
  return Object.fromEntries(
    filesBelow(directory).map(entry => {
      const path = join(directory, entry)
      const stats = lstatSync(path, { bigint: true })
      const mode = stats.mode.toString(8)
      if (!stats.isFile()) return [entry, mode]
      const content = createHash('sha256').update(readFileSync(path)).digest('hex')
      return [entry, `${mode} ${content}${withTimes ? ` ${stats.mtimeNs}` : ''}`]
    }),
  )
}

/** What an operation that was stopped has left unfinished. The scheduler's lock is there for good. */
export function leftoversIn(directory: string): string[] {
  return filesBelow(directory).filter(entry =>
    /^\.chame-(backup|work)-(?!scheduler\.lock$)/.test(basename(entry)),
  )
}

/** The names of the pre_restore backups and of what is kept beside them. */
export function keptIn(scene: Scene): string[] {
  const directory = join(scene.backupDir, 'pre_restore')
  return existsSync(directory) ? readdirSync(directory).toSorted() : []
}

export function succeeded<T extends { readonly success: true }>(result: T | Failure): T {
  if (!result.success) throw new Error(`${result.code}: ${result.message} (${result.hint})`)
  return result
}

/** The result of a restore that was no dry run. */
export function restored(result: BackupRestored | RestorePlan | Failure): BackupRestored {
  const done = succeeded(result)
  if (done.dryRun) throw new Error('this was a dry run')
  return done
}
