import type { BackupInfo } from './backup-info.ts'

/**
 * A good backup: its stored image passed a check when it was made or since, no later check found damage, and the
 * file has the size that its metadata says. One that was made with `check: 'none'`, as every pre_restore backup is,
 * is not known to be good.
 */
export function isGood({ size, metadata }: Pick<BackupInfo, 'size' | 'metadata'>): boolean {
  return typeof metadata?.verified_at === 'string' && size === metadata.file_size
}
