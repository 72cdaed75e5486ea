import { findSecret, nameOfSecret } from '../config/secret.ts'
import { BackupError } from '../errors.ts'
import { parseSigningKey, type Signer } from './keys.ts'
import type { SigningSettings } from './settings.ts'

/**
 * What signs new backups; null where the configuration names no key. Throws `CONFIG_INVALID` for a key that cannot be read,
 * and for one that the configuration itself does not trust: what it signed could not be restored here.
 */
export async function openSigner({ key, trusted, directory }: SigningSettings): Promise<Signer | null> {
  if (key === null) return null
  const found = await findSecret(key, { environment: process.env, directory })
  if (!('text' in found)) throw unusable(found.problem, found.hint)
  const parsed = parseSigningKey(found.text)
  if (!('signer' in parsed)) {
    throw unusable(
      `${nameOfSecret(key)} gives none: ${parsed.problem}`,
      'It must hold a key as chame-backup keys generate --signing or openssl genpkey -algorithm ed25519 writes it.',
    )
  }
  const { publicKey } = parsed.signer
  if (trusted.includes(publicKey)) return parsed.signer
  throw unusable(
    `signing.trusted does not name its public key, ${publicKey}`,
    'Add that to signing.trusted: what is signed by a key that is not trusted cannot be restored.',
  )
}

function unusable(why: string, hint: string): BackupError {
  return new BackupError('CONFIG_INVALID', `No key to sign with: ${why}`, { hint })
}
