/** Whether a file that is added looks like another database. It may be none all the same: a schema may change altogether. */
import type { BackupInfo } from '../catalog/backup-info.ts'
import { listCatalog } from '../catalog/list.ts'
import { foldName } from '../export/redact/parse-redaction.ts'
import type { StoredCheck } from './check-stored.ts'
import type { Context } from './context.ts'

/** What to say of it: that the newest backup here of which they are known has none of its tables; otherwise nothing. */
export async function noteOtherTables(
  { tables, unchecked }: Pick<StoredCheck, 'tables' | 'unchecked'>,
  { settings: { backupDir, name } }: Context,
): Promise<string[]> {
  if (tables === null || unchecked.length > 0) return []
  // Nothing that is to be added depends on whether the others can be read.
  const backups = await listCatalog(backupDir, { database: name }).catch((): readonly BackupInfo[] => [])
  const newest = backups.find(backup => backup.database === name && knownTables(backup).length > 0)
  if (newest === undefined) return []
  const known = new Set(knownTables(newest).map(foldName))
  if (Object.keys(tables).some(table => known.has(foldName(table)))) return []
  return [
    `It has none of the tables of ${newest.filename}, the newest backup of ${name} whose tables are known. Delete it again if it is of another database.`,
  ]
}

/** None where one of them can be read by its application alone: they may not be all. */
function knownTables({ metadata }: BackupInfo): string[] {
  return metadata?.unchecked === undefined ? Object.keys(metadata?.tables ?? {}) : []
}
