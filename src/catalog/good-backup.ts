import type { BackupInfo } from './backup-info.ts'

/**
 * A good backup: its stored image passed a check when it was made or since, no later check found damage, and the
 * file has the size that its metadata says. One that was made with `check: 'none'`, as every pre_restore backup is,
 * is not known to be good; nor is one that should be signed and is not, whatever its metadata says.
 */
export function isGood(backup: Pick<BackupInfo, 'size' | 'metadata' | 'signature'>): boolean {
  const { size, metadata } = backup
  return typeof metadata?.verified_at === 'string' && size === metadata.file_size && isTrusted(backup)
}

/** Whether its signature does not speak against it: it is one by a trusted key, or nobody asks for signatures. */
export function isTrusted({ signature }: Pick<BackupInfo, 'signature'>): boolean {
  return signature === null || signature === 'valid'
}
