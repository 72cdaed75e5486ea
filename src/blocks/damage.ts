import { BackupError } from '../errors.ts'

/** The error for bytes of the store that are not what was written. */
export function damaged(path: string, what: string): BackupError {
  return new BackupError('BACKUP_DAMAGED', `Backup integrity check failed: ${what}: ${path}`, {
    hint: 'The stored file was changed or the disk lost a part of it. Use another backup; `chame-backup verify` names those that are intact.',
    path,
  })
}

/** Whether an error says that stored bytes are damaged or missing, as opposed to a disk that refuses. */
export function isDamage(error: unknown): error is BackupError {
  return error instanceof BackupError && error.code === 'BACKUP_DAMAGED'
}

/** What something resolves to; null when stored bytes that it needs are damaged or missing. */
export async function unlessDamaged<T>(act: () => T | Promise<T>): Promise<T | null> {
  try {
    return await act()
  } catch (error) {
    if (isDamage(error)) return null
    throw error
  }
}
