import type { BackupInfo } from '../catalog/backup-info.ts'
import { listCatalog } from '../catalog/list.ts'
import type { Context } from './context.ts'
import type { ListBackupsRequest } from './reports.ts'

export interface BackupsListed {
  readonly success: true
  readonly backups: readonly BackupInfo[]
}

/** The backups of the database, newest first. Reads only the catalog. */
export async function listBackups(
  request: ListBackupsRequest,
  { settings }: Context,
): Promise<BackupsListed> {
  const backups = await listCatalog(settings.backupDir, {
    database: settings.name,
    type: request.type,
    limit: request.limit,
  })
  return { success: true, backups }
}
