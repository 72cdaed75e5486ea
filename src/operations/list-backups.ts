import type { BackupInfo } from '../catalog/backup-info.ts'
import type { Context } from './context.ts'
import { listStored } from './list-stored.ts'
import type { ListBackupsRequest } from './reports.ts'

export interface BackupsListed {
  readonly success: true
  readonly backups: readonly BackupInfo[]
}

/** The backups of the database, newest first. Reads only the catalog, the backup directory's or a target's. */
export async function listBackups(request: ListBackupsRequest, context: Context): Promise<BackupsListed> {
  const { type, limit, target } = request
  const backups = await listStored(target, { database: context.settings.name, type, limit }, context)
  return { success: true, backups }
}
