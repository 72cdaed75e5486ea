/** Sending an image to a target as it is read: nothing of it is stored here where the database lets that be. */
import { randomBytes } from 'node:crypto'
import { WorkDirectory } from '../catalog/work-directory.ts'
import { type Bytes, type Seen, Tap } from '../encoding/bytes.ts'
import { type Encoder, encodeImage } from '../encoding/encoding.ts'
import { Undecodable } from '../encoding/undecodable.ts'
import { BackupError } from '../errors.ts'
import { type Image, imageSize } from '../snapshot/image.ts'
import { imageRuns } from '../snapshot/image-runs.ts'
import { takeImage } from '../snapshot/take-image.ts'
import type { TakenImage } from '../snapshot/taken-image.ts'
import { makeDirectory } from '../storage/durable.ts'
import type { Content, Target } from '../storage/target.ts'
import { checkStored, type Structure } from './check-stored.ts'
import { begin, bytesOf, type Context, durabilityOf } from './context.ts'
import { checkPinned } from './encode-image.ts'
import { readStored } from './read-stored.ts'
import type { StoreOrder } from './stage-backup.ts'

/** A backup whose encoding is a stream of bytes. */
export type StreamOrder = StoreOrder & { readonly encoder: Encoder }

export interface Streamed extends Seen {
  readonly image: TakenImage
  /** What SQLite found in the image; null when nobody asked. */
  readonly structure: Structure | null
  /** What is to be done once it is a backup. A failure of that is no failure of the backup. */
  readonly remember?: () => Promise<void>
}

/**
 * Encodes the image of a live database straight into an object of a target. Of a database in WAL mode the read
 * transaction lasts as long as that takes; of another one an image is made first, in a directory of ours that goes again,
 * because its writers would have to wait.
 */
export async function streamImage(
  order: StreamOrder,
  { target, key }: { readonly target: Target; readonly key: string },
  context: Context,
): Promise<Streamed> {
  const { settings, signal } = context
  await makeDirectory(settings.backupDir, settings.directoryMode, durabilityOf(context))
  await using work = await WorkDirectory.open(settings.backupDir, signal)
  const sender = new Sender(order, { target, key }, context)
  const image = await takeToSend(order, { work, sender }, context)
  if (image.isCopied) await sender.sendCopied(image)
  return { ...sender.sent, structure: sender.structure, image }
}

/** Sends what SQLite keeps as it is meanwhile. */
interface PinnedSender {
  /** Whether the image has been read once, as far as it may be. */
  readonly isBegun: boolean
  /** May be called again: only the last try counts. */
  readonly sendPinned: (image: Image) => Promise<void>
}

/** Takes the image of a live database; where its writers would have to wait, into a file of `work`, which is still to be sent. */
export async function takeToSend(
  order: StoreOrder,
  { work, sender }: { readonly work: WorkDirectory; readonly sender: PinnedSender },
  context: Context,
): Promise<TakenImage> {
  const { settings, sqlite, signal } = context
  begin(context, 'copy-image')
  const report = bytesOf(context, 'copy-image')
  return await takeImage(order.source, {
    sqlite,
    signal,
    waitMs: settings.waitForLockMs,
    file: work.file(`${randomBytes(4).toString('hex')}.db`),
    readPinned: read => sender.sendPinned(read),
    onSize: () => Promise.resolve(),
    onCopied: () => {},
    onBytes: (done, total) => (sender.isBegun ? undefined : report(done, total)),
  })
}

class Sender implements PinnedSender {
  readonly #order: StreamOrder
  readonly #place: { readonly target: Target; readonly key: string }
  readonly #context: Context
  #sent: Seen | null = null
  structure: Structure | null = null
  isBegun = false

  constructor(
    order: StreamOrder,
    place: { readonly target: Target; readonly key: string },
    context: Context,
  ) {
    this.#order = order
    this.#place = place
    this.#context = context
  }

  get sent(): Seen {
    if (this.#sent === null) throw new Error('Nothing was sent')
    return this.#sent
  }

  async sendPinned(image: Image): Promise<void> {
    const { signal } = this.#context
    const size = imageSize(image)
    this.isBegun = true
    begin(this.#context, 'send-image')
    const onBytes = bytesOf(this.#context, 'send-image')
    const checking = checkPinned(image.path, this.#order.check, this.#context)
    checking.catch(() => {}) // Awaited below; until then a failure must not count as unhandled.
    try {
      await this.#send(imageRuns(image, { signal, onBytes: done => onBytes(done, size) }), size)
    } finally {
      // SQLite answers one question after another, and the next one is to end the transaction.
      await checking.catch(() => {})
    }
    this.structure = await checking
  }

  async sendCopied(image: TakenImage): Promise<void> {
    const { file, sizeBytes } = image
    this.structure = await checkTaken(image, this.#order, this.#context)
    begin(this.#context, 'send-image')
    const onBytes = bytesOf(this.#context, 'send-image')
    await this.#send(
      readStored({ path: file }, this.#context, done => onBytes(done, sizeBytes)),
      sizeBytes,
    )
  }

  async #send(image: Bytes, imageBytes: number): Promise<void> {
    const { encoder } = this.#order
    const { bytes, seen } = encodeImage(image, encoder)
    const { target, key } = this.#place
    const sizeBytes = encoder.encoding === 'plain' ? imageBytes : null
    await target.put(key, readOnce(bytes, sizeBytes), { signal: this.#context.signal })
    this.#sent = seen()
  }
}

/** What SQLite finds in an image that was copied; null when nobody asked. */
export async function checkTaken(
  { file, sizeBytes, checksum }: TakenImage,
  { check: level }: StoreOrder,
  context: Context,
): Promise<Structure | null> {
  if (level === 'none') return null
  begin(context, 'check-image')
  const expected = { what: 'file', sizeBytes, checksum } as const
  const report = bytesOf(context, 'check-image')
  return await checkStored(file, { level, expected, countRows: true }, context, report)
}

/** What is encoded on its way cannot be had a second time. A piece is copied, because its buffer is used again. */
function readOnce(bytes: Bytes, sizeBytes: number | null): Content {
  let isTaken = false
  return {
    sizeBytes,
    sha256: null,
    async *open(from) {
      if (isTaken || from > 0) throw interrupted()
      isTaken = true
      for await (const piece of bytes) yield Buffer.from(piece)
    },
  }
}

function interrupted(): BackupError {
  return new BackupError(
    'TARGET_UNREACHABLE',
    'The backup was interrupted on its way to the target, and cannot be gone on with',
    {
      hint: 'Try again. Where the way is often interrupted, keep backups in the backup directory, too (keepLocal).',
    },
  )
}

/** Reads back what a target has and compares it with what was sent and with the image. Throws `OBJECT_DAMAGED`. */
export async function requireSent(
  { image, sizeBytes, checksum }: Streamed,
  { encoder }: StreamOrder,
  { target, key }: { readonly target: Target; readonly key: string },
  context: Context,
): Promise<void> {
  begin(context, 'verify-backup')
  const report = bytesOf(context, 'verify-backup')
  const stored = new Tap()
  const decoded = new Tap()
  const options = { signal: context.signal, onBytes: (done: number) => report(done, sizeBytes) }
  try {
    const bytes = encoder.decode(stored.through(target.get(key, options)))
    for await (const _ of decoded.through(bytes)) continue
  } catch (error) {
    if (error instanceof Undecodable) throw notSent(target, key, error)
    throw error
  }
  const isSame = stored.seen().checksum === checksum && decoded.seen().checksum === image.checksum
  if (!isSame) throw notSent(target, key)
}

export function notSent({ name }: Target, key: string, cause?: unknown): BackupError {
  return new BackupError(
    'OBJECT_DAMAGED',
    `Backup integrity check failed: what the target ${name} has is not what was sent there: ${key}`,
    {
      hint: 'Somebody else writes there, or the target is failing. Look at it with: chame-backup target check',
      ...(cause === undefined ? {} : { cause }),
    },
  )
}
