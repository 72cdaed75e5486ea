import { isDeepStrictEqual } from 'node:util'
import type { BackupInfo } from '../catalog/backup-info.ts'
import { editMetadata } from '../catalog/edit-metadata.ts'
import { isDamagedAsStored, type Metadata } from '../catalog/metadata.ts'
import { METADATA_BYTES_MAX } from '../catalog/target-catalog.ts'
import { imageKey, markKey, metadataKey } from '../catalog/target-keys.ts'
import { BackupError, type ErrorCode, toFailure } from '../errors.ts'
import { signedText } from '../signing/signed-text.ts'
import { putText } from '../storage/put-text.ts'
import { readObject } from '../storage/read-object.ts'
import type { StoredObject, Target } from '../storage/target.ts'
import type { BackupFile } from './backup-files.ts'
import { type Claim, claimName, metadataAt } from './claim-name.ts'
import { identityOf } from './copy-identity.ts'
import type { PackCopy } from './copy-packs.ts'
import type { PacksAtTarget } from './packs-at-target.ts'

/** A backup to copy, with metadata that can be read. */
export interface CopyOrder {
  readonly backup: BackupInfo & { readonly metadata: Metadata }
  /** The text of its metadata, as the target is to have it. */
  readonly text: string
  readonly image: BackupFile
  /** What it relies on beside its own file, to be closed by who opens it; null when that is nothing. */
  readonly openPacks: (() => Promise<PackCopy>) | null
}

export interface CopyOptions {
  readonly signal: AbortSignal
  /** The copying mark stays where nothing may be deleted. */
  readonly isAppendOnly: boolean
  /** Whether what is there is known to be damaged, be it noted there or not. Default: whether the backup's metadata says so */
  readonly isDamaged?: boolean
  /** What is known of the packs at the target. */
  readonly packs: PacksAtTarget
  readonly onBytes: (doneBytes: number) => void
}

export interface Copied {
  /** Its file name at the target: another one where somebody else's backup has the name. */
  readonly filename: string
  /** Bytes of its stored file. */
  readonly size: number
  /** Bytes that were sent; 0 when it was there already. */
  readonly sentBytes: number
  /** How many packs were put. */
  readonly packs: number
  /** Whether its file was there already, and only what describes it was not. */
  readonly wasUndescribed: boolean
}

type Sent = Pick<Copied, 'sentBytes' | 'packs'>
const NOTHING_SENT: Sent = { sentBytes: 0, packs: 0 }

const UNREPLACEABLE: ReadonlySet<ErrorCode> = new Set(['OBJECT_LOCKED', 'TARGET_REFUSED'])

/** Tries for a name of its own, where a target does not keep two machines from taking the same. */
const TRIES_MAX = 3

/**
 * Copies a backup to a target: a mark, its packs, its file, its metadata, and the mark goes. With the metadata it exists there.
 * Killed at any instant, the same call completes it. A file that is not what its metadata says is not copied
 * (`BACKUP_DAMAGED`). A copy that is damaged there is replaced; where that cannot be, another one is put beside it. One that
 * is whole but for its metadata gets that again.
 */
export async function copyBackup(order: CopyOrder, target: Target, options: CopyOptions): Promise<Copied> {
  const { backup } = order
  const { type, filename, metadata } = backup
  const { isDamaged = metadata.copies?.[target.name]?.damaged_at !== undefined } = options
  const fixed = new Set<string>()
  for (let attempt = 1; ; attempt++) {
    const claim = await claimName(
      target,
      {
        type,
        filename,
        mark: identityOf(metadata),
        metadata,
        isDamaged: isDamaged && fixed.size === 0,
        fixed,
      },
      options.signal,
    )
    const wasUndescribed = claim.state === 'undescribed'
    const done = { filename: claim.filename, size: metadata.file_size, wasUndescribed }
    if (claim.state === 'there') return { ...done, ...NOTHING_SENT }
    const sent = await sendFiles(order, claim, target, { ...options, isMending: isDamaged })
    if (sent === null) {
      fixed.add(claim.filename)
      continue
    }
    if (await describe(order, claim, target, options)) {
      await confirm({ ...backup, filename: claim.filename }, target, options)
      await removeMark({ type, filename: claim.filename }, target, options)
      return { ...done, ...sent }
    }
    if (attempt === TRIES_MAX) throw lost(target, filename)
  }
}

/**
 * Packs first: a file at a target whose packs are not there must not be. It is sent whatever is there: only we have
 * claimed its name. Then the packs are looked for once more: until the file was there, another machine's cleanup could
 * not know that they are needed. From now on it does, so that what is there then stays; one that had looked before says
 * by a mark what it drops.
 *
 * Null: what has the name cannot be replaced, because it is locked or the key may not. It stays as it is.
 */
async function sendFiles(
  { backup, image, openPacks }: CopyOrder,
  { state, filename }: Claim,
  target: Target,
  { signal, packs, onBytes, isMending: isDamaged }: CopyOptions & { readonly isMending: boolean },
): Promise<Sent | null> {
  await using copy = (await openPacks?.()) ?? null
  const isMending = isDamaged || state === 'incomplete'
  const before = (await copy?.sendTo(packs, { isMending, onBytes })) ?? 0
  const sentBytes = before + (state === 'undescribed' ? 0 : image.content.sizeBytes)
  try {
    if (state !== 'undescribed')
      await target.put(imageKey({ ...backup, filename }), image.content, {
        signal,
        onBytes: done => onBytes(before + done),
      })
  } catch (error) {
    if (state === 'incomplete' && UNREPLACEABLE.has(toFailure(error).code)) return null
    throw error
  }
  await copy?.requireStaying(target)
  const again = (done: number): void => onBytes(sentBytes + done)
  const after = (await copy?.sendTo(packs, { isMending: false, onBytes: again })) ?? 0
  return { sentBytes: sentBytes + after, packs: copy?.putPacks ?? 0 }
}

function isWhole(object: StoredObject | null, sizeBytes: number): boolean {
  return object !== null && object.sizeBytes === sizeBytes
}

/** The commit. False when somebody else took the name, as can happen where a target does not put only what is absent. */
async function describe(
  { backup, text }: CopyOrder,
  { state, filename }: Claim,
  target: Target,
  { signal }: CopyOptions,
): Promise<boolean> {
  if (state === 'incomplete') return await mend({ backup, text }, filename, target, signal)
  if (await target.putIfAbsent(metadataKey(filename), Buffer.from(text), { signal })) return true
  const there = await metadataAt(target, filename, signal)
  if (there === null && state === 'undescribed') {
    await putText(target, metadataKey(filename), text, { signal })
    return true
  }
  return there?.checksum === backup.metadata.checksum
}

/**
 * What stood in metadata of a file that is now replaced: that it was damaged, unless it was stored so. All else stays, such
 * as a pin; only where it says otherwise what the backup is, or has another signature, it is replaced as well.
 */
async function mend(
  { backup: { metadata }, text }: Pick<CopyOrder, 'backup' | 'text'>,
  filename: string,
  target: Target,
  signal: AbortSignal,
): Promise<boolean> {
  const key = metadataKey(filename)
  const bytes = await readObject(target, key, { signal, bytesMax: METADATA_BYTES_MAX })
  const there = Buffer.from(bytes).toString('utf8')
  const { checksum, pinned, ...rest } = JSON.parse(there) as Metadata
  const isOurs =
    checksum === metadata.checksum &&
    signedText({ ...rest, checksum }) === signedText(metadata) &&
    (metadata.signature === undefined || isDeepStrictEqual(rest.signature, metadata.signature))
  const taken = isDamagedAsStored(rest) ? {} : { damaged_at: undefined, verified_at: metadata.verified_at }
  const mended = isOurs
    ? editMetadata(there, taken)
    : editMetadata(text, { pinned: metadata.pinned ?? pinned })
  await putText(target, key, mended, { signal })
  return true
}

/** What the target says that it has. */
async function confirm(backup: CopyOrder['backup'], target: Target, { signal }: CopyOptions): Promise<void> {
  const object = await target.head(imageKey(backup), { signal })
  if (isWhole(object, backup.metadata.file_size)) return
  const found = object === null ? 'is not there' : `has ${object.sizeBytes} bytes there`
  throw new BackupError(
    'OBJECT_DAMAGED',
    `The copy that was just made at the target ${target.name} ${found}: ${imageKey(backup)}`,
    { hint: 'Somebody else writes or deletes there. Try again with: chame-backup sync' },
  )
}

/** What stays is taken away by the next cleanup. */
async function removeMark(
  image: { readonly type: string; readonly filename: string },
  target: Target,
  { signal, isAppendOnly }: CopyOptions,
): Promise<void> {
  if (isAppendOnly) return
  await target.delete(markKey({ kind: 'copying', ...image }), { signal }).catch(() => {})
}

function lost({ name }: Target, filename: string): BackupError {
  return new BackupError(
    'TARGET_REFUSED',
    `Another machine took the name each time at the target ${name}: ${filename}`,
    {
      hint: 'Let each machine give its database a name of its own, or a target.',
    },
  )
}
