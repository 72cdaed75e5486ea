/** Signing what a backup's metadata says of it, and judging the signature of a stored one. */
import { hash, sign, verify } from 'node:crypto'
import { setImmediate as yieldToEvents } from 'node:timers/promises'
import type { BackupInfo, SignatureState } from '../catalog/backup-info.ts'
import { isTrusted } from '../catalog/good-backup.ts'
import type { Metadata, Signature } from '../catalog/metadata.ts'
import { publicKeyOf, type Signer } from './keys.ts'
import { isNamedBy, signedText } from './signed-text.ts'

/** The signature of what metadata says; undefined where nobody signs, or the metadata does not say enough. */
export function signatureOf(metadata: Metadata, signer: Signer | null): Signature | undefined {
  const text = signer === null ? null : signedText(metadata)
  if (signer === null || text === null) return undefined
  return { by: signer.publicKey, value: sign(null, Buffer.from(text), signer.key).toString('base64') }
}

/**
 * What a backup's signature is worth to one who trusts these keys; null where that is none. It vouches for what the metadata
 * says of the stored file: whether the file is that, its checksum tells.
 */
export function judgeSignature(
  { filename, type, metadata }: Pick<BackupInfo, 'filename' | 'type' | 'metadata'>,
  trusted: readonly string[],
): SignatureState | null {
  if (trusted.length === 0) return null
  if (metadata?.signature === undefined) return 'missing'
  if (!trusted.includes(metadata.signature.by)) return 'unknown-key'
  const text = signedText(metadata)
  if (text === null || metadata.backup_type !== type || !isNamedBy(filename, metadata)) return 'wrong'
  return isRight(text, metadata.signature) ? 'valid' : 'wrong'
}

/** Of so many at most is remembered that they are right. */
const KNOWN_MAX = 100_000
/** A check takes as long as twenty of these digests, and a list is asked for again and again. */
const known = new Set<string>()

function isRight(text: string, { by, value }: Signature): boolean {
  const name = hash('sha256', JSON.stringify([text, by, value]), 'base64')
  if (known.has(name)) return true
  if (!verify(null, Buffer.from(text), publicKeyOf(by), Buffer.from(value, 'base64'))) return false
  if (known.size >= KNOWN_MAX) known.clear()
  known.add(name)
  return true
}

/** So many are judged before others have their turn: some ten milliseconds. */
const BATCH = 100

/** The same backups, each with what its signature is worth. */
export async function judgeAll(
  backups: readonly BackupInfo[],
  trusted: readonly string[],
): Promise<readonly BackupInfo[]> {
  if (trusted.length === 0) return backups
  const judged: BackupInfo[] = []
  for (const backup of backups) {
    judged.push({ ...backup, signature: judgeSignature(backup, trusted) })
    if (judged.length % BATCH === 0) await yieldToEvents()
  }
  return judged
}

/**
 * Those that should be signed by a trusted key and are not. One without a signature that is older than all that are
 * signed is from before; anybody can say that it is, but `latest` it is not then.
 */
export function suspectsAmong(backups: readonly BackupInfo[]): BackupInfo[] {
  const signedSince = backups
    .filter(({ signature }) => signature === 'valid')
    .reduce((oldest, { created }) => (created < oldest ? created : oldest), '9999')
  return backups.filter(
    backup => !isTrusted(backup) && !(backup.signature === 'missing' && backup.created < signedSince),
  )
}
