/**
 * Taking an image of a database that a killed process left with a hot journal. Rolling it back in place
 * would write the database; so it is copied together with its journal, and SQLite recovers the copy.
 */
import { statSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { BackupError } from '../errors.ts'
import { SqliteError } from '../sqlite/sqlite-process.ts'
import { readAvailable } from '../storage/transfer.ts'
import { copyWhole } from './copy-file.ts'
import { HEADER_BYTES, parseDatabaseHeader } from './database-header.ts'
import { changing, openIfThere, RawFile, readHeaderOf } from './source-files.ts'
import { SQLITE } from './sqlite-failure.ts'
import { watchForWrites } from './stillness.ts'
import { forgetSuperJournal } from './super-journal.ts'
import type { TakenImage, TakeOptions } from './taken-image.ts'
import { takeFromRollbackMode } from './take-rollback.ts'
import { takeFromWalMode } from './take-wal.ts'
import { WritableFile } from './writable-file.ts'

export async function takeRecovered(database: string, options: TakeOptions): Promise<TakenImage> {
  const { signal, file, onSize } = options
  const scratch = `${file}.recovering`
  using main = new RawFile(database)
  using journal = openIfThere(`${database}-journal`)
  using wal = openIfThere(`${database}-wal`)
  // Somebody else has rolled it back since; an ordinary try will do.
  if (journal === null) throw changing(database)
  // The copies are of one moment only if nobody rolled back, which deletes the journal, or wrote meanwhile.
  const isStill = await watchForWrites([
    [database, main],
    [`${database}-journal`, journal],
    [`${database}-wal`, wal],
  ])
  await onSize(2 * main.size + journal.size + (wal?.size ?? 0))
  try {
    await copyWhole(database, scratch, signal)
    await copyWhole(`${database}-journal`, `${scratch}-journal`, signal)
    // SQLite rolls back first, and then reads what the WAL holds.
    if (wal !== null) await copyWhole(`${database}-wal`, `${scratch}-wal`, signal)
  } catch (error) {
    throw signal.aborted || isStill() ? error : changing(database)
  }
  if (!isStill()) throw changing(database)
  await forgetSuperJournal(`${scratch}-journal`)
  await recover(scratch, options)
  cutToDatabase(scratch)
  // A journal may lie beside a database in WAL mode: one that was cut off its own, or was put there.
  const take = readHeaderOf(scratch)?.isWal === true ? takeFromWalMode : takeFromRollbackMode
  const taken = await take(scratch, options)
  await rm(scratch)
  return { ...taken, way: 'recovered' }
}

/** SQLite opens for reading what it cannot open for writing, and finds the journal that it cannot roll back. */
async function recover(scratch: string, { sqlite, signal }: TakeOptions): Promise<void> {
  try {
    await sqlite.ask('recover', { path: scratch }, { signal })
  } catch (cause) {
    if (!(cause instanceof SqliteError) || cause.resultCode !== SQLITE.READONLY_ROLLBACK) throw cause
    throw new BackupError('IO_FAILED', `SQLite could not open the copy to roll it back: ${scratch}`, {
      hint: 'Check the disk, the system log and the limit of open files (ulimit -n), and try again.',
      path: scratch,
      cause,
    })
  }
}

/** A journal may say any size that the file had before; what the database in it does not use is not worth a copy. */
function cutToDatabase(scratch: string): void {
  using file = new WritableFile(scratch)
  const start = Buffer.alloc(HEADER_BYTES)
  readAvailable(file, start, 0)
  const header = parseDatabaseHeader(start)
  if (header === null || header.pageCount === null) return
  file.setSize(Math.min(header.pageCount * header.pageSize, statSync(scratch).size))
}
