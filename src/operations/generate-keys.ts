import { dirname, resolve } from 'node:path'
import { BackupError, type Failure, toFailure } from '../errors.ts'
import { isThere, syncDirectory, writeNewFile } from '../storage/durable.ts'

export interface GenerateKeysRequest {
  /** Where the identity is written, for its owner only. Nothing is overwritten. Default: nowhere. */
  readonly output?: string
}

export interface KeysGenerated {
  readonly success: true
  /** The public key, `age1…`: what belongs in `encryption.recipients`. */
  readonly recipient: string
  /** Absolute path of the identity file; null when there is none. */
  readonly identityPath: string | null
  /** The text of the identity file, which is secret; null when it was written. */
  readonly identity: string | null
}

const FILE_MODE = 0o600

/**
 * Makes a key to encrypt backups to, as age-keygen does: an identity, which opens them, and its public key. What was
 * written is read back and tried.
 */
export async function generateKeys({ output }: GenerateKeysRequest = {}): Promise<KeysGenerated | Failure> {
  try {
    const { generateX25519Identity, identityToRecipient } = await import('age-encryption')
    const { proveKey } = await import('../encoding/prove-key.ts')
    const secret = await generateX25519Identity()
    const recipient = await identityToRecipient(secret)
    const created = new Date().toISOString().replace(/\.\d+Z$/, 'Z')
    const identity = `# created: ${created}\n# public key: ${recipient}\n${secret}\n`
    if (output === undefined) return { success: true, recipient, identityPath: null, identity }
    const hint = 'Choose another path. Whoever loses an identity loses every backup that only it opens.'
    const identityPath = await writeKey(output, identity, hint)
    // As it is on the medium: nothing may depend on a key that nobody has tried.
    await proveKey(recipient, identityPath)
    return { success: true, recipient, identityPath, identity: null }
  } catch (error) {
    return toFailure(error)
  }
}

export interface GenerateSigningKeyRequest {
  /** Where the secret key is written, for its owner only. Nothing is overwritten. Default: nowhere. */
  readonly output?: string
}

export interface SigningKeyGenerated {
  readonly success: true
  /** What belongs in `signing.trusted`, here and wherever backups are restored. */
  readonly publicKey: string
  /** Absolute path of the key file, which belongs in `signing.key` where backups are made; null when there is none. */
  readonly keyPath: string | null
  /** The text of the key file, which is secret; null when it was written. */
  readonly key: string | null
}

/** Makes a key to sign backups with, as `openssl genpkey -algorithm ed25519` does. */
export async function generateSigningKey({ output }: GenerateSigningKeyRequest = {}): Promise<
  SigningKeyGenerated | Failure
> {
  try {
    const { newSigningKey } = await import('../signing/keys.ts')
    const { publicKey, pem: key } = newSigningKey()
    if (output === undefined) return { success: true, publicKey, keyPath: null, key }
    const hint = 'Choose another path. Where the other key signs, its backups are restored by it alone.'
    return { success: true, publicKey, keyPath: await writeKey(output, key, hint), key: null }
  } catch (error) {
    return toFailure(error)
  }
}

/** Writes a new file for its owner only, and says its absolute path. Throws `TARGET_INVALID` where there is something already. */
export async function writeKey(output: string, text: string, hint: string): Promise<string> {
  const path = resolve(output)
  if (await isThere(path)) {
    const message = `There is a file already, and nothing is overwritten: ${path}`
    throw new BackupError('TARGET_INVALID', message, { hint, path })
  }
  await writeNewFile(path, text, FILE_MODE, { isDurable: true })
  await syncDirectory(dirname(path), { isDurable: true })
  return path
}
