/** The database itself, as it is now: the part of `info` for which it has to be opened. */
import { stat } from 'node:fs/promises'
import { BackupError } from '../errors.ts'
import { findDatabase } from '../snapshot/source-files.ts'
import { unlessCutShort } from '../snapshot/read-through.ts'
import { fromSqlite } from '../snapshot/sqlite-failure.ts'
import { endRead } from '../snapshot/take-wal.ts'
import type { ReadFacts } from '../sqlite/requests.ts'
import { during, isNotThere } from '../storage/io-errors.ts'
import { begin, type Context } from './context.ts'
import type { DatabaseDescribed, DescribeRequest } from './reports.ts'

/** Rows are counted up to this many pages: a count reads every page of a table, under a read transaction. */
const COUNT_PAGES_MAX = 25_000

/** Says of the database what it is. One that cannot be read is part of the answer. */
export async function describeDatabase(
  _request: DescribeRequest,
  context: Context,
): Promise<DatabaseDescribed> {
  begin(context, 'find-database')
  const { settings, sqlite, signal } = context
  try {
    const database = await findDatabase(settings.path)
    const [main, wal] = await Promise.all([sizeOf(database), sizeOf(`${database}-wal`)])
    const beginRead = (): Promise<ReadFacts> =>
      sqlite.ask('beginRead', { path: database, waitMs: settings.waitForLockMs }, { signal })
    const read = await unlessCutShort(beginRead, database, signal)
    try {
      const { pageSize, pageCount, freePages, tables } = await sqlite.ask(
        'describe',
        { countPagesMax: COUNT_PAGES_MAX },
        { signal },
      )
      return {
        success: true,
        database: {
          sizeBytes: main,
          walBytes: wal,
          pageSize,
          pageCount,
          freePages,
          journalMode: read.journalMode,
          encoding: read.encoding,
          userVersion: read.userVersion,
          sqliteVersion: read.sqliteVersion,
          tables,
        },
        databaseProblem: null,
      }
    } finally {
      await endRead({ sqlite, signal })
    }
  } catch (error) {
    const known = fromSqlite(error, settings.path)
    if (!(known instanceof BackupError) || known.code === 'CANCELLED') throw known
    return { success: true, database: null, databaseProblem: known.message }
  }
}

async function sizeOf(path: string): Promise<number> {
  return during('read', path, async () => {
    try {
      return (await stat(path)).size
    } catch (error) {
      if (isNotThere(error)) return 0
      throw error
    }
  })
}
