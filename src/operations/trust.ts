/** What the signatures of stored backups are worth to this configuration. */
import type { BackupInfo, SignatureState } from '../catalog/backup-info.ts'
import { isTrusted } from '../catalog/good-backup.ts'
import type { Metadata, Signature } from '../catalog/metadata.ts'
import { PRE_RESTORE } from '../catalog/names.ts'
import type { Settings } from '../config/settings.ts'
import { BackupError } from '../errors.ts'
import { isPublicKey } from '../signing/keys.ts'
import { judgeAll, judgeSignature } from '../signing/signature.ts'
import type { Context } from './context.ts'
import { listStored } from './list-stored.ts'

type Trusting = { readonly settings: Pick<Settings, 'signing'> }

/** The backup with what its signature is worth here. */
export function judged(backup: BackupInfo, { settings }: Trusting): BackupInfo {
  return { ...backup, signature: judgeSignature(backup, settings.signing.trusted) }
}

/** The same of many. */
export function judgedAll(
  backups: readonly BackupInfo[],
  { settings }: Trusting,
): Promise<readonly BackupInfo[]> {
  return judgeAll(backups, settings.signing.trusted)
}

export interface TrustOrder {
  /** Whether one without a signature is taken all the same. */
  readonly acceptUnsigned: boolean | undefined
  /** Whether it is the one that `latest` names. */
  readonly isLatest: boolean
}

/**
 * Throws `BACKUP_UNTRUSTED` unless the backup is signed by a key that the configuration trusts, or trusts none. The newest
 * one is refused like any other, not passed over: whoever asks for it learns that somebody else has written here.
 */
export async function requireTrusted(
  backup: BackupInfo,
  { acceptUnsigned, isLatest }: TrustOrder,
  context: Context,
): Promise<void> {
  const { signature, path } = judged(backup, context)
  if (signature === null || signature === 'valid') return
  if (signature === 'missing' && acceptUnsigned === true) return
  const other = isLatest ? await newestTrusted(backup, context) : null
  const instead = other === null ? '' : ` The newest one that is signed by a trusted key: ${other}.`
  throw new BackupError('BACKUP_UNTRUSTED', `${whatIsWrong(backup, signature)}: ${path}`, {
    hint: `Nothing was changed. ${NEXT[signature]}${instead}`,
    path,
  })
}

const NEXT: Readonly<Record<Exclude<SignatureState, 'valid'>, string>> = {
  missing:
    'If it is from before backups were signed, and you know that nobody else can have written it, accept it with --accept-unsigned (acceptUnsigned: true).',
  'unknown-key': 'If that key is yours, add it to signing.trusted in the configuration.',
  wrong:
    'Somebody has changed its metadata or its name, or put another backup in its place. Choose another one: chame-backup list.',
}

function whatIsWrong({ metadata }: BackupInfo, state: Exclude<SignatureState, 'valid'>): string {
  if (state === 'missing') return 'The backup is not signed'
  if (state === 'wrong') return 'The backup has a signature that is not of it'
  const { by } = (metadata as Metadata).signature as Signature
  // What is no key may be any text.
  return `The backup is signed by a key that is not trusted here${isPublicKey(by) ? ` (${by})` : ''}`
}

/** File name of the backup that `latest` would name if there were no others; null when there is none. */
async function newestTrusted({ target }: BackupInfo, context: Context): Promise<string | null> {
  const backups = await listStored(target ?? undefined, { database: context.settings.name }, context)
  const found = backups.find(backup => isTrusted(backup) && backup.type !== PRE_RESTORE)
  return found?.filename ?? null
}
