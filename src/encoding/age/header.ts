/**
 * Headers of age files: who may open one, and the file key for those who may. The age library makes and reads them;
 * the payload goes by itself, so the file key has to be had from there.
 */
import type { Identity, Stanza } from 'age-encryption'
import type { Bytes } from '../bytes.ts'
import { Undecodable } from '../undecodable.ts'
import { decryptPayload } from './payload.ts'

/** What opens a file: identities (`AGE-SECRET-KEY-1…`), and passphrases. */
export interface AgeKeys {
  readonly identities: readonly string[]
  readonly passphrases: readonly string[]
}

/** To whom a file is encrypted: one of both. */
export type AgeRecipients = { readonly recipients: readonly string[] } | { readonly passphrase: string }

export interface NewHeader {
  readonly header: Uint8Array
  /** Opens the one file that has this header. */
  readonly fileKey: Uint8Array
}

/** None of the keys opens it. */
export class NoKeyFits extends Error {
  override readonly name = 'NoKeyFits'
  /** Whether a passphrase would, rather than an identity. */
  readonly isPassphrase: boolean

  constructor({ isPassphrase }: { readonly isPassphrase: boolean }) {
    super('no key fits')
    this.isPassphrase = isPassphrase
  }
}

/** A header has a few lines for each recipient; one that does not end after so many bytes is none. */
const HEADER_BYTES_MAX = 1 << 20
const MAC_LINE = '\n---'

export async function makeHeader(to: AgeRecipients): Promise<NewHeader> {
  const { Encrypter } = await import('age-encryption')
  const { PassphraseRecipient } = await import('./scrypt.ts')
  const encrypter = new Encrypter()
  let fileKey: Uint8Array | null = null
  encrypter.addRecipient({
    wrapFileKey(key) {
      fileKey = Uint8Array.from(key)
      return []
    },
  })
  const recipients = 'passphrase' in to ? [new PassphraseRecipient(to.passphrase)] : to.recipients
  for (const recipient of recipients) encrypter.addRecipient(recipient)
  const file = Buffer.from(await encrypter.encrypt(new Uint8Array(0)))
  const end = headerEnd(file)
  if (fileKey === null || end === null) throw new Error('The age library made no header')
  return { header: file.subarray(0, end), fileKey }
}

/** The file key of a file with this header. Throws {@link NoKeyFits} or {@link Undecodable}. */
export async function openHeader(header: Uint8Array, keys: AgeKeys): Promise<Uint8Array> {
  const { Decrypter } = await import('age-encryption')
  const { PassphraseIdentity } = await import('./scrypt.ts')
  const decrypter = new Decrypter()
  for (const identity of keys.identities) decrypter.addIdentity(identity)
  for (const passphrase of keys.passphrases) decrypter.addIdentity(new PassphraseIdentity(passphrase))
  const last = new LastAsked()
  decrypter.addIdentity(last)
  try {
    return await decrypter.decryptHeader(header)
  } catch (error) {
    if (last.stanzas !== null)
      throw new NoKeyFits({ isPassphrase: last.stanzas.some(({ args }) => args[0] === 'scrypt') })
    if (error instanceof Undecodable) throw error
    const why = error instanceof Error ? error.message : String(error)
    throw new Undecodable(`its age header is not valid (${why})`)
  }
}

/** Is asked only where no other identity has opened the file: so nobody has to go by the words of an error. */
class LastAsked implements Identity {
  stanzas: readonly Stanza[] | null = null

  unwrapFileKey(stanzas: Stanza[]): null {
    this.stanzas = stanzas
    return null
  }
}

/**
 * The plaintext of an encrypted file, whose header `keyOf` is asked about first. Throws {@link Undecodable}, and what
 * `keyOf` throws; the file is closed then, too.
 */
export async function* decryptFile(file: Bytes, keyOf: (header: Uint8Array) => Promise<Uint8Array>): Bytes {
  const pieces = file[Symbol.asyncIterator]()
  try {
    const { header, first } = await readHeader(pieces)
    yield* decryptPayload(await keyOf(header), goOn(first, pieces))
  } finally {
    await pieces.return?.()
  }
}

async function readHeader(
  pieces: AsyncIterator<Uint8Array>,
): Promise<{ readonly header: Uint8Array; readonly first: Uint8Array }> {
  let start: Buffer = Buffer.alloc(0)
  while (start.length <= HEADER_BYTES_MAX) {
    const { value, done } = await pieces.next()
    if (done === true) throw new Undecodable('it has no whole age header')
    start = Buffer.concat([start, value])
    const end = headerEnd(start)
    if (end !== null) return { header: start.subarray(0, end), first: start.subarray(end) }
  }
  throw new Undecodable('it has no age header')
}

/** The header that a file begins with. Throws {@link Undecodable} for one that does not end in `start`. */
export function headerOf(start: Buffer): Uint8Array {
  const end = headerEnd(start)
  if (end === null) throw new Undecodable('it has no age header')
  return start.subarray(0, end)
}

/** Where the line of the header's MAC ends, which is its last; null while it is not all there. */
function headerEnd(start: Buffer): number | null {
  const mac = start.indexOf(MAC_LINE)
  const end = mac === -1 ? -1 : start.indexOf('\n', mac + 1)
  return end === -1 ? null : end + 1
}

async function* goOn(first: Uint8Array, pieces: AsyncIterator<Uint8Array>): Bytes {
  if (first.length > 0) yield first
  for (;;) {
    const { value, done } = await pieces.next()
    if (done === true) return
    yield value
  }
}
