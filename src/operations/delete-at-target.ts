/**
 * Deleting a backup at a target so that it is there as a whole or not at all, whenever somebody is killed: a mark is set,
 * its metadata goes, its file goes, then the mark. Whoever cleans up next finishes what has a mark.
 */
import type { BackupInfo } from '../catalog/backup-info.ts'
import { METADATA_BYTES_MAX } from '../catalog/target-catalog.ts'
import { imageKey, type Mark, markKey, metadataKey } from '../catalog/target-keys.ts'
import { readObject } from '../storage/read-object.ts'
import type { Target } from '../storage/target.ts'
import { begin, type Context } from './context.ts'
import { isOld } from './pack-marks.ts'
import type { TargetCatalog } from './target-access.ts'

/**
 * Deletes a backup of the target, for good. When its file cannot be deleted the backup is whole again, and the error
 * thrown: `OBJECT_LOCKED` where the target keeps it.
 */
export async function deleteAtTarget(target: Target, backup: BackupInfo, context: Context): Promise<void> {
  const { signal } = context
  const { type, filename } = backup
  const mark: Mark = { kind: 'deleting', type, filename }
  const key = metadataKey(filename)
  begin(context, 'mark-deleted')
  const text = await readObject(target, key, { signal, bytesMax: METADATA_BYTES_MAX })
  await target.putIfAbsent(markKey(mark), Buffer.from(backup.checksum ?? ''), { signal })
  try {
    await target.delete(key, { signal })
    begin(context, 'delete-image')
    await target.delete(imageKey(backup), { signal })
  } catch (error) {
    await takeBack(target, mark, text, signal).catch(() => {})
    throw error
  }
  begin(context, 'delete-metadata')
  await target.delete(markKey(mark), { signal })
}

/** A backup whose file stays is one. */
async function takeBack(target: Target, mark: Mark, text: Uint8Array, signal: AbortSignal): Promise<void> {
  if ((await target.head(imageKey(mark), { signal })) === null) return
  await target.putIfAbsent(metadataKey(mark.filename), text, { signal })
  await target.delete(markKey(mark), { signal })
}

/**
 * Finishes the deletions that killed runs have begun, and removes what is left of copies that nobody completes; returns
 * the file names of the former. What cannot be removed stays for the next run.
 */
export async function finishAtTarget(
  target: Target,
  { marks, described }: TargetCatalog,
  context: Context,
): Promise<string[]> {
  begin(context, 'finish-deletions')
  const finished: string[] = []
  for (const mark of marks) {
    const isDescribed = described.has(mark.filename)
    // Nobody copies for so long between a file's last byte and its metadata.
    const isAbandoned = isOld(mark.modified, context.now())
    // Beside metadata, or fresh, it may be somebody's who is at work.
    if (!isAbandoned && (isDescribed || mark.kind === 'copying')) continue
    try {
      if (!isDescribed) await target.delete(imageKey(mark), { signal: context.signal })
      await target.delete(markKey(mark), { signal: context.signal })
      if (!isDescribed && mark.kind === 'deleting') finished.push(mark.filename)
    } catch {
      // The next run tries again.
    }
  }
  return finished
}
