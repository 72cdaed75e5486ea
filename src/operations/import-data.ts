import { chmod, lstat, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { WorkDirectory } from '../catalog/work-directory.ts'
import { BackupError, fromFailure, throwIfCancelled } from '../errors.ts'
import { unlessDiskFails } from '../snapshot/read-through.ts'
import { fromSqlite, SQLITE } from '../snapshot/sqlite-failure.ts'
import type { ImportOutcome } from '../sqlite/requests.ts'
import { SqliteError } from '../sqlite/sqlite-process.ts'
import { isThere, makeDirectory, syncDirectory, syncFile } from '../storage/durable.ts'
import { during, isNotThere } from '../storage/io-errors.ts'
import { putFile } from '../storage/put-in-place.ts'
import { begin, bytesOf, type Context, durabilityOf } from './context.ts'
import type { DataImported, ImportDataRequest } from './reports.ts'

/**
 * Makes a new database of an export. It is built and checked beside its place, flushed, and put there under
 * its name as the last step: killed at any instant, nothing is there, or the whole database.
 */
export async function importData(request: ImportDataRequest, context: Context): Promise<DataImported> {
  const started = performance.now()
  const { settings, signal } = context
  const source = resolve(request.from)
  const to = resolve(request.to)
  const directory = dirname(to)
  begin(context, 'find-export')
  await requireExport(source)
  await requireNothing(to)
  await makeDirectory(directory, settings.directoryMode, durabilityOf(context))
  begin(context, 'remove-leftovers')
  await using work = await WorkDirectory.open(directory, signal)
  const staged = work.file('new.db')
  begin(context, 'import-rows')
  const outcome = await build({ source, staged, format: request.format ?? null, to }, context)
  begin(context, 'check-import')
  const { tables, notes } = await check(staged, to, context)
  throwIfCancelled(signal)

  begin(context, 'publish-import')
  await during('set the mode of', staged, () => chmod(staged, settings.fileMode))
  const { size: bytes } = await during('read', staged, () => stat(staged))
  await syncFile(staged, durabilityOf(context))
  // Side files may have appeared meanwhile, or the name may have been taken.
  await requireNothing(to)
  await put(staged, to)
  await syncDirectory(directory, durabilityOf(context))
  const { format, sensitive, redacted, leftOut, lost } = outcome
  const counted = outcome.tables ?? tables
  return {
    success: true,
    databasePath: to,
    format,
    tables: counted,
    rows: Object.values(counted).reduce((sum, rows) => sum + rows, 0),
    bytes,
    sensitive,
    redacted,
    leftOut,
    lost,
    notes: [...outcome.notes, ...notes],
    durationMs: Math.round(performance.now() - started),
  }
}

interface Building {
  readonly source: string
  readonly staged: string
  readonly format: ImportDataRequest['format'] | null
  readonly to: string
}

async function build(
  { source, staged, format = null, to }: Building,
  context: Context,
): Promise<ImportOutcome> {
  const { sqlite, signal } = context
  const onBytes = bytesOf(context, 'import-rows')
  try {
    const answer = await sqlite.ask('importData', { source, format, to: staged }, { signal, onBytes })
    if ('failure' in answer) throw fromFailure(answer.failure)
    return answer
  } catch (error) {
    throw failureOf(error, to)
  }
}

/** What SQLite finds damaged of a database that it has just made is not what it was made of. */
function failureOf(error: unknown, to: string): unknown {
  const isDamage = error instanceof SqliteError && error.primaryCode === SQLITE.CORRUPT
  return isDamage ? damagedAnew(error.message, to) : fromSqlite(error, to)
}

function damagedAnew(damage: string, to: string): BackupError {
  return new BackupError('IO_FAILED', `The new database is damaged (${damage}); nothing was made: ${to}`, {
    hint: 'The disk or the memory of this machine may be failing. Check it before you try again.',
    path: to,
  })
}

interface Checked {
  readonly tables: Record<string, number>
  readonly notes: readonly string[]
}

/** What SQLite says of damage to a database, as opposed to rows that do not meet a constraint. */
const DAMAGE =
  /^(?:Tree |Page |Freelist|Main freelist|On tree |row \d+ missing|wrong # of entries|rowid |Fragmentation|database disk image)/i

/** Rows that do not meet a constraint may have been like that in the source; damage cannot have come from there. */
async function check(staged: string, to: string, { sqlite, signal }: Context): Promise<Checked> {
  try {
    const { problems, unchecked, tables } = await unlessDiskFails(
      () => sqlite.ask('check', { path: staged, level: 'full', countRows: true }, { signal }),
      staged,
      signal,
    )
    const damage = problems.find(problem => DAMAGE.test(problem))
    if (damage !== undefined) throw damagedAnew(damage, to)
    const left = unchecked.map(
      problem => `Not checked, because only the application has what it needs: ${problem}`,
    )
    return { tables: tables ?? {}, notes: [...problems.map(problem => `In the data: ${problem}`), ...left] }
  } catch (error) {
    throw failureOf(error, to)
  }
}

/** Overwrites nothing, whoever has put it there in the last instant. */
async function put(staged: string, to: string): Promise<void> {
  if (await putFile(staged, to)) return
  await requireNothing(to)
  throw new BackupError('IO_FAILED', `The name was taken when the new database was to get it: ${to}`, {
    hint: 'Nothing is there now. Try again, and check the file system if it happens again.',
    path: to,
  })
}

async function requireExport(source: string): Promise<void> {
  await during('read', source, async () => {
    try {
      await stat(source)
    } catch (error) {
      if (!isNotThere(error)) throw error
      throw new BackupError('EXPORT_NOT_FOUND', `Export not found: ${source}`, {
        hint: 'Check the path. Exports are made by chame-backup export.',
        path: source,
        cause: error,
      })
    }
  })
}

/** A side file of a database that is gone would be taken for the new one's. */
async function requireNothing(to: string): Promise<void> {
  for (const path of [to, `${to}-wal`, `${to}-shm`, `${to}-journal`]) {
    if (!(await isThere(path))) continue
    const isDirectory = await during('read', path, async () => (await lstat(path)).isDirectory())
    throw new BackupError(
      'TARGET_INVALID',
      `${isDirectory ? 'A directory' : 'A file'} is there already; an import overwrites nothing: ${path}`,
      { hint: 'Choose another path for the new database, or move away what is there.', path },
    )
  }
}
