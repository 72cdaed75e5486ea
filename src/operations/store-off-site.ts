/** Making a backup that is stored at targets alone. */
import { randomBytes } from 'node:crypto'
import type { BackupInfo } from '../catalog/backup-info.ts'
import { printMetadata } from '../catalog/metadata.ts'
import { backupFilename, localTime } from '../catalog/names.ts'
import { readAtTarget } from '../catalog/target-catalog.ts'
import { imageKey, markKey, metadataKey, targetPath } from '../catalog/target-keys.ts'
import { BackupError, type ErrorCode, ERRORS, throwIfCancelled, toFailure } from '../errors.ts'
import { findDatabase } from '../snapshot/source-files.ts'
import type { Target } from '../storage/target.ts'
import { putAnchor } from './anchors.ts'
import { claimName } from './claim-name.ts'
import { begin, type Context } from './context.ts'
import { copiedTo, copyToTargets } from './copy-to-targets.ts'
import type { BackupCreated, TargetCopy } from './reports.ts'
import { type Checked, damagedImage, type StoreOrder } from './stage-backup.ts'
import { type BackupStored, describeBackup } from './store-backup.ts'
import { sendBlocks } from './send-blocks.ts'
import { requireSent, type Streamed, streamImage } from './stream-image.ts'
import { targetSettings, withTarget } from './target-access.ts'

const OF_TARGET: ReadonlySet<ErrorCode> = new Set([
  'TARGET_UNREACHABLE',
  'TARGET_REFUSED',
  'TARGET_FULL',
  'OBJECT_DAMAGED',
  'OBJECT_LOCKED',
])

/**
 * Stores a backup at the first target that takes it, without a copy here; the others get it from there. Throws what
 * the first of them answered when none takes it.
 */
export async function storeOffSite(
  order: StoreOrder,
  { copies }: { readonly copies: boolean },
  context: Context,
): Promise<BackupCreated> {
  begin(context, 'find-database')
  await findDatabase(order.source)
  const names = Object.keys(context.settings.targets)
  const failed: TargetCopy[] = []
  for (const name of names) {
    const started = performance.now()
    const durationMs = (): number => Math.round(performance.now() - started)
    try {
      const { backup, stored, anchorProblem } = await withTarget(name, context, async target => ({
        ...(await storeAt(target, order, context)),
        anchorProblem: await putAnchor(target, context),
      }))
      const { filename, size: bytes } = backup
      const others = copies
        ? names.filter(each => each !== name && !failed.some(copy => copy.name === each))
        : []
      const first = copiedTo(name, { filename, bytes, durationMs: durationMs(), anchorProblem })
      return { ...stored, targets: [...failed, first, ...(await copyToTargets(backup, others, context))] }
    } catch (error) {
      const { success: _, ...failure } = toFailure(error)
      // What is wrong with the database is wrong wherever it is sent.
      if (!OF_TARGET.has(failure.code) || name === names.at(-1)) throw firstOf(failed, error)
      failed.push({ name, status: 'failed', filename: null, bytes: 0, durationMs: durationMs(), ...failure })
    }
  }
  throw new Error('There are no targets') // The settings see to it that there are.
}

/** One that may pass counts for more than one that stays, so that it is tried again. */
function firstOf(failed: readonly TargetCopy[], last: unknown): unknown {
  const first = failed.find(({ code }) => code !== undefined && ERRORS[code].retryable) ?? failed[0]
  if (first?.code === undefined) return last
  return new BackupError(first.code, `No target took the backup: ${first.message}`, {
    ...(first.hint === undefined ? {} : { hint: first.hint }),
    cause: last,
  })
}

async function storeAt(
  target: Target,
  order: StoreOrder,
  context: Context,
): Promise<{ readonly backup: BackupInfo; readonly stored: BackupStored }> {
  const started = performance.now()
  const { settings, signal } = context
  const { type } = order
  const createdAt = context.now()
  const time = localTime(createdAt, settings.timeZone)
  const wanted = backupFilename(settings.name, type, time, 1, order.encoder.encoding)
  // Nobody else's, whatever is made in this second.
  const mark = JSON.stringify(['new', createdAt.toISOString(), randomBytes(16).toString('hex')])
  const { filename } = await claimName(target, { type, filename: wanted, mark, metadata: null }, signal)
  const place = { target, key: imageKey({ type, filename }) }
  try {
    const { encoder } = order
    const streamed =
      encoder.encoding === 'blocks'
        ? await sendBlocks({ ...order, encoder }, place, context)
        : await streamImage({ ...order, encoder }, place, context)
    const checked = judge(order, streamed, context)
    if (encoder.encoding !== 'blocks' && order.check !== 'none')
      await requireSent(streamed, { ...order, encoder }, place, context)
    throwIfCancelled(signal)
    begin(context, 'write-metadata')
    const durationMs = Math.round(performance.now() - started)
    const facts = { createdAt, time, name: settings.name, durationMs }
    const metadata = describeBackup(order, { ...streamed, checked }, facts)
    const isPut = await target.putIfAbsent(metadataKey(filename), Buffer.from(printMetadata(metadata)), {
      signal,
    })
    const backup = isPut ? await readAtTarget(target, filename, { signal }) : null
    if (backup?.checksum !== metadata.checksum) throw nameTaken(target, filename)
    await removeMark(target, { type, filename }, context)
    await streamed.remember?.().catch(() => {})
    return {
      backup,
      stored: {
        success: true,
        backupPath: targetPath(target.name, { type, filename }),
        filename,
        metadata,
        snapshotWay: streamed.image.way,
        durationMs,
      },
    }
  } catch (error) {
    await takeBack(target, { type, filename }, context).catch(() => {})
    throw error
  }
}

function judge({ source }: StoreOrder, { structure }: Streamed, context: Context): Checked {
  if (structure === null) return { tables: null, unchecked: [], at: null }
  const { problems, tables, unchecked } = structure
  if (problems.length > 0) throw damagedImage(source, problems, null)
  return { tables, unchecked, at: context.now() }
}

type StoredImage = Pick<BackupInfo, 'type' | 'filename'>

/** Without metadata it is no backup: what was sent goes again. */
async function takeBack(target: Target, image: StoredImage, context: Context): Promise<void> {
  const { signal } = new AbortController()
  if ((await target.head(metadataKey(image.filename), { signal })) !== null) return
  await target.delete(imageKey(image), { signal })
  await removeMark(target, image, context)
}

async function removeMark(target: Target, image: StoredImage, { settings }: Context): Promise<void> {
  if (targetSettings(settings, target.name).isAppendOnly) return
  const { signal } = new AbortController()
  await target.delete(markKey({ kind: 'copying', ...image }), { signal }).catch(() => {})
}

function nameTaken({ name }: Target, filename: string): BackupError {
  return new BackupError(
    'TARGET_REFUSED',
    `Another machine took the name at the target ${name}: ${filename}`,
    {
      hint: 'Try again. Let each machine give its database a name of its own, or a target.',
    },
  )
}
