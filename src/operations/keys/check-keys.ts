import type { BackupInfo } from '../../catalog/backup-info.ts'
import { isTrusted } from '../../catalog/good-backup.ts'
import { PRE_RESTORE } from '../../catalog/names.ts'
import type { AgeKeys } from '../../encoding/age/header.ts'
import { publicKeyOf } from '../../encoding/prove-key.ts'
import { adviseOnKeys } from '../../encoding/key-advice.ts'
import { BackupError } from '../../errors.ts'
import { begin, type Context } from '../context.ts'
import { imageBytes } from '../image-facts.ts'
import type { CheckKeysRequest, EncryptedBackup, KeyProof, KeysChecked, TriedKey } from '../key-reports.ts'
import { listStored } from '../list-stored.ts'
import { openStoredImage } from '../stored-image.ts'
import { openNamed } from '../target-access.ts'
import { KeyTrial, type Tried } from './try-backups.ts'
import { each, readNamedKeys } from './tried-keys.ts'

/**
 * Whether keys really open the backups that are there: each key is tried on each encrypted backup, and the newest one is
 * decrypted to its end and checked. A key that does not fit is the answer, not a failure. Writes nothing but what is
 * decrypted, which is removed again. Throws `KEY_REQUIRED` without a key, `BACKUP_NOT_FOUND` without an encrypted backup.
 */
export async function checkKeys(request: CheckKeysRequest, context: Context): Promise<KeysChecked> {
  const started = performance.now()
  const { storing, name } = context.settings
  const keys = await readNamedKeys(request, storing.encryption)
  begin(context, 'find-backup')
  const backups = await listStored(request.target, { database: name }, context)
  begin(context, 'read-backup')
  const encrypted = await tryAll(backups, each(keys), context)
  const newest = newestOf(encrypted)
  if (newest === null) throw nothingEncrypted(backups, request.target)
  const proof = newest.tried.openedBy.length === 0 ? null : await decrypt(newest.backup, keys, context)
  const isProven = proof?.problems.length === 0
  const tried = await Promise.all(
    each(keys).map(async (key, index): Promise<TriedKey> => {
      const [identity] = key.identities
      return {
        kind: identity === undefined ? 'passphrase' : 'identity',
        recipient: identity === undefined ? null : await publicKeyOf(identity),
        opens: encrypted.filter(({ tried: { openedBy } }) => openedBy.includes(index)).length,
      }
    }),
  )
  const opensNewest = new Set(newest.tried.openedBy.map(index => tried[index]?.recipient))
  const isAllOpened = encrypted.every(({ tried: { openedBy } }) => openedBy.length > 0)
  return {
    success: true,
    status: !isProven ? 'failed' : isAllOpened ? 'proven' : 'incomplete',
    keys: tried,
    recipients: [...new Set(storing.encryption.recipients)].map(recipient => ({
      recipient,
      isProven: isProven && opensNewest.has(recipient),
    })),
    newest: describe(newest),
    backups: encrypted.map(describe),
    unencrypted: backups.length - encrypted.length,
    proof,
    warnings: adviseOnKeys(storing),
    durationMs: Math.round(performance.now() - started),
  }
}

interface TriedBackup {
  readonly backup: BackupInfo
  readonly tried: Tried
}

/** Those that are encrypted, in the order given; they may lie here and at a target. */
async function tryAll(
  backups: readonly BackupInfo[],
  keys: readonly AgeKeys[],
  context: Context,
): Promise<readonly TriedBackup[]> {
  const { signal } = context
  const found = new Map<BackupInfo, Tried>()
  for (const [name, there] of Map.groupBy(backups, ({ target }) => target)) {
    await using target = name === null ? null : await openNamed(name, context)
    const trial = new KeyTrial(keys, { target, signal })
    for (const backup of there) {
      begin(context, 'read-backup')
      const tried = await trial.try(backup)
      if (tried !== null) found.set(backup, tried)
    }
  }
  return backups.flatMap(backup => {
    const tried = found.get(backup)
    return tried === undefined ? [] : [{ backup, tried }]
  })
}

/** The one that a restore of the newest would take, if there are others: not what a restore has put aside, nor a fake. */
function newestOf(encrypted: readonly TriedBackup[]): TriedBackup | null {
  const meant = encrypted.find(({ backup }) => isTrusted(backup) && backup.type !== PRE_RESTORE)
  return meant ?? encrypted[0] ?? null
}

async function decrypt(backup: BackupInfo, keys: AgeKeys, context: Context): Promise<KeyProof> {
  const started = performance.now()
  begin(context, 'verify-backup')
  await using opened = await openStoredImage(backup, { level: 'full', keys }, context)
  const { path, problems } = opened
  return {
    filename: backup.filename,
    imageBytes: path === null ? 0 : imageBytes(backup),
    problems,
    durationMs: Math.round(performance.now() - started),
  }
}

function describe({ backup, tried }: TriedBackup): EncryptedBackup {
  const { filename, path, target, created, encoding } = backup
  return { filename, path, target, created, encoding, ...tried }
}

function nothingEncrypted(backups: readonly BackupInfo[], target: string | undefined): BackupError {
  const where = target === undefined ? '' : ` at the target ${target}`
  const others = backups.length === 0 ? '' : `: ${backups.length} there are not encrypted`
  return new BackupError('BACKUP_NOT_FOUND', `There is no encrypted backup${where}${others}`, {
    hint: 'Name a recipient in encryption.recipients and set encoding to zstd+age or blocks, make a backup with chame-backup create, and try the key on that.',
  })
}
