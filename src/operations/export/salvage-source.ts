/** What an export of a damaged database reads: an image where one can be taken, otherwise the files as they are. */
import { stat } from 'node:fs/promises'
import type { WorkDirectory } from '../../catalog/work-directory.ts'
import { BackupError, type ErrorCode } from '../../errors.ts'
import { copyWhole } from '../../snapshot/copy-file.ts'
import { mendHeader } from '../../snapshot/mend-header.ts'
import { unlessCutShort } from '../../snapshot/read-through.ts'
import { readHeaderOf } from '../../snapshot/source-files.ts'
import { fromSqlite } from '../../snapshot/sqlite-failure.ts'
import { forgetSuperJournal } from '../../snapshot/super-journal.ts'
import { requireSpace } from '../../storage/durable.ts'
import { unlessMissing } from '../../storage/io-errors.ts'
import type { Context } from '../context.ts'
import { RowSource } from './row-source.ts'

/** What is said of a file that is there and can be read, but makes no sense. */
const DAMAGED: ReadonlySet<ErrorCode> = new Set(['DATABASE_DAMAGED', 'DATABASE_INVALID', 'DATABASE_CHANGING'])

export function isDamage(error: unknown): boolean {
  return error instanceof BackupError && DAMAGED.has(error.code)
}

/**
 * Opens what can be read of the database at `path`.
 *
 * @param image a file of the database that nobody writes; null where no image could be taken, for `reason`
 */
export async function openSalvageable(
  path: string,
  { image, reason }: { readonly image: string | null; readonly reason: unknown },
  work: WorkDirectory,
  context: Context,
): Promise<RowSource> {
  let failure = reason
  if (image !== null) {
    try {
      return await openRows(image, 'immutable', path, context)
    } catch (error) {
      if (!isDamage(error)) throw error
      failure = error
    }
  }
  const copy = await copyFiles(path, work, context)
  for (const [way, reserved] of WAYS) {
    try {
      if (mendHeader(copy, reserved)) return await openRows(copy, way, path, context)
    } catch (error) {
      if (!isDamage(error)) throw error
    }
  }
  throw nothingToSalvage(path, failure)
}

/** With what the side files hold, if they make sense; and with each thing that the header may mean. */
const WAYS = [
  ['copy', 'as-said'],
  ['copy', 'none'],
  ['immutable', 'as-said'],
  ['immutable', 'none'],
] as const

async function openRows(
  file: string,
  way: 'immutable' | 'copy',
  path: string,
  { settings, signal }: Context,
): Promise<RowSource> {
  try {
    const place = { path: file, way, waitMs: settings.waitForLockMs, isSalvaging: true }
    // Only a live one is refused.
    const open = (): Promise<RowSource | null> => RowSource.open(place, settings.stallAfterMs, signal)
    const rows = (await unlessCutShort(open, file, signal)) as RowSource
    const { schema, lost } = rows
    if (lost.length === 0 || schema.tables.length > 0) return rows.inMode(isWal(file) ? 'wal' : 'delete')
    await rows.close()
    throw nothingToSalvage(path, lost[0]?.why)
  } catch (error) {
    throw fromSqlite(error, path)
  }
}

function isWal(file: string): boolean {
  return readHeaderOf(file)?.isWal === true
}

/** Copies of all files of the database, whose side files may hold what its own has not. */
async function copyFiles(path: string, work: WorkDirectory, { settings, signal }: Context): Promise<string> {
  const copy = work.file('salvaged.db')
  const suffixes = ['', '-wal', '-journal']
  const sizes = await Promise.all(suffixes.map(suffix => sizeOf(path + suffix)))
  const needed = sizes.reduce<number>((sum, size) => sum + (size ?? 0), 0)
  await requireSpace(settings.backupDir, needed, 'the copy to salvage from')
  for (const [index, suffix] of suffixes.entries())
    if (sizes[index] !== null) await copyWhole(path + suffix, copy + suffix, signal)
  if (sizes[2] !== null) await forgetSuperJournal(`${copy}-journal`)
  return copy
}

/** Null where there is no file: reading a FIFO in its place would wait for ever. */
async function sizeOf(path: string): Promise<number | null> {
  const stats = await unlessMissing(path, () => stat(path))
  return stats?.isFile() === true ? stats.size : null
}

function nothingToSalvage(path: string, reason: unknown): BackupError {
  const why = reason instanceof Error ? reason.message : String(reason)
  const code = reason instanceof BackupError ? reason.code : 'DATABASE_DAMAGED'
  return new BackupError(code, `Nothing of it can be salvaged (${why}): ${path}`, {
    hint: 'It may be encrypted, or another kind of file. Restore the newest good backup: chame-backup list shows them.',
    path,
    cause: reason,
  })
}
