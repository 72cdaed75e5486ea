/**
 * How the groups of an encrypted pack are sealed, and its pages named. Byte by byte in docs/formats.md; whoever changes
 * it changes that page, and `recover.mjs`.
 */
import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  hkdfSync,
  randomBytes,
} from 'node:crypto'
import { HASH_BYTES, type PageNaming } from './page-hash.ts'

const CIPHER = 'chacha20-poly1305'
const KEY_BYTES = 32
const NONCE_BYTES = 12
const TAG_BYTES = 16
/** Random bytes of a pack: no two packs have a key in common, even where they have a secret in common. */
export const SALT_BYTES = 32
/** What the age file in a pack holds: a key, and then the key that names pages. */
export const SECRET_BYTES: number = KEY_BYTES + KEY_BYTES
/** Says which names can be compared, without saying how they are made. */
export const NAMING_ID_BYTES = 16

export interface PackSecret {
  readonly key: Uint8Array
  readonly naming: Uint8Array
}

/** A secret, and the age file of it that stands in packs. */
export interface PackKey {
  readonly secret: PackSecret
  readonly file: Buffer
}

/** Null for bytes that are no such secret. */
export function parseSecret(bytes: Buffer): PackSecret | null {
  if (bytes.length !== SECRET_BYTES) return null
  return { key: bytes.subarray(0, KEY_BYTES), naming: bytes.subarray(KEY_BYTES) }
}

/** Names pages, and runs of them, so that nobody without the key can tell whether a page that he thinks of is there. */
export function keyedNaming(naming: Uint8Array): PageNaming {
  const key = createSecretKey(naming)
  return bytes => createHmac('sha256', key).update(bytes).digest().subarray(0, HASH_BYTES)
}

export function namingIdOf(naming: Uint8Array): Buffer {
  return createHmac('sha256', naming).update('chame-backup naming id\n').digest().subarray(0, NAMING_ID_BYTES)
}

/** Seals and opens the groups of one pack. */
export class PackCipher {
  readonly #key: Buffer

  constructor({ key }: PackSecret, salt: Uint8Array) {
    this.#key = Buffer.from(hkdfSync('sha256', key, salt, 'chame-backup pack 2', KEY_BYTES))
  }

  /** A group may be sealed again without some of its pages, so its number must not make the nonce: chance does. */
  seal(group: number, bytes: Uint8Array): Buffer {
    const nonce = randomBytes(NONCE_BYTES)
    const cipher = createCipheriv(CIPHER, this.#key, nonce, { authTagLength: TAG_BYTES })
    cipher.setAAD(numberOf(group), { plaintextLength: bytes.length })
    return Buffer.concat([nonce, cipher.update(bytes), cipher.final(), cipher.getAuthTag()])
  }

  /** Null for what was not sealed as this group of this pack. */
  open(group: number, sealed: Buffer): Buffer | null {
    if (sealed.length < NONCE_BYTES + TAG_BYTES) return null
    const nonce = sealed.subarray(0, NONCE_BYTES)
    const body = sealed.subarray(NONCE_BYTES, -TAG_BYTES)
    const decipher = createDecipheriv(CIPHER, this.#key, nonce, { authTagLength: TAG_BYTES })
    decipher.setAAD(numberOf(group), { plaintextLength: body.length })
    decipher.setAuthTag(sealed.subarray(-TAG_BYTES))
    const bytes = decipher.update(body)
    try {
      decipher.final()
      return bytes
    } catch {
      return null
    }
  }
}

function numberOf(group: number): Buffer {
  const number = Buffer.alloc(4)
  number.writeUInt32LE(group)
  return number
}
