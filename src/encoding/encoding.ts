/** The encodings that are a stream of bytes: how each is written, and how it is read again. */
import type { Encoding } from '../catalog/encodings.ts'
import { BackupError } from '../errors.ts'
import { type AgeKeys, type AgeRecipients, decryptFile, makeHeader, openHeader } from './age/header.ts'
import { encryptPayload } from './age/payload.ts'
import { type Bytes, type Seen, Tap } from './bytes.ts'
import { readPassphrase } from './keys.ts'
import type { EncodingSettings, EncryptionSettings } from './settings.ts'
import { compress, decompress } from './zstd.ts'

/** The encodings that this file knows. A backup in another one is not one file that is read from end to end. */
export type StreamEncoding = 'plain' | 'zstd' | 'zstd+age'

export interface Decoder {
  /**
   * The image. What has been handed out is of use only once the end is reached: a file may turn out to be damaged
   * there. Throws `Undecodable`, or `NoKeyFits` before the first byte.
   */
  decode(stored: Bytes): Bytes
}

/** Encodes one image: an encrypted one has a key of its own. */
export interface Encoder extends Decoder {
  readonly encoding: StreamEncoding
  encode(image: Bytes): Bytes
  /** Reads back what this encoder has written: no identity is needed for that, as it still has the file's own key. */
  decode(stored: Bytes): Bytes
}

export function isStream(encoding: Encoding): encoding is StreamEncoding {
  return encoding !== 'blocks'
}

/** Throws `CONFIG_INVALID` when there is nobody to encrypt to, and `KEY_REQUIRED` when the passphrase cannot be read. */
export async function openEncoder(
  encoding: StreamEncoding,
  { zstd, encryption }: Omit<EncodingSettings, 'encoding'>,
): Promise<Encoder> {
  if (encoding === 'plain') return { encoding, encode: bytes => bytes, decode: bytes => bytes }
  if (encoding === 'zstd') return { encoding, encode: image => compress(image, zstd), decode: decompress }
  const { header, fileKey } = await makeHeader(await recipientsOf(encryption))
  return {
    encoding,
    async *encode(image) {
      yield header
      yield* encryptPayload(fileKey, compress(image, zstd))
    },
    decode: stored => decompress(decryptFile(stored, async () => fileKey)),
  }
}

export function openDecoder(encoding: StreamEncoding, keys: AgeKeys): Decoder {
  if (encoding === 'plain') return { decode: bytes => bytes }
  if (encoding === 'zstd') return { decode: decompress }
  return { decode: stored => decompress(decryptFile(stored, header => openHeader(header, keys))) }
}

/** An image on its way to where it is stored, and what arrives there. */
export interface EncodedImage {
  readonly bytes: Bytes
  /** Of the encoded bytes, once all of them have been read. */
  readonly seen: () => Seen
}

export function encodeImage(image: Bytes, encoder: Encoder): EncodedImage {
  const tap = new Tap()
  return { bytes: tap.through(encoder.encode(image)), seen: () => tap.seen() }
}

/** Throws `CONFIG_INVALID` when there is nobody to encrypt to, and `KEY_REQUIRED` when the passphrase cannot be read. */
export async function recipientsOf({
  recipients,
  passphrase,
  directory,
}: EncryptionSettings): Promise<AgeRecipients> {
  if (passphrase !== null) return { passphrase: await readPassphrase(passphrase, directory) }
  if (recipients.length > 0) return { recipients }
  throw new BackupError('CONFIG_INVALID', 'There is nobody to encrypt backups to', {
    hint: 'Make a key with: chame-backup keys generate --output key.txt. Then name its public key as encryption.recipients in the configuration.',
  })
}
