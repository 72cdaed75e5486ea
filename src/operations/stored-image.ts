/** A stored backup, in whatever encoding, as a plain file that SQLite can open; and what is wrong with it. */
import type { BackupInfo, CheckLevel } from '../catalog/backup-info.ts'
import { NoKeyFits } from '../encoding/age/header.ts'
import { cancellable } from '../encoding/bytes.ts'
import type { Decoder } from '../encoding/encoding.ts'
import { type Durability, requireSpace, syncFile } from '../storage/durable.ts'
import { writeBytes } from '../storage/write-bytes.ts'
import { type CheckOrder, checkStored, expectedOf, type StoredCheck } from './check-stored.ts'
import { checkFile, readWhole, type StoredChecked } from './check-unopened.ts'
import { bytesOf, type Context, durabilityOf } from './context.ts'
import { decodeTo } from './decode-stored.ts'
import { expectedImageOf, imageBytes } from './image-facts.ts'
import { keyWrong } from './key-failures.ts'
import { type RestoredImage, restoreBlocks, restoreFetched } from './open-blocks.ts'
import { openWork } from './open-work.ts'
import { decoderOf, keyFilesOpener, type KeyOrder } from './stored-keys.ts'

export interface OpenOrder extends KeyOrder {
  readonly level: CheckLevel
  /** What has encoded it, where that is at hand: then no identity is needed. */
  readonly decoder?: Decoder | undefined
  /** Whether what is decoded will be moved to where it stays: then it is flushed while it is written and checked. */
  readonly isToStay?: boolean | undefined
}

/** An open image. What was decoded for it is removed when it is disposed of. */
export interface StoredImageOpened extends StoredChecked, AsyncDisposable {
  /** Null when nothing could be decoded, for what `problems` says. */
  readonly path: string | null
  /** Whether the file was made for this, so that it may be moved away. */
  readonly isOurs: boolean
  /** SHA-256 of the image, hex. */
  readonly imageChecksum: string
}

/** Room for the work directory itself, and what the file system takes. */
const SPACE_RESERVE_BYTES = 1 << 20

/**
 * Reads a stored backup back and checks it: a plain one where it lies, any other decoded into a directory of ours, and
 * one at a target fetched first. Damage is in the answer. Throws `KEY_REQUIRED` or `KEY_WRONG` for what is encrypted,
 * and when the check itself could not be made.
 */
export async function openStoredImage(
  backup: BackupInfo,
  order: OpenOrder,
  context: Context,
): Promise<StoredImageOpened> {
  const { encoding, target } = backup
  if (encoding === 'plain' && target === null) return await openWhereItLies(backup, order, context)
  const write = await writerOf(backup, order, context)
  const work = await openWork(context)
  const dispose = (): Promise<void> => work[Symbol.asyncDispose]()
  try {
    const what = encoding === 'plain' ? 'the fetched backup' : 'the decoded image'
    await requireSpace(work.path, imageBytes(backup) + SPACE_RESERVE_BYTES, what)
    const file = work.file('image.db')
    const { image, ...written } = await write(file, work.file('store'))
    if (written.problems.length > 0) {
      return {
        path: null,
        isOurs: true,
        imageChecksum: '',
        unchecked: [],
        ...written,
        [Symbol.asyncDispose]: dispose,
      }
    }
    const check = { level: order.level, expected: image, countRows: false }
    const found = await checkOurs(file, check, durabilityFor(order, context), context)
    const { problems, unchecked, checksum: imageChecksum } = found
    const { stored } = written
    return {
      path: file,
      isOurs: true,
      imageChecksum,
      stored,
      problems,
      unchecked,
      [Symbol.asyncDispose]: dispose,
    }
  } catch (error) {
    await dispose()
    throw error
  }
}

/** A plain one that is here. */
async function openWhereItLies(
  backup: BackupInfo,
  { level }: OpenOrder,
  context: Context,
): Promise<StoredImageOpened> {
  const found = await checkFile(backup, level, context)
  return {
    path: backup.path,
    isOurs: false,
    imageChecksum: found.stored.checksum,
    ...found,
    async [Symbol.asyncDispose]() {},
  }
}

/** What will not stay is not flushed. */
function durabilityFor({ isToStay }: OpenOrder, context: Context): Durability {
  return isToStay === true ? durabilityOf(context) : { isDurable: false }
}

/** Checks a file that was made for this, and flushes it meanwhile. */
async function checkOurs(
  file: string,
  check: CheckOrder,
  durability: Durability,
  context: Context,
): Promise<StoredCheck> {
  const flushed = syncFile(file, durability)
  flushed.catch(() => {}) // Awaited below; until then a failure must not count as unhandled.
  try {
    return await checkStored(file, check, context, bytesOf(context, 'verify-backup'))
  } finally {
    await flushed
  }
}

/** What writes the image into a new file, and may make a directory for what it fetches. Throws `KEY_REQUIRED` where there is nothing to decrypt it with. */
async function writerOf(
  backup: BackupInfo,
  order: OpenOrder,
  context: Context,
): Promise<(file: string, root: string) => Promise<RestoredImage>> {
  const image = expectedImageOf(backup)
  const durability = durabilityFor(order, context)
  if (backup.encoding === 'plain') {
    return async file => {
      // Fetched as a whole: nothing is looked into that is not what its metadata says.
      const fetched = await readWhole(backup, context, bytes =>
        writeBytes(file, cancellable(bytes, context.signal), durability),
      )
      return { image, ...fetched }
    }
  }
  if (backup.encoding === 'blocks') {
    const open = await keyFilesOpener(backup, order, context)
    const expected = { stored: expectedOf(backup), image, open, durability }
    return async (file, root) => {
      try {
        return backup.target === null
          ? await restoreBlocks(backup, file, expected, context)
          : await restoreFetched({ ...backup, target: backup.target }, { file, root }, expected, context)
      } catch (error) {
        throw error instanceof NoKeyFits ? keyWrong(backup, error) : error
      }
    }
  }
  const decoder = order.decoder ?? (await decoderOf(backup, order, context))
  return async file => ({ image, ...(await decodeTo(file, backup, { decoder, durability }, context)) })
}
