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

/** Makes a key to encrypt backups to, as age-keygen does: an identity, which opens them, and its public key. */
export async function generateKeys({ output }: GenerateKeysRequest = {}): Promise<KeysGenerated | Failure> {
  try {
    const { generateX25519Identity, identityToRecipient } = await import('age-encryption')
    const secret = await generateX25519Identity()
    const recipient = await identityToRecipient(secret)
    const created = new Date().toISOString().replace(/\.\d+Z$/, 'Z')
    const identity = `# created: ${created}\n# public key: ${recipient}\n${secret}\n`
    if (output === undefined) return { success: true, recipient, identityPath: null, identity }
    const path = resolve(output)
    if (await isThere(path)) throw alreadyThere(path)
    await writeNewFile(path, identity, FILE_MODE, { isDurable: true })
    await syncDirectory(dirname(path), { isDurable: true })
    return { success: true, recipient, identityPath: path, identity: null }
  } catch (error) {
    return toFailure(error)
  }
}

function alreadyThere(path: string): BackupError {
  return new BackupError(
    'TARGET_INVALID',
    `There is a file already, and a key is never overwritten: ${path}`,
    {
      hint: 'Choose another path. Whoever loses an identity loses every backup that only it opens.',
      path,
    },
  )
}
