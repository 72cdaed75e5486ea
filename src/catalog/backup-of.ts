import type { BackupInfo } from './backup-info.ts'
import type { Metadata, StoredCopy } from './metadata.ts'
import { type ParsedFilename, parseFilename } from './names.ts'

/** What is known of a stored file without its metadata. */
export interface StoredFacts extends Pick<BackupInfo, 'filename' | 'type' | 'target' | 'path' | 'size'> {
  readonly modified: Date
}

export type MetadataFields = Pick<BackupInfo, 'metadata' | 'metadataState' | 'metadataProblem'>

/** A listed backup, of its stored file and its metadata. The file's name must be a backup's. */
export function backupOf({ modified, ...stored }: StoredFacts, fields: MetadataFields): BackupInfo {
  const parsed = parseFilename(stored.filename) as ParsedFilename
  const known = fields.metadata
  return {
    ...stored,
    // The file's name first: damaged metadata must not hide a backup from its database's list.
    database: parsed.database ?? known?.database ?? null,
    created: known?.created_at ?? modified.toISOString(),
    checksum: known?.checksum ?? null,
    description: known?.description ?? null,
    createdBy: known?.created_by ?? null,
    databaseVersion: known?.database_version ?? null,
    encoding: parsed.encoding,
    pinned: known?.pinned ?? null,
    copies: knownCopies(known?.copies),
    signature: null,
    ...fields,
  }
}

/** Names of the targets that are noted to have a copy which is not known to be damaged. */
export function knownCopies(copies: Metadata['copies']): string[] {
  return targetsNoted(copies, copy => copy.damaged_at === undefined)
}

/** Names of the targets whose copy was found damaged, and has not been replaced. */
export function damagedCopies(copies: Metadata['copies']): string[] {
  return targetsNoted(copies, copy => copy.damaged_at !== undefined)
}

function targetsNoted(copies: Metadata['copies'], isMeant: (copy: StoredCopy) => boolean): string[] {
  const noted = Object.entries(copies ?? {})
  return noted.flatMap(([target, copy]) => (copy !== null && isMeant(copy) ? [target] : [])).toSorted()
}
