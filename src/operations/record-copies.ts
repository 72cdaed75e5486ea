import type { BackupInfo } from '../catalog/backup-info.ts'
import type { Metadata, StoredCopy } from '../catalog/metadata.ts'
import { type Context, withoutCancelling } from './context.ts'
import { editStoredMetadata } from './edit-stored-metadata.ts'

/** By target: what it has now; undefined, nothing; null, nothing on purpose. */
export type CopyNotes = Readonly<Record<string, StoredCopy | null | undefined>>

/**
 * Notes in the backup directory what targets have of a backup. What cannot be noted does not undo the copy: the next
 * sync notes it.
 */
export async function recordCopies(backup: BackupInfo, notes: CopyNotes, context: Context): Promise<void> {
  // Of what is kept at targets alone nothing is noted here.
  if (backup.target !== null || Object.keys(notes).length === 0) return
  const edit = ({ copies }: Metadata): Partial<Metadata> => {
    const left = Object.entries({ ...copies, ...notes }).filter(([, copy]) => copy !== undefined)
    return { copies: left.length === 0 ? undefined : (Object.fromEntries(left) as Metadata['copies']) }
  }
  await editStoredMetadata(backup, edit, withoutCancelling(context)).catch(() => {})
}
