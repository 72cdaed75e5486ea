/**
 * Helpers for test suites: keep a database's state before a test and bring it back after, or work on a
 * throw-away copy. Nothing here is flushed to the disk; it is for data that nobody would miss.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BackupError, Database, type Failure } from '../index.ts'

/** A database's state, kept in a temporary directory. */
export interface SavedDatabase extends AsyncDisposable {
  /** Brings the state back; connections that are open see it. May be called any number of times. */
  restore(): Promise<void>
  /** Removes the saved state. */
  discard(): Promise<void>
}

/**
 * Keeps the state of a database as it is now.
 *
 * @throws BackupError
 */
export async function saveDatabase(path: string): Promise<SavedDatabase> {
  const directory = await mkdtemp(join(tmpdir(), 'chame-backup-test-'))
  const database = new Database({ path, backupDir: directory, disposable: true })
  const discard = (): Promise<void> => rm(directory, { recursive: true, force: true })
  const saved = await database.createBackup({ check: 'none', encoding: 'plain' })
  if (!saved.success) {
    await discard()
    throw toError(saved)
  }
  return {
    async restore() {
      const restored = await database.restoreBackup(saved.backupPath, { confirm: true })
      if (!restored.success) throw toError(restored)
    },
    discard,
    [Symbol.asyncDispose]: discard,
  }
}

/** A copy of a database that goes when it is disposed of. */
export interface ThrowAwayCopy extends AsyncDisposable {
  readonly path: string
  discard(): Promise<void>
}

/**
 * A consistent copy of a database, live or not, to do anything with:
 * `await using copy = await throwAwayCopy('data/app.db')`
 *
 * @throws BackupError
 */
export async function throwAwayCopy(path: string): Promise<ThrowAwayCopy> {
  const directory = await mkdtemp(join(tmpdir(), 'chame-backup-test-'))
  const discard = (): Promise<void> => rm(directory, { recursive: true, force: true })
  const copied = await new Database({ path, backupDir: directory, disposable: true }).createBackup({
    check: 'none',
    // It is opened as it is, whatever the configuration makes of backups.
    encoding: 'plain',
  })
  if (copied.success) return { path: copied.backupPath, discard, [Symbol.asyncDispose]: discard }
  await discard()
  throw toError(copied)
}

type Hook = (run: () => Promise<void>) => unknown

/** The hooks of a test runner. Vitest and Jest name the last one `afterAll`, node:test `after`. */
export interface EachHooks {
  readonly beforeEach: Hook
  readonly afterEach: Hook
}

export interface AllHooks {
  readonly beforeAll?: Hook
  readonly before?: Hook
  readonly afterAll?: Hook
  readonly after?: Hook
}

/**
 * Brings the database back after each test of the suite to what it was before that test.
 *
 * @param hooks the runner's `{ beforeEach, afterEach }`; default: the global ones, as in Jest
 */
export function restoreAfterEach(path: string, hooks: EachHooks = globalHooks()): void {
  let saved: SavedDatabase | undefined
  hooks.beforeEach(async () => {
    saved = await saveDatabase(path)
  })
  hooks.afterEach(async () => {
    await restoreAndDiscard(saved)
  })
}

/**
 * Brings the database back after the suite to what it was before it.
 *
 * @param hooks the runner's `{ beforeAll, afterAll }`, or node:test's `{ before, after }`; default: the global ones
 */
export function restoreAfterAll(path: string, hooks: AllHooks = globalHooks()): void {
  const before = hooks.beforeAll ?? hooks.before
  const after = hooks.afterAll ?? hooks.after
  if (before === undefined || after === undefined) throw noHooks()
  let saved: SavedDatabase | undefined
  before(async () => {
    saved = await saveDatabase(path)
  })
  after(async () => {
    await restoreAndDiscard(saved)
  })
}

async function restoreAndDiscard(saved: SavedDatabase | undefined): Promise<void> {
  try {
    await saved?.restore()
  } finally {
    await saved?.discard()
  }
}

function globalHooks(): EachHooks & AllHooks {
  const hooks = globalThis as unknown as Partial<EachHooks & AllHooks>
  if (hooks.beforeEach === undefined || hooks.afterEach === undefined) throw noHooks()
  return hooks as EachHooks & AllHooks
}

function noHooks(): BackupError {
  return new BackupError('INVALID_ARGUMENT', 'There are no test hooks to use', {
    hint: "Pass the runner's own, for example those of `import { beforeEach, afterEach } from 'node:test'`.",
  })
}

function toError(failure: Failure): BackupError {
  return new BackupError(
    failure.code,
    failure.message,
    failure.hint === undefined ? {} : { hint: failure.hint },
  )
}
