/**
 * The payload of an age file: a nonce, then chunks of 64 KiB, each sealed with ChaCha20-Poly1305 under a counter whose
 * last byte says which chunk is the last (age-encryption.org/v1, "Payload"). By node:crypto, which does a gigabyte a
 * second where plain JavaScript does a tenth of it.
 */
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'
import type { Bytes } from '../bytes.ts'
import { Undecodable } from '../undecodable.ts'

const CHUNK_BYTES = 64 << 10
const TAG_BYTES = 16
const SEALED_BYTES = CHUNK_BYTES + TAG_BYTES
const NONCE_BYTES = 16
const CIPHER = 'chacha20-poly1305'
/** So many chunks are handed on at a time. */
const CHUNKS_PER_PIECE = 16

/** Seals what goes through it. */
export async function* encryptPayload(fileKey: Uint8Array, plain: Bytes): Bytes {
  const nonce = randomBytes(NONCE_BYTES)
  yield nonce
  const seal = new Sealing(fileKey, nonce)
  yield* inChunks(plain, CHUNK_BYTES, (chunk, isLast) => seal.encrypt(chunk, isLast))
}

/** Opens what goes through it. Nothing is handed on that was not authenticated. Throws {@link Undecodable}. */
export async function* decryptPayload(fileKey: Uint8Array, sealed: Bytes): Bytes {
  let key: Sealing | null = null
  const rest = async function* (): Bytes {
    let start: Buffer = Buffer.alloc(0)
    for await (const piece of sealed) {
      if (key !== null) {
        yield piece
        continue
      }
      start = Buffer.concat([start, piece])
      if (start.length < NONCE_BYTES) continue
      key = new Sealing(fileKey, start.subarray(0, NONCE_BYTES))
      yield start.subarray(NONCE_BYTES)
    }
  }
  yield* inChunks(rest(), SEALED_BYTES, (chunk, isLast) => {
    if (key === null) throw cutShort()
    return key.decrypt(chunk, isLast)
  })
}

/** One payload's key, and which chunk comes next. */
class Sealing {
  readonly #key: Buffer
  readonly #counter = Buffer.alloc(12)
  #chunks = 0

  constructor(fileKey: Uint8Array, nonce: Uint8Array) {
    this.#key = Buffer.from(hkdfSync('sha256', fileKey, nonce, 'payload', 32))
  }

  encrypt(chunk: Uint8Array, isLast: boolean): Uint8Array[] {
    const cipher = createCipheriv(CIPHER, this.#key, this.#next(isLast), { authTagLength: TAG_BYTES })
    const sealed = cipher.update(chunk)
    cipher.final()
    return [sealed, cipher.getAuthTag()]
  }

  decrypt(chunk: Uint8Array, isLast: boolean): Uint8Array[] {
    if (chunk.length < TAG_BYTES) throw cutShort()
    const body = chunk.subarray(0, -TAG_BYTES)
    // Only an empty file ends in an empty chunk.
    if (body.length === 0 && this.#chunks > 0) throw new Undecodable('its last chunk is empty')
    const decipher = createDecipheriv(CIPHER, this.#key, this.#next(isLast), { authTagLength: TAG_BYTES })
    decipher.setAuthTag(chunk.subarray(-TAG_BYTES))
    const plain = decipher.update(body)
    try {
      decipher.final()
    } catch {
      throw new Undecodable(`chunk ${this.#chunks} of its encrypted part was changed, or is not the last`)
    }
    return [plain]
  }

  #next(isLast: boolean): Buffer {
    // Eleven bytes of counter; six of them count more bytes than there are disks for.
    this.#counter.writeUIntBE(this.#chunks, 5, 6)
    this.#counter[11] = isLast ? 1 : 0
    this.#chunks += 1
    return this.#counter
  }
}

/**
 * Cuts bytes into chunks, of which the last may be shorter, and hands on what becomes of them, several at a time in one
 * buffer that is used again and again.
 */
async function* inChunks(
  bytes: Bytes,
  size: number,
  turn: (chunk: Uint8Array, isLast: boolean) => Uint8Array[],
): Bytes {
  const out = Buffer.allocUnsafeSlow(CHUNKS_PER_PIECE * SEALED_BYTES)
  let filled = 0
  const take = (parts: readonly Uint8Array[]): void => {
    for (const part of parts) {
      out.set(part, filled)
      filled += part.length
    }
  }
  const held = Buffer.allocUnsafeSlow(size)
  let heldBytes = 0
  for await (const piece of bytes) {
    for (let at = 0; at < piece.length;) {
      // A chunk is known not to be the last only once a byte follows it.
      if (heldBytes === size) {
        take(turn(held, false))
        heldBytes = 0
        if (filled + SEALED_BYTES > out.length) {
          yield out.subarray(0, filled)
          filled = 0
        }
      }
      const part = piece.subarray(at, at + size - heldBytes)
      held.set(part, heldBytes)
      heldBytes += part.length
      at += part.length
    }
  }
  if (filled > 0) {
    // Handed on before the last one is looked at: it was authenticated by itself.
    yield out.subarray(0, filled)
    filled = 0
  }
  take(turn(held.subarray(0, heldBytes), true))
  yield out.subarray(0, filled)
}

function cutShort(): Undecodable {
  return new Undecodable('it ends too early')
}
