import type { BackupInfo, CheckLevel } from '../catalog/backup-info.ts'
import { isDamagedAsStored } from '../catalog/metadata.ts'
import { isOfStructure } from './check-stored.ts'
import { checkUnopened, type StoredChecked } from './check-unopened.ts'
import { begin, type Context } from './context.ts'
import { doubtPacksOf } from './doubt-packs.ts'
import { findReadable } from './find-intact.ts'
import { wasChecked } from './image-facts.ts'
import { recordVerification } from './record-verification.ts'
import type { BackupVerified, VerifyBackupRequest, VerifyProblem } from './reports.ts'
import { openStoredImage } from './stored-image.ts'
import { canOpen } from './stored-keys.ts'

/**
 * Reads a stored backup back: size and checksum against its metadata, then what is in it, and SQLite's check of its
 * structure. Of one that is encrypted, without a key, only the stored file is looked at, and the answer says so.
 * Damage is the answer, not an error. Writes nothing, unless the result is to be recorded in the metadata.
 */
export async function verifyBackup(
  request: VerifyBackupRequest & { readonly backup: string },
  context: Context,
): Promise<BackupVerified> {
  const started = performance.now()
  const asked = request.check ?? 'full'
  const backup = await findReadable(request, context)
  begin(context, 'verify-backup')
  const isLookedInto = asked !== 'none' && (await canOpen(backup, request.identity, context))
  const check = isLookedInto ? asked : 'none'
  const found = isLookedInto
    ? await look(backup, asked, request.identity, context)
    : await checkUnopened(backup, asked, context)
  const unreadable: VerifyProblem[] =
    backup.metadataState === 'invalid'
      ? [{ code: 'METADATA_INVALID', message: `The metadata cannot be read: ${backup.metadataProblem}` }]
      : []
  const seen = [...unreadable, ...found.problems]
  const problems = seen.length === 0 && check !== 'full' ? knownProblems(backup) : seen
  // A check that looked at nothing but the checksum still finds damage, but vouches for nothing: unless it is all
  // that anybody can do here, and what it finds unchanged was checked when it was made.
  const isVouchedFor = check !== 'none' || (asked !== 'none' && wasChecked(backup))
  const isAsStored = backup.checksum !== null && problems.length > 0 && problems.every(isOfStructure)
  const isRecorded =
    request.record === true && (isVouchedFor || problems.length > 0)
      ? await recordVerification(backup, { isIntact: problems.length === 0, isAsStored }, context)
      : false
  if (isRecorded && problems.length > 0 && !isAsStored) await doubtPacksOf(backup, context)
  return {
    success: true,
    status: problems.length === 0 ? 'intact' : 'damaged',
    problems,
    backup,
    checksum: found.stored.checksum,
    checksumCompared: backup.checksum !== null,
    lookedAt: isLookedInto ? 'image' : 'stored-file',
    check,
    unchecked: found.unchecked,
    recorded: isRecorded,
    durationMs: Math.round(performance.now() - started),
  }
}

/** What an earlier check has found in these same bytes, of one that goes less deep than it may have gone. */
function knownProblems({ metadata }: BackupInfo): VerifyProblem[] {
  if (metadata === null || !isDamagedAsStored(metadata)) return []
  const message =
    'An earlier check found damage in it, and every byte is as it was: only a full check takes that back'
  return [{ code: 'INTEGRITY', message }]
}

async function look(
  backup: BackupInfo,
  level: CheckLevel,
  identity: string | undefined,
  context: Context,
): Promise<StoredChecked> {
  await using opened = await openStoredImage(backup, { level, identity }, context)
  const { stored, problems, unchecked } = opened
  return { stored, problems, unchecked }
}
