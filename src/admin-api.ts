/**
 * The operations as functions, on the default database of the configuration: `defaultDatabase`, else its first one, else
 * `CHAME_BACKUP_PATH`. Each call reads the configuration anew, asks what the method of {@link Database} of the same name
 * asks, and answers what that answers.
 */
import { Database } from './index.ts'

type Methods = Pick<
  Database,
  | 'createBackup'
  | 'listBackups'
  | 'restoreBackup'
  | 'verifyBackup'
  | 'exportData'
  | 'cleanupOldBackups'
  | 'info'
>

export const createBackup: Methods['createBackup'] = request => new Database().createBackup(request)

/** Throws `BackupError`. */
export const listBackups: Methods['listBackups'] = request => new Database().listBackups(request)

export const restoreBackup: Methods['restoreBackup'] = (backup, request) =>
  new Database().restoreBackup(backup, request)

export const verifyBackup: Methods['verifyBackup'] = (backup, request) =>
  new Database().verifyBackup(backup, request)

export const exportData: Methods['exportData'] = request => new Database().exportData(request)

export const cleanupOldBackups: Methods['cleanupOldBackups'] = request =>
  new Database().cleanupOldBackups(request)

export const info: Methods['info'] = request => new Database().info(request)
