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
    const isAbandoned = isOld(mark.modified, context.now())
    // Beside metadata, or fresh, it may be somebody's who is at work.
    if (!isAbandoned && (isDescribed || mark.kind === 'copying')) continue
    try {
      if (!isDescribed && !(await deleteUndescribed(target, mark, context))) continue
      await target.delete(markKey(mark), { signal: context.signal })
      if (!isDescribed && mark.kind === 'deleting') finished.push(mark.filename)
    } catch {
      // The next run tries again.
    }
  }
  return finished
}

/**
 * Deletes what there is of a file without metadata; false when it is somebody's after all. A large copy over a slow line
 * takes longer than a mark counts, and may have been completed since the marks were listed: so all is looked at once more,
 * in the order in which who copies puts it, the metadata last.
 */
async function deleteUndescribed(target: Target, mark: Mark, { signal, now }: Context): Promise<boolean> {
  const image = await target.head(imageKey(mark), { signal })
  const marked = await target.head(markKey(mark), { signal })
  if (marked === null || (await target.head(metadataKey(mark.filename), { signal })) !== null) return false
  if (mark.kind === 'copying') {
    // Nobody copies for so long between a file's last byte and its metadata.
    const isAbandoned = [marked, image].every(there => there === null || isOld(there.modified, now()))
    if (!isAbandoned) return false
  }
  // One that has arrived since that look is new, and none of those to be deleted.
  if (image !== null) await target.delete(imageKey(mark), { signal })
  return true
}
