import { checkStored } from './check-stored.ts'
import { begin, bytesOf, type Context } from './context.ts'
import { expectedOf, findReadable } from './find-intact.ts'
import type { BackupVerified, VerifyBackupRequest, VerifyProblem } from './reports.ts'

/**
 * Reads a stored backup back: size and checksum against its metadata, then SQLite's check of its
 * structure. Damage is the answer, not an error. Writes nothing.
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
  return {
    success: true,
    status: problems.length === 0 ? 'intact' : 'damaged',
    problems,
    backup,
    checksum: stored.checksum,
    checksumCompared: expected.checksum !== null,
    check,
    unchecked: stored.unchecked,
    durationMs: Math.round(performance.now() - started),
  }
}
