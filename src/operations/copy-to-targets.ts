import type { BackupInfo } from '../catalog/backup-info.ts'
import { metadataPath } from '../catalog/layout.ts'
import type { Metadata } from '../catalog/metadata.ts'
import { readMetadataText } from '../catalog/read-metadata.ts'
import { METADATA_BYTES_MAX } from '../catalog/target-catalog.ts'
import { metadataKey } from '../catalog/target-keys.ts'
import { BackupError, toFailure } from '../errors.ts'
import { readObject } from '../storage/read-object.ts'
import { putAnchor } from './anchors.ts'
import { fileOf } from './backup-files.ts'
import { begin, type Context } from './context.ts'
import { copyBackup, type CopyOrder } from './copy-backup.ts'
import { textForTargets } from './copy-identity.ts'
import { PackCopy } from './copy-packs.ts'
import { copyBytes, CopyProgress } from './copy-progress.ts'
import type { TargetCopy } from './off-site-reports.ts'
import { PacksAtTarget } from './packs-at-target.ts'
import { recordCopies } from './record-copies.ts'
import { targetSettings, withTarget } from './target-access.ts'

/**
 * Copies a backup of the backup directory, or of another target, to targets, to all at once. A target that fails is part of the answer: the
 * backup is there all the same, and the next sync copies what is lacking. Holds no lock.
 */
export async function copyToTargets(
  backup: BackupInfo,
  targets: readonly string[],
  context: Context,
): Promise<readonly TargetCopy[]> {
  if (targets.length === 0) return []
  begin(context, 'copy-off-site')
  const progress = new CopyProgress(context, 'copy-off-site')
  const copies = await Promise.all(
    targets.map(name => tryCopy(backup, name, progress.add(name, copyBytes(backup)), context)),
  )
  const at = context.now().toISOString()
  const notes = copies.flatMap(({ name, status, bytes }) =>
    status === 'copied' ? [[name, { at, size: bytes }] as const] : [],
  )
  await recordCopies(backup, Object.fromEntries(notes), context)
  return copies
}

async function tryCopy(
  backup: BackupInfo,
  name: string,
  onBytes: (doneBytes: number) => void,
  context: Context,
): Promise<TargetCopy> {
  const started = performance.now()
  const durationMs = (): number => Math.round(performance.now() - started)
  try {
    const { copied, anchorProblem } = await withTarget(name, context, async target => {
      const { isAppendOnly } = targetSettings(context.settings, name)
      const { signal } = context
      const packs = new PacksAtTarget(target, signal)
      const order = await orderOf(backup, context)
      return {
        copied: await copyBackup(order, target, { signal, isAppendOnly, packs, onBytes }),
        anchorProblem: await putAnchor(target, context),
      }
    })
    const { filename, size: bytes } = copied
    return copiedTo(name, { filename, bytes, durationMs: durationMs(), anchorProblem })
  } catch (error) {
    const { success: _, ...failure } = toFailure(error)
    return { name, status: 'failed', filename: null, bytes: 0, durationMs: durationMs(), ...failure }
  }
}

/** The answer of a target that has the backup now. */
export function copiedTo(
  name: string,
  {
    anchorProblem,
    ...copied
  }: Pick<TargetCopy, 'filename' | 'bytes' | 'durationMs'> & { readonly anchorProblem: string | null },
): TargetCopy {
  return { name, status: 'copied', ...copied, ...(anchorProblem === null ? {} : { anchorProblem }) }
}

/** What is to be copied of a backup, with its metadata as it is now. */
export async function orderOf(backup: BackupInfo, context: Context): Promise<CopyOrder> {
  const text = await textOf(backup, context)
  if (backup.metadata === null || text === null) {
    throw new BackupError('BACKUP_NOT_FOUND', `The backup was deleted before it was copied: ${backup.path}`, {
      path: backup.path,
    })
  }
  const described: BackupInfo & { readonly metadata: Metadata } = { ...backup, metadata: backup.metadata }
  const openPacks = backup.encoding === 'blocks' ? () => PackCopy.open(backup, context) : null
  return { backup: described, text: textForTargets(text), image: fileOf(described, context), openPacks }
}

async function textOf({ target, filename }: BackupInfo, context: Context): Promise<string | null> {
  const { settings, signal } = context
  if (target === null) return await readMetadataText(metadataPath(settings.backupDir, filename))
  return await withTarget(target, context, async opened => {
    const bytes = await readObject(opened, metadataKey(filename), { signal, bytesMax: METADATA_BYTES_MAX })
    return Buffer.from(bytes).toString('utf8')
  })
}
