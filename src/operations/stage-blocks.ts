/** Making a backup of pages: what changed goes into packs, and the file that is staged says where all pages are. */
import { basename, dirname } from 'node:path'
import { type Stamp, stampBetween, stampOf } from '../blocks/stamp.ts'
import { findUnchanged } from '../blocks/unchanged.ts'
import { openSealing, type Sealing } from '../blocks/open-sealing.ts'
import { RestorePointWriter } from '../blocks/write-restore-point.ts'
import { type CheckLevel, CHECK_LEVELS } from '../catalog/backup-info.ts'
import { readBackup } from '../catalog/list.ts'
import type { Metadata } from '../catalog/metadata.ts'
import type { LocalTime } from '../catalog/names.ts'
import type { Staging } from '../catalog/staging.ts'
import { type Image, imageSize } from '../snapshot/image.ts'
import { findDatabase, RawFile } from '../snapshot/source-files.ts'
import type { TakenImage } from '../snapshot/taken-image.ts'
import { requireSpace, syncFile } from '../storage/durable.ts'
import { writeBytes } from '../storage/write-bytes.ts'
import { blockStoreOf, inOnePiece, readableImage } from './block-store.ts'
import type { Structure } from './check-stored.ts'
import { begin, bytesOf, type Context, durabilityOf } from './context.ts'
import type { BlocksEncoder } from './encoder-for.ts'
import { checkPinned } from './encode-image.ts'
import {
  type Checked,
  checkImage,
  copyImage,
  encodeToKeep,
  judge,
  NOT_CHECKED,
  type StagedBackup,
  type StoreOrder,
} from './stage-backup.ts'

/** How small an image gets shows only at its end. A first one is not worth a try with less than this share of it free. */
const FIRST_SHARE_MIN = 1 / 4
const SPACE_RESERVE_BYTES = 1 << 20

/** An order for pages in packs. */
export type BlocksOrder = StoreOrder & { readonly encoder: BlocksEncoder }

/**
 * A database that nobody has touched since its last backup is not read at all. One whose backup is to be signed is all
 * the same: what says that it has not been touched lies where others may write, and the signature is for what it holds.
 */
export async function stageBlocks(
  order: BlocksOrder,
  staging: Staging,
  time: LocalTime,
  context: Context,
): Promise<StagedBackup> {
  const look = async (): Promise<Stamp | null> =>
    stampOf(await findDatabase(order.source), context.now().getTime())
  const stamp = await look()
  const sealing = await openSealing(blockStoreOf(context), order.encoder.to)
  const unchanged =
    order.signer === null ? await stageUnchanged(order, { staging, stamp, sealing }, context) : null
  return unchanged ?? (await stageImage(order, { staging, time, stamp, look, sealing }, context))
}

async function stageUnchanged(
  order: StoreOrder,
  { staging, stamp, sealing }: Pick<Place, 'staging' | 'stamp' | 'sealing'>,
  context: Context,
): Promise<StagedBackup | null> {
  if (stamp?.isSettled !== true) return null
  const store = blockStoreOf(context)
  const unchanged = await findUnchanged(store, context.settings.name, stamp.text, sealing)
  if (unchanged === null) return null
  const before = await metadataOf(unchanged.restorePoint, context)
  const checked = before === null ? null : checkedBefore(before, order.check)
  if (before === null || checked === null || before.image_checksum !== unchanged.imageChecksum) return null
  if (!describesImage(before)) return null
  const file = staging.file('restore-point')
  await writeBytes(file, inOnePiece(unchanged.bytes))
  const synced = syncFile(file, durabilityOf(context))
  synced.catch(() => {}) // Awaited by the caller; until then a failure must not count as unhandled.
  return {
    file,
    sizeBytes: unchanged.bytes.length,
    checksum: unchanged.checksum,
    addedBytes: unchanged.bytes.length,
    image: {
      file,
      isCopied: false,
      sizeBytes: before.image_size,
      checksum: unchanged.imageChecksum,
      way: 'unchanged',
      pageSize: before.page_size,
      journalMode: before.journal_mode,
      userVersion: Number(before.database_version),
      sqliteVersion: before.sqlite_version,
    },
    checked,
    synced,
    afterwards: filename => unchanged.remember(relativePath(order, filename)),
  }
}

type Described = Metadata & {
  readonly [Key in 'image_size' | 'page_size' | 'journal_mode' | 'sqlite_version']: NonNullable<Metadata[Key]>
}

/** Whether it says all of its image that ours do: what somebody has written anew may not. */
function describesImage(metadata: Metadata): metadata is Described {
  const { image_size, page_size, journal_mode, sqlite_version } = metadata
  return [image_size, page_size, journal_mode, sqlite_version].every(each => each !== undefined)
}

interface Place {
  readonly staging: Staging
  readonly time: LocalTime
  /** How the database's files looked before, and what looks again. */
  readonly stamp: Stamp | null
  readonly look: () => Promise<Stamp | null>
  readonly sealing: Sealing
}

async function stageImage(
  order: StoreOrder,
  { staging, time, stamp, look, sealing }: Place,
  context: Context,
): Promise<StagedBackup> {
  const { settings, signal } = context
  await using writer = await RestorePointWriter.open(blockStoreOf(context), {
    database: settings.name,
    sealing,
  })
  const storing = new PinnedStoring(order, writer, context)
  begin(context, 'copy-image')
  const report = bytesOf(context, 'copy-image')
  const image = await copyImage(order, staging, time, context, {
    // A damaged image that is to be kept must be in a file of its own.
    ...(order.keepDamaged ? {} : { readPinned: (read: Image) => storing.store(read) }),
    onBytes: (done, total) => (storing.isBegun ? undefined : report(done, total)),
  })
  const checked = image.isCopied
    ? await storeCopied(order, { image, staging, time }, storing, context)
    : await judgePinned(order, { storing, image, staging, time }, context)
  const stampText = stampBetween(stamp, await look())
  begin(context, 'sync-image')
  const readBack = order.check !== 'none'
  const written = await writer.finish({ imageChecksum: image.checksum, readBack, signal })
  const file = staging.file('restore-point')
  await writeBytes(file, inOnePiece(written.bytes))
  const synced = syncFile(file, durabilityOf(context))
  synced.catch(() => {}) // Awaited by the caller.
  return {
    file,
    sizeBytes: written.bytes.length,
    checksum: written.checksum,
    addedBytes: written.addedBytes,
    image,
    checked,
    synced,
    afterwards: filename => written.remember(relativePath(order, filename), stampText),
  }
}

/** Stores the pages of an image that a read transaction holds still, while SQLite checks it, unless it is as before. */
class PinnedStoring {
  readonly #order: StoreOrder
  readonly #writer: RestorePointWriter
  readonly #context: Context
  isBegun = false
  /** What SQLite found; null when nobody asked, or when the image was checked before. */
  structure: Structure | null = null
  /** What an earlier check of the same image found. */
  before: Checked | null = null

  constructor(order: StoreOrder, writer: RestorePointWriter, context: Context) {
    this.#order = order
    this.#writer = writer
    this.#context = context
  }

  /** May be called again: only the last try counts. */
  async store(image: Image): Promise<void> {
    this.isBegun = true
    const level = this.#order.check
    let checking: Promise<Structure | null> | null = null
    const check = (): Promise<Structure | null> => {
      checking ??= checkPinned(image.path, level, this.#context)
      checking.catch(() => {}) // Awaited below.
      return checking
    }
    this.structure = null
    try {
      await this.scan(image, () => void check())
      this.before = await this.findBefore()
      if (this.before === null) this.structure = await check()
    } finally {
      // SQLite answers one question after another, and the next one is to end the transaction.
      await (checking as Promise<unknown> | null)?.catch(() => {})
    }
  }

  async scan(image: Image, onChange: () => void): Promise<void> {
    const { settings, signal } = this.#context
    const size = imageSize(image)
    const needed = this.#writer.previous === null ? Math.ceil(size * FIRST_SHARE_MIN) : 0
    await requireSpace(settings.backupDir, needed + SPACE_RESERVE_BYTES, 'the backup')
    begin(this.#context, 'encode-image')
    const onBytes = bytesOf(this.#context, 'encode-image')
    await this.#writer.scan(readableImage(image), { signal, onChange, onBytes: done => onBytes(done, size) })
  }

  /** An image that was checked needs no second check. */
  async findBefore(): Promise<Checked | null> {
    const { previous, isUnchanged } = this.#writer
    if (!isUnchanged || previous === null) return null
    const metadata = await metadataOf(previous.fingerprints.restorePoint, this.#context)
    return metadata === null ? null : checkedBefore(metadata, this.#order.check)
  }
}

interface Taken extends Pick<Place, 'staging' | 'time'> {
  readonly image: TakenImage
}

/** In rollback mode a reader keeps writers waiting, so there the pages come from a copy. */
async function storeCopied(
  order: StoreOrder,
  { image, ...place }: Taken,
  storing: PinnedStoring,
  context: Context,
): Promise<Checked> {
  using copy = new RawFile(image.file)
  const { pageSize, sizeBytes } = image
  const pageCount = pageSize === 0 ? 0 : sizeBytes / pageSize
  await storing.scan({ path: image.file, mainFd: copy.fd, pageSize, pageCount, wal: null }, () => {})
  const before = await storing.findBefore()
  if (before !== null) return before
  begin(context, 'check-image')
  return await checkImage(order, image, place, context)
}

async function judgePinned(
  order: StoreOrder,
  { storing, image, staging, time }: Taken & { readonly storing: PinnedStoring },
  context: Context,
): Promise<Checked> {
  const { structure, before } = storing
  if (before !== null) return before
  if (structure === null) return NOT_CHECKED
  return await judge(order, structure, () => encodeToKeep(order, image, staging, context), time, context)
}

/** The check that a backup of the same image has passed, if it was as deep as is wanted now. */
function checkedBefore(metadata: Metadata, level: CheckLevel): Checked | null {
  if (level === 'none') return NOT_CHECKED
  const { check, verified_at: at, tables, unchecked } = metadata
  if (check === undefined || typeof at !== 'string') return null
  if (CHECK_LEVELS.indexOf(check) < CHECK_LEVELS.indexOf(level)) return null
  return { tables: tables ?? null, unchecked: unchecked ?? [], at: new Date(at) }
}

/** @param restorePoint its file, relative to the backup directory */
async function metadataOf(restorePoint: string, { settings }: Context): Promise<Metadata | null> {
  const backup = await readBackup(settings.backupDir, dirname(restorePoint), basename(restorePoint))
  return backup?.metadata ?? null
}

function relativePath({ type }: StoreOrder, filename: string): string {
  return `${type}/${filename}`
}
