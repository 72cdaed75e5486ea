import type { Context } from '../context.ts'
import type { BackupQueried, QueryBackupRequest } from '../reports.ts'

export async function queryBackup(
  request: QueryBackupRequest & { readonly backup: string },
  context: Context,
): Promise<BackupQueried> {
  throw new Error(`Not yet: ${request.backup} ${context.settings.name}`)
}
