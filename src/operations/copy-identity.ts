import { editMetadata } from '../catalog/edit-metadata.ts'
import type { Metadata } from '../catalog/metadata.ts'

/**
 * What makes a backup the same one wherever it is stored, whatever its file is called there and however it is encoded:
 * two of an unchanged database have the same image, and two machines may give two backups the same name.
 */
export function identityOf({
  backup_type,
  created_at,
  timestamp,
  image_checksum,
  checksum,
  database,
}: Metadata): string {
  return JSON.stringify([database ?? null, backup_type, created_at ?? timestamp, image_checksum ?? checksum])
}

/** A backup's metadata as a target has it: what the backup directory alone knows is left out. */
export function textForTargets(text: string): string {
  return editMetadata(text, { copies: undefined })
}
