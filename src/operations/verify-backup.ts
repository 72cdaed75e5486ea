import { checkStored } from './check-stored.ts'
import { begin, bytesOf, type Context } from './context.ts'
import { expectedOf, findReadable } from './find-intact.ts'
import { recordVerification } from './record-verification.ts'
import type { BackupVerified, VerifyBackupRequest, VerifyProblem } from './reports.ts'

/**
 * Reads a stored backup back: size and checksum against its metadata, then SQLite's check of its
 * structure. Damage is the answer, not an error. Writes nothing, unless the result is
 * to be recorded in the metadata.
 */
export async function verifyBackup(
  request: VerifyBackupRequest & { readonly backup: string },
  context: Context,
): Promise<BackupVerified> {
  const started = performance.now()
  const check = request.check ?? 'full'
  const backup = await findReadable(request.backup, context)
  begin(context, 'verify-backup')
  const expected = expectedOf(backup)
  const order = { level: check, expected, countRows: false }
  const stored = await checkStored(backup.path, order, context, bytesOf(context, 'verify-backup'))
  const unreadable: VerifyProblem[] =
    backup.metadataState === 'invalid'
      ? [{ code: 'METADATA_INVALID', message: `The metadata cannot be read: ${backup.metadataProblem}` }]
      : []
  const problems = [...unreadable, ...stored.problems]
  // A check that looked at nothing but the checksum still finds damage, but vouches for nothing.
  const isRecorded =
    request.record === true && (check !== 'none' || problems.length > 0)
      ? await recordVerification(backup, { isIntact: problems.length === 0 }, context)
      : false
  return {
    success: true,
    status: problems.length === 0 ? 'intact' : 'damaged',
    problems,
    backup,
    checksum: stored.checksum,
    checksumCompared: expected.checksum !== null,
    check,
    unchecked: stored.unchecked,
    recorded: isRecorded,
    durationMs: Math.round(performance.now() - started),
  }
}
