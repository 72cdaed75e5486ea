/** What the metadata of a backup says of the image in it. */
import type { BackupInfo } from '../catalog/backup-info.ts'
import { type Expected, expectedOf } from './check-stored.ts'

/** What the metadata says that the image should be. */
export function expectedImageOf(backup: BackupInfo): Expected {
  const { encoding, metadata } = backup
  if (encoding === 'plain') return expectedOf(backup)
  return {
    what: 'image',
    sizeBytes: metadata?.image_size ?? null,
    checksum: metadata?.image_checksum ?? null,
  }
}

/** Bytes of a backup's image; of one without metadata only the stored file's are known. */
export function imageBytes({ size, encoding, metadata }: BackupInfo): number {
  return encoding === 'plain' ? size : (metadata?.image_size ?? size)
}

/** Whether SQLite checked it when it was made, and nothing that looked inside since has found damage there. */
export function wasChecked({ metadata }: BackupInfo): boolean {
  return (metadata?.check ?? 'none') !== 'none' && metadata?.damaged_at === undefined
}
