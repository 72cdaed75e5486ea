import type { BackupRestored, RestorePlan } from '../../src/index.ts'
import { restoreBackup } from '../../src/operations/restore-backup.ts'
import { contextOf, type ContextOptions } from '../support/operation.ts'
import { type SqliteWatcher, WatchedSqlite } from '../support/watched-sqlite.ts'
import type { Scene } from './scene.ts'

/** Restores the latest backup while `watcher` has its way with the SQLite process. */
export function restoreWatched(
  { databasePath: path, backupDir }: Scene,
  watcher: SqliteWatcher,
  options: Omit<ContextOptions, 'path'> & { readonly dryRun?: boolean } = {},
): Promise<BackupRestored | RestorePlan> {
  const { dryRun = false, ...rest } = options
  const context = contextOf({ path, backupDir, sqlite: new WatchedSqlite(watcher), ...rest })
  return restoreBackup({ backup: 'latest', confirm: true, dryRun }, context)
}
