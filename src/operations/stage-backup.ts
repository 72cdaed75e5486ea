/** Making the file that is to be a backup, in the staging directory: taken, encoded, checked, and on its way to the disk. */
import type { CheckLevel } from '../catalog/backup-info.ts'
import type { Encoding } from '../catalog/encodings.ts'
import type { LocalTime } from '../catalog/names.ts'
import type { Staging } from '../catalog/staging.ts'
import type { Encoder } from '../encoding/encoding.ts'
import type { Signer } from '../signing/keys.ts'
import { BackupError } from '../errors.ts'
import type { Image } from '../snapshot/image.ts'
import { findDatabase } from '../snapshot/source-files.ts'
import { takeImage } from '../snapshot/take-image.ts'
import type { TakenImage } from '../snapshot/taken-image.ts'
import { type Durability, requireSpace, syncFile } from '../storage/durable.ts'
import { checkStored, type StoredCheck } from './check-stored.ts'
import { begin, bytesOf, type Context, durabilityOf } from './context.ts'
import { encodeCopied, PinnedEncoding } from './encode-image.ts'
import { type EncodedFile, requireDecodable } from './encoded-file.ts'
import { type BackupEncoder, ofOneFile } from './encoder-for.ts'
import { freeFilename } from './free-filename.ts'
import { keepDamagedFiles, keepDamagedImage } from './keep-damaged.ts'
import type { VerifyProblem } from './reports.ts'

export interface StoreOrder {
  /** The database to back up. */
  readonly source: string
  readonly type: string
  readonly description: string
  readonly createdBy: string
  readonly check: CheckLevel
  readonly keepDamaged: boolean
  /** How it is stored. */
  readonly encoder: BackupEncoder
  /** Null: nobody signs it. */
  readonly signer: Signer | null
}

/** An order for one file that is read from end to end. */
export type StreamOrder = StoreOrder & { readonly encoder: Encoder }

/** A file that only has to get its name. */
export interface StagedBackup extends EncodedFile {
  readonly image: TakenImage
  readonly checked: Checked
  /** Settles once the file is flushed. */
  readonly synced: Promise<void>
  /** What the store of packs grew by, this file included; null where every byte is in this file. */
  readonly addedBytes?: number
  /**
   * What is to be done once its file has this name, while it becomes a backup, which may fail yet. A failure of that is no
   * failure of the backup.
   */
  readonly afterwards?: (filename: string) => Promise<void>
}

export interface Checked {
  readonly tables: Record<string, number> | null
  readonly unchecked: readonly string[]
  readonly at: Date | null
}

export const NOT_CHECKED: Checked = { tables: null, unchecked: [], at: null }

/** Room for the metadata, the directories' growth and what the file system itself takes. */
const SPACE_RESERVE_BYTES = 1 << 20

export async function stageBackup(
  order: StreamOrder,
  staging: Staging,
  time: LocalTime,
  context: Context,
): Promise<StagedBackup> {
  return order.encoder.encoding === 'plain'
    ? await stagePlain(order, staging, time, context)
    : await stageEncoded(order, staging, time, context)
}

async function stagePlain(
  order: StreamOrder,
  staging: Staging,
  time: LocalTime,
  context: Context,
): Promise<StagedBackup> {
  begin(context, 'copy-image')
  const flush = new Flush(durabilityOf(context))
  const image = await copyImage(order, staging, time, context, {
    onCopied: file => void flush.start(file),
    onBytes: bytesOf(context, 'copy-image'),
  })
  const { file } = image
  begin(context, 'sync-image')
  const synced = flush.start(file)
  begin(context, 'check-image')
  const checked = await checkImage(order, image, { staging, time }, context)
  const { sizeBytes, checksum } = image
  return { file, sizeBytes, checksum, image, checked, synced }
}

/**
 * In WAL mode the image goes from the database's own files straight into the encoded one, and SQLite checks it under
 * the same read transaction. Otherwise it is copied first, as encoding it would keep writers waiting.
 */
async function stageEncoded(
  order: StreamOrder,
  staging: Staging,
  time: LocalTime,
  context: Context,
): Promise<StagedBackup> {
  begin(context, 'copy-image')
  const pinned = new PinnedEncoding(order, staging, context)
  const report = bytesOf(context, 'copy-image')
  const image = await copyImage(order, staging, time, context, {
    readPinned: read => pinned.encode(read),
    onBytes: (done, total) => (pinned.isBegun ? undefined : report(done, total)),
  })
  const { written, checked } = image.isCopied
    ? await encodeChecked(order, image, staging, time, context)
    : await judgePinned(order, pinned, time, context)
  begin(context, 'sync-image')
  const synced = new Flush(durabilityOf(context)).start(written.file)
  if (order.check !== 'none') await requireDecodable(written, order.encoder, image, context)
  return { ...written, image, checked, synced }
}

/** Flushes each file once, from the moment that its bytes are there: beside the hash, not after it. */
class Flush {
  readonly #durability: Durability
  readonly #started = new Map<string, Promise<void>>()

  constructor(durability: Durability) {
    this.#durability = durability
  }

  start(file: string): Promise<void> {
    const started = this.#started.get(file) ?? syncFile(file, this.#durability)
    started.catch(() => {}) // Awaited later; until then a failure must not count as unhandled.
    this.#started.set(file, started)
    return started
  }
}

interface TakeWay {
  readonly readPinned?: (image: Image) => Promise<void>
  readonly onCopied?: (file: string) => void
  readonly onBytes: (doneBytes: number, totalBytes: number) => void
}

export async function copyImage(
  order: StoreOrder,
  staging: Staging,
  time: LocalTime,
  context: Context,
  way: TakeWay,
): Promise<TakenImage> {
  const { settings, sqlite, signal } = context
  try {
    return await takeImage(order.source, {
      sqlite,
      signal,
      waitMs: settings.waitForLockMs,
      file: staging.file('image.db'),
      onSize: bytes => requireSpace(settings.backupDir, bytes + SPACE_RESERVE_BYTES, 'the backup'),
      ...way,
    })
  } catch (error) {
    const isDamage =
      error instanceof BackupError && (error.code === 'DATABASE_DAMAGED' || error.code === 'DATABASE_INVALID')
    if (!isDamage || !order.keepDamaged) throw error
    const kept = await keepDamagedFiles(
      await findDatabase(order.source),
      await freeFilename(order.type, time, context),
      order.type,
      context,
    )
    throw new BackupError(error.code, error.message, {
      hint: `Kept what was there: ${kept.join(', ')}`,
      cause: error,
    })
  }
}

/** Reads the stored image back: damage that it finds was in the database, or came about on the way. */
export async function checkImage(
  order: StoreOrder,
  image: TakenImage,
  { staging, time }: { readonly staging: Staging; readonly time: LocalTime },
  context: Context,
): Promise<Checked> {
  if (order.check === 'none') return NOT_CHECKED
  const { file, sizeBytes, checksum } = image
  const check = {
    level: order.check,
    expected: { what: 'file', sizeBytes, checksum },
    countRows: true,
  } as const
  const stored = await checkStored(file, check, context, bytesOf(context, 'check-image'))
  return await judge(order, stored, () => encodeToKeep(order, image, staging, context), time, context)
}

interface Encoded {
  readonly written: EncodedFile
  readonly checked: Checked
}

async function encodeChecked(
  order: StreamOrder,
  image: TakenImage,
  staging: Staging,
  time: LocalTime,
  context: Context,
): Promise<Encoded> {
  begin(context, 'check-image')
  const checked = await checkImage(order, image, { staging, time }, context)
  return { written: await encodeCopied(image, order.encoder, staging, context), checked }
}

/** What SQLite said of the image while it was encoded. */
async function judgePinned(
  order: StoreOrder,
  { written, structure }: PinnedEncoding,
  time: LocalTime,
  context: Context,
): Promise<Encoded> {
  const toKeep = async (): Promise<ToKeep> => ({ file: written.file, encoding: order.encoder.encoding })
  const checked = structure === null ? NOT_CHECKED : await judge(order, structure, toKeep, time, context)
  return { written, checked }
}

/** A file that a damaged image can be kept as. */
interface ToKeep {
  readonly file: string
  readonly encoding: Encoding
}

/** Of an image in a file of its own: it is not left in the clear where backups are encrypted. */
export async function encodeToKeep(
  order: StoreOrder,
  image: TakenImage,
  staging: Staging,
  context: Context,
): Promise<ToKeep> {
  const encoder = await ofOneFile(order.encoder, context)
  const { encoding } = encoder
  if (encoding === 'plain' || encoding === 'blocks') return { file: image.file, encoding: 'plain' }
  const { file } = await encodeCopied(image, encoder, staging, context)
  return { file, encoding }
}

export async function judge(
  order: StoreOrder,
  { problems, tables, unchecked }: Pick<StoredCheck, 'problems' | 'tables' | 'unchecked'>,
  toKeep: () => Promise<ToKeep>,
  time: LocalTime,
  context: Context,
): Promise<Checked> {
  if (problems.length === 0) return { tables, unchecked, at: context.now() }
  if (!order.keepDamaged) throw damagedImage(order.source, problems, null)
  const { file, encoding } = await toKeep()
  const filename = await freeFilename(order.type, time, context, encoding)
  const kept = await keepDamagedImage(file, filename, order.type, context)
  throw damagedImage(order.source, problems, kept)
}

/** The failure of a backup whose image is no good. */
export function damagedImage(
  source: string,
  problems: readonly VerifyProblem[],
  kept: string | null,
): BackupError {
  return new BackupError(
    'DATABASE_DAMAGED',
    `Backup integrity check failed: ${problems[0]?.message}: ${source}`,
    {
      hint:
        kept === null
          ? 'The source database may be corrupted. Keep the image with --keep-damaged if it may be the last copy, and restore or salvage the database.'
          : `The source database may be corrupted. Its image was kept: ${kept}`,
      path: source,
    },
  )
}
