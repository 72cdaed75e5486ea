/** A stored backup, in whatever encoding, as a plain file that SQLite can open; and what is wrong with it. */
import type { BackupInfo, CheckLevel } from '../catalog/backup-info.ts'
import { NoKeyFits } from '../encoding/age/header.ts'
import { type Bytes, cancellable, type Seen, Tap } from '../encoding/bytes.ts'
import type { Decoder } from '../encoding/encoding.ts'
import { Undecodable } from '../encoding/undecodable.ts'
import { type Durability, requireSpace, syncFile } from '../storage/durable.ts'
import { writeBytes } from '../storage/write-bytes.ts'
import {
  type CheckOrder,
  checkStored,
  differences,
  type Expected,
  expectedOf,
  type StoredCheck,
} from './check-stored.ts'
import { bytesOf, type Context, durabilityOf } from './context.ts'
import { keyWrong } from './key-failures.ts'
import { type RestoredImage, restoreBlocks, restoreFetched } from './open-blocks.ts'
import { openWork } from './open-work.ts'
import { readStored } from './read-stored.ts'
import type { Step, VerifyProblem } from './reports.ts'
import { checkSealed, isSealed } from './sealed-blocks.ts'
import { decoderOf, keyFilesOpener, type KeyOrder } from './stored-keys.ts'

export interface OpenOrder extends KeyOrder {
  readonly level: CheckLevel
  /** What has encoded it, where that is at hand: then no identity is needed. */
  readonly decoder?: Decoder | undefined
  /** Whether what is decoded will be moved to where it stays: then it is flushed while it is written and checked. */
  readonly isToStay?: boolean | undefined
}

/** An open image. What was decoded for it is removed when it is disposed of. */
export interface StoredImageOpened extends AsyncDisposable {
  /** Null when nothing could be decoded, for what `problems` says. */
  readonly path: string | null
  /** Whether the file was made for this, so that it may be moved away. */
  readonly isOurs: boolean
  /** SHA-256 of the image, hex. */
  readonly imageChecksum: string
  /** The stored file as it is now. */
  readonly stored: Seen
  readonly problems: readonly VerifyProblem[]
  readonly unchecked: readonly string[]
}

/** Room for the work directory itself, and what the file system takes. */
const SPACE_RESERVE_BYTES = 1 << 20

/**
 * Reads a stored backup back and checks it: a plain one where it lies, any other decoded into a directory of ours.
 * Damage is in the answer. Throws `KEY_REQUIRED` or `KEY_WRONG` for what is encrypted, and when the check itself could
 * not be made.
 */
export async function openStoredImage(
  backup: BackupInfo,
  order: OpenOrder,
  context: Context,
): Promise<StoredImageOpened> {
  if (backup.encoding === 'plain') {
    return backup.target === null
      ? await openPlain(backup, order, context)
      : await openFetched(backup, order, context)
  }
  const write = await writerOf(backup, order, context)
  const work = await openWork(context)
  try {
    await requireSpace(work.path, imageBytes(backup) + SPACE_RESERVE_BYTES, 'the decoded image')
    const file = work.file('image.db')
    const { image, ...decoded } = await write(file, work.file('store'))
    const dispose = (): Promise<void> => work[Symbol.asyncDispose]()
    if (decoded.problems.length > 0) {
      return {
        path: null,
        isOurs: true,
        imageChecksum: '',
        unchecked: [],
        ...decoded,
        [Symbol.asyncDispose]: dispose,
      }
    }
    const check = { level: order.level, expected: image, countRows: false }
    const found = await checkOurs(file, check, durabilityFor(order, context), context)
    const { problems, unchecked, checksum: imageChecksum } = found
    const { stored } = decoded
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
    await work[Symbol.asyncDispose]()
    throw error
  }
}

const VERIFY: Step = 'verify-backup'

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
    return await checkStored(file, check, context, bytesOf(context, VERIFY))
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
  if (backup.encoding === 'blocks') {
    const open = await keyFilesOpener(backup, order, context)
    const durability = durabilityFor(order, context)
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
  const durability = durabilityFor(order, context)
  return async file => ({ image, ...(await decodeTo(file, backup, { decoder, durability }, context)) })
}

async function openPlain(
  backup: BackupInfo,
  { level }: OpenOrder,
  context: Context,
): Promise<StoredImageOpened> {
  const found = await checkPlain(backup, level, context)
  return {
    path: backup.path,
    isOurs: false,
    imageChecksum: found.stored.checksum,
    ...found,
    async [Symbol.asyncDispose]() {},
  }
}

/** A plain one at a target is fetched first: nothing is looked into that is not what its metadata says. */
async function openFetched(
  backup: BackupInfo,
  order: OpenOrder,
  context: Context,
): Promise<StoredImageOpened> {
  const durability = durabilityFor(order, context)
  const work = await openWork(context)
  const dispose = (): Promise<void> => work[Symbol.asyncDispose]()
  try {
    await requireSpace(work.path, backup.size + SPACE_RESERVE_BYTES, 'the fetched backup')
    const file = work.file('image.db')
    const fetched = await readWhole(backup, context, bytes =>
      writeBytes(file, cancellable(bytes, context.signal), durability),
    )
    if (fetched.problems.length > 0) {
      return {
        path: null,
        isOurs: true,
        imageChecksum: '',
        unchecked: [],
        ...fetched,
        [Symbol.asyncDispose]: dispose,
      }
    }
    const check = { level: order.level, expected: expectedOf(backup), countRows: false }
    const found = await checkOurs(file, check, durability, context)
    const { problems, unchecked, checksum: imageChecksum } = found
    return {
      path: file,
      isOurs: true,
      imageChecksum,
      stored: fetched.stored,
      problems,
      unchecked,
      [Symbol.asyncDispose]: dispose,
    }
  } catch (error) {
    await dispose()
    throw error
  }
}

/** Reads the stored file to its end, wherever it is, and compares it with its metadata. */
async function readWhole(
  backup: BackupInfo,
  context: Context,
  take: (bytes: Bytes) => Promise<void>,
): Promise<{ readonly stored: Seen; readonly problems: readonly VerifyProblem[] }> {
  const report = bytesOf(context, 'fetch-backup')
  const tap = new Tap()
  await take(tap.through(readStored(backup, context, done => report(done, backup.size))))
  const stored = tap.seen()
  return { stored, problems: differences(stored.sizeBytes, stored.checksum, expectedOf(backup)) }
}

async function drain(bytes: Bytes): Promise<void> {
  for await (const _ of bytes) continue
}

/** Checks what is stored, without looking inside: of an encrypted backup of pages, the packs that it relies on, too. */
export async function checkUnopened(
  backup: BackupInfo,
  asked: CheckLevel,
  context: Context,
): Promise<Pick<StoredImageOpened, 'stored' | 'problems' | 'unchecked'>> {
  const isOfPages = asked !== 'none' && backup.encoding === 'blocks' && (await isSealed(backup, context))
  return isOfPages ? await checkSealed(backup, context) : await checkPlain(backup, 'none', context)
}

/** Checks the stored file as it is; one that is not plain, or at a target, can only be checked at level `none`. */
async function checkPlain(
  backup: BackupInfo,
  level: CheckLevel,
  context: Context,
): Promise<Pick<StoredImageOpened, 'stored' | 'problems' | 'unchecked'>> {
  if (backup.target !== null) return { ...(await readWhole(backup, context, drain)), unchecked: [] }
  const order = { level, expected: expectedOf(backup), countRows: false }
  const { checksum, sizeBytes, problems, unchecked } = await checkStored(
    backup.path,
    order,
    context,
    bytesOf(context, VERIFY),
  )
  return { stored: { checksum, sizeBytes }, problems, unchecked }
}

/** Decodes a stored backup; nothing of a file in which this says problems is to be used. */
async function decodeTo(
  file: string,
  backup: BackupInfo,
  { decoder, durability }: { readonly decoder: Decoder; readonly durability: Durability },
  context: Context,
): Promise<{ readonly stored: Seen; readonly problems: readonly VerifyProblem[] }> {
  const onBytes = bytesOf(context, VERIFY)
  const tap = new Tap()
  const bytes = readStored(backup, context, done => onBytes(done, backup.size))
  try {
    const image = decoder.decode(tap.through(bytes))
    const limit = backup.metadata?.image_size ?? Number.POSITIVE_INFINITY
    await writeBytes(file, cancellable(limited(image, limit), context.signal), durability)
  } catch (error) {
    const why = await whyUndecodable(error, backup, context)
    if (why === null) throw error
    return why
  }
  const stored = tap.seen()
  return { stored, problems: differences(stored.sizeBytes, stored.checksum, expectedOf(backup)) }
}

/**
 * What is wrong with a stored file that could not be decoded; null for an error that says nothing of it. Throws
 * `KEY_WRONG` for one that is as it was stored.
 */
export async function whyUndecodable(
  error: unknown,
  backup: BackupInfo,
  context: Context,
): Promise<{ readonly stored: Seen; readonly problems: readonly VerifyProblem[] } | null> {
  if (!(error instanceof Undecodable) && !(error instanceof NoKeyFits)) return null
  // Its checksum tells a file that was changed from one that was always so, or has another's key.
  const { stored, problems } = await checkPlain(backup, 'none', context)
  if (error instanceof NoKeyFits && problems.length === 0) throw keyWrong(backup, error)
  const message = `The file cannot be decoded: ${error.message}`
  return { stored, problems: [...problems, { code: 'NOT_DECODABLE', message }] }
}

/** A few bytes can stand for more than any disk holds. */
async function* limited(bytes: Bytes, sizeMax: number): Bytes {
  let size = 0
  for await (const piece of bytes) {
    size += piece.length
    if (size > sizeMax) throw new Undecodable(`it holds more than the ${sizeMax} bytes of its image`)
    yield piece
  }
}

/** What the metadata says that the image should be. */
export function expectedImageOf(backup: BackupInfo): Expected {
  const { encoding, metadata } = backup
  if (encoding === 'plain') return expectedOf(backup)
  return {
    what: 'image',
    sizeBytes: metadata?.image_size ?? null,
    checksum: metadata?.image_checksum ?? null,
  }
}

/** Bytes of a backup's image; of one without metadata only the stored file's are known. */
export function imageBytes({ size, encoding, metadata }: BackupInfo): number {
  return encoding === 'plain' ? size : (metadata?.image_size ?? size)
}
