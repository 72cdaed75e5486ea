/** The same backup where the database is in another state: much of it in the WAL, or no WAL at all. */
import type { BenchContext } from '../bench-context.ts'
import * as contenders from '../contenders.ts'
import { CP } from '../contenders.ts'
import { copyDatabase, fillWal, walSize } from '../make-database.ts'
import { measure } from '../measure.ts'
import { atMost, type Group } from '../table.ts'
import { withRatios } from './create.ts'

const NONE = 'chame-backup create, check none'

export async function createFromWal(database: string, context: BenchContext): Promise<Group> {
  const path = context.path('with-wal.db')
  copyDatabase(database, path)
  const walBytes = context.options.sizeBytes / 2
  const connection = fillWal(path, walBytes)
  try {
    await contenders.startEngine(path, context)
    const results = await measure(
      [
        contenders.cp(path, context, ['', '-wal']),
        contenders.createBackup(path, 'none', context),
        contenders.createBackup(path, 'quick', context),
        ...(context.hasSqlite ? [contenders.sqliteBackup(path, context)] : []),
      ],
      { sizeBytes: context.options.sizeBytes * 1.5, warm: [path, `${path}-wal`], runs: context.options.runs },
      context,
    )
    return {
      id: 'create-wal',
      title: `Backup with ${Math.round(walSize(path) / (1 << 20))} MB in the write-ahead log`,
      unit: 'ms',
      baseline: CP,
      rows: withRatios(results, CP, { [NONE]: ({ ratioTo }) => [atMost(2, ratioTo(CP), ` ${CP}`)] }),
      notes: [`${CP} copies main file and -wal; it merges nothing and checks nothing.`],
    }
  } finally {
    connection.close()
    context.remove(path)
  }
}

export async function createFromRollbackMode(database: string, context: BenchContext): Promise<Group> {
  const path = context.path('rollback.db')
  copyDatabase(database, path, 'delete')
  try {
    await contenders.startEngine(path, context)
    const results = await measure(
      [
        contenders.cp(path, context),
        contenders.createBackup(path, 'none', context),
        contenders.createBackup(path, 'quick', context),
        ...(context.hasSqlite ? [contenders.sqliteBackup(path, context)] : []),
      ],
      { sizeBytes: context.options.sizeBytes, warm: [path], runs: context.options.runs },
      context,
    )
    return {
      id: 'create-rollback',
      title: 'Backup of a database in rollback-journal mode',
      unit: 'ms',
      baseline: CP,
      rows: withRatios(results, CP, {
        [NONE]: ({ ratioTo }) => [atMost(1.6, ratioTo(CP), ` ${CP}`)],
      }),
      notes: [
        'The file is copied without a lock, then compared and corrected under one: writers wait for that only.',
      ],
    }
  } finally {
    context.remove(path)
  }
}
