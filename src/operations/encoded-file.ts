/** Writing an image in another form than its own, and reading back what was written. */
import { cancellable } from '../encoding/bytes.ts'
import { type Bytes, type Seen, Tap } from '../encoding/bytes.ts'
import { type Decoder, encodeImage, type Encoder } from '../encoding/encoding.ts'
import { Undecodable } from '../encoding/undecodable.ts'
import { BackupError } from '../errors.ts'
import { writeBytes } from '../storage/write-bytes.ts'
import { begin, bytesOf, type Context, durabilityOf } from './context.ts'
import { readStored } from './read-stored.ts'

export interface EncodedFile extends Seen {
  readonly file: string
}

/** Encodes an image into a new file, whose last bytes are not flushed yet. */
export async function writeEncoded(
  image: Bytes,
  encoder: Encoder,
  file: string,
  context: Context,
): Promise<EncodedFile> {
  const { bytes, seen } = encodeImage(cancellable(image, context.signal), encoder)
  await writeBytes(file, bytes, durabilityOf(context))
  return { file, ...seen() }
}

/**
 * Reads an encoded file back from the disk and decodes it. Throws `IO_FAILED` unless that gives the image that went
 * in: then nothing of it may be kept.
 */
export async function requireDecodable(
  written: EncodedFile,
  decoder: Decoder,
  image: Seen,
  context: Context,
): Promise<void> {
  const { file, sizeBytes, checksum } = written
  const onBytes = bytesOf(context, 'check-image')
  begin(context, 'check-image')
  const stored = new Tap()
  const decoded = new Tap()
  try {
    const bytes = readStored({ path: file }, context, done => onBytes(done, sizeBytes))
    for await (const _ of decoded.through(decoder.decode(stored.through(bytes)))) continue
  } catch (error) {
    if (error instanceof Undecodable) throw notReadBack(file, error)
    throw error
  }
  const isSame = stored.seen().checksum === checksum && decoded.seen().checksum === image.checksum
  if (!isSame || decoded.sizeBytes !== image.sizeBytes) throw notReadBack(file)
}

function notReadBack(file: string, cause?: unknown): BackupError {
  return new BackupError(
    'IO_FAILED',
    `Backup integrity check failed: what was written does not decode to the image: ${file}`,
    {
      hint: 'The disk or the memory of this machine may be failing. Check it before you try again.',
      path: file,
      ...(cause === undefined ? {} : { cause }),
    },
  )
}
