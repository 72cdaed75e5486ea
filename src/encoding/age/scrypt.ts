/**
 * A file key wrapped with a passphrase (age-encryption.org/v1, "The scrypt recipient type"), by node:crypto: natively,
 * and without stopping this process meanwhile.
 */
import {
  createCipheriv,
  createDecipheriv,
  randomBytes,
  scrypt as scryptCallback,
  type ScryptOptions,
} from 'node:crypto'
import { promisify } from 'node:util'
import { type Identity, type Recipient, Stanza } from 'age-encryption'
import { Undecodable } from '../undecodable.ts'

const scrypt = promisify<string, Buffer, number, ScryptOptions, Buffer>(scryptCallback)

/**
 * Base-2 logarithm of the work factor of new files. age's own default, 18, takes 256 MiB; this takes 64, and a
 * passphrase that a machine reads from a file can be as long as it needs to be.
 */
const WORK_FACTOR = 16
/** A file that asks for more wants a gigabyte and more. */
const WORK_FACTOR_MAX = 20
const SALT_BYTES = 16
const FILE_KEY_BYTES = 16
const TAG_BYTES = 16
const LABEL = 'age-encryption.org/v1/scrypt'
const CIPHER = 'chacha20-poly1305'
const NO_NONCE = Buffer.alloc(12)

export class PassphraseRecipient implements Recipient {
  readonly #passphrase: string

  constructor(passphrase: string) {
    this.#passphrase = passphrase
  }

  async wrapFileKey(fileKey: Uint8Array): Promise<Stanza[]> {
    const salt = randomBytes(SALT_BYTES)
    const key = await deriveKey(this.#passphrase, salt, WORK_FACTOR)
    const cipher = createCipheriv(CIPHER, key, NO_NONCE, { authTagLength: TAG_BYTES })
    const body = Buffer.concat([cipher.update(fileKey), cipher.final(), cipher.getAuthTag()])
    return [new Stanza(['scrypt', toBase64(salt), String(WORK_FACTOR)], body)]
  }
}

export class PassphraseIdentity implements Identity {
  readonly #passphrase: string

  constructor(passphrase: string) {
    this.#passphrase = passphrase
  }

  async unwrapFileKey(stanzas: Stanza[]): Promise<Uint8Array | null> {
    const stanza = stanzas.find(({ args }) => args[0] === 'scrypt')
    if (stanza === undefined) return null
    // Who knows the passphrase could otherwise not tell whether it alone opens the file.
    if (stanzas.length > 1) throw new Undecodable('its header has a passphrase and something else')
    const [, salt = '', factor = ''] = stanza.args
    const isValid = stanza.args.length === 3 && isSalt(salt) && /^[1-9][0-9]*$/.test(factor)
    if (!isValid || stanza.body.length !== FILE_KEY_BYTES + TAG_BYTES)
      throw new Undecodable('its header makes no sense')
    if (Number(factor) > WORK_FACTOR_MAX)
      throw new Undecodable(
        `its passphrase takes more work (2^${factor}) than is allowed (2^${WORK_FACTOR_MAX})`,
      )
    const key = await deriveKey(this.#passphrase, Buffer.from(salt, 'base64'), Number(factor))
    const decipher = createDecipheriv(CIPHER, key, NO_NONCE, { authTagLength: TAG_BYTES })
    decipher.setAuthTag(stanza.body.subarray(FILE_KEY_BYTES))
    try {
      return Buffer.concat([decipher.update(stanza.body.subarray(0, FILE_KEY_BYTES)), decipher.final()])
    } catch {
      return null
    }
  }
}

function deriveKey(passphrase: string, salt: Buffer, factor: number): Promise<Buffer> {
  const N = 2 ** factor
  return scrypt(passphrase, Buffer.concat([Buffer.from(LABEL), salt]), 32, {
    N,
    r: 8,
    p: 1,
    maxmem: 2 * 128 * N * 8,
  })
}

function isSalt(text: string): boolean {
  const salt = Buffer.from(text, 'base64')
  return salt.length === SALT_BYTES && toBase64(salt) === text
}

function toBase64(bytes: Buffer): string {
  return bytes.toString('base64').replace(/=+$/, '')
}
