/** What a backup is worth to retention: whether it is one of ours at all, and whether anyone has checked it. */
import type { BackupInfo } from '../catalog/backup-info.ts'
import { parseFilename } from '../catalog/names.ts'

/** What is looked at of a backup. */
export type Candidate = Pick<
  BackupInfo,
  | 'filename'
  | 'type'
  | 'database'
  | 'created'
  | 'size'
  | 'pinned'
  | 'signature'
  | 'metadataState'
  | 'metadata'
>

/** Why nothing but its owner may delete it: it is not what we name and describe; null for one of ours. */
export function foreignness(backup: Candidate): Foreignness | null {
  const { metadataState, metadata, filename, type } = backup
  if (metadataState === 'missing') return 'no-metadata'
  if (metadata === null) return 'metadata-invalid'
  const named = parseFilename(filename)
  const isWhereItSays = named?.type === type && metadata.backup_type === type
  const isOfWhatItSays = metadata.database === undefined || metadata.database === named?.database
  return isWhereItSays && isOfWhatItSays ? null : 'name-differs'
}

export type Foreignness = 'no-metadata' | 'metadata-invalid' | 'name-differs'
