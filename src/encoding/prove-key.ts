/** Trying a key before anything depends on it. */
import { randomBytes } from 'node:crypto'
import { BackupError } from '../errors.ts'
import { openBytes, sealBytes } from './age/small-file.ts'
import { readKeys } from './keys.ts'

const SAMPLE_BYTES = 32

/** The recipient of an identity: what is encrypted to it, the identity opens. */
export async function publicKeyOf(identity: string): Promise<string> {
  const { identityToRecipient } = await import('age-encryption')
  return await identityToRecipient(identity)
}

/**
 * Encrypts something to a recipient and opens it with an identity file as it is on the disk. Throws `KEY_WRONG` when what
 * comes out is something else, or nothing.
 */
export async function proveKey(recipient: string, path: string): Promise<void> {
  const sample = randomBytes(SAMPLE_BYTES)
  const sealed = await sealBytes(sample, { recipients: [recipient] })
  const read = { recipients: [], identities: [{ file: path }], passphrase: null, directory: '/' }
  const keys = await readKeys(read, undefined)
  const opened = await openBytes(sealed, keys).catch(() => null)
  if (opened?.equals(sample) === true) return
  throw new BackupError('KEY_WRONG', `The key does not open what is encrypted to ${recipient}: ${path}`, {
    hint: 'Do not use it. Try another disk or medium for the key, and make a new one.',
    path,
  })
}
