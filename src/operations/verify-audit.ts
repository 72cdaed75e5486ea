import type { AuditLogVerified, VerifyAuditLogRequest } from '../audit/reports.ts'
import { type FoundAnchors, verifyLog } from '../audit/verify-log.ts'
import { BackupError, throwIfCancelled, toFailure } from '../errors.ts'
import { placeOf, readAnchors } from './anchors.ts'
import { begin, type Context } from './context.ts'
import { targetSettings, withTarget } from './target-access.ts'

/**
 * Follows the audit log, and compares it with what targets know of it, of all at once. A target that cannot be asked is
 * part of the answer. Throws `INVALID_ARGUMENT` where there is none to compare with.
 */
export async function verifyAudit(
  { targets }: VerifyAuditLogRequest,
  context: Context,
): Promise<AuditLogVerified> {
  const { settings, signal } = context
  const names = targets === 'all' ? Object.keys(settings.targets) : [...new Set(targets)]
  if (names.length === 0) throw noTargets()
  for (const name of names) targetSettings(settings, name)
  begin(context, 'list-target')
  const found = await Promise.all(names.map(name => find(name, context)))
  throwIfCancelled(signal)
  return verifyLog(settings.backupDir, { found, place: await placeOf(settings.backupDir) })
}

async function find(name: string, context: Context): Promise<FoundAnchors> {
  try {
    const anchors = await withTarget(name, context, target => readAnchors(target, context))
    return { target: name, anchors, failure: null }
  } catch (error) {
    return { target: name, anchors: [], failure: toFailure(error) }
  }
}

function noTargets(): BackupError {
  return new BackupError('INVALID_ARGUMENT', 'There is no target to compare the audit log with', {
    hint: 'Name targets in the configuration: see docs/targets.md. Without one, only the log itself is looked at.',
  })
}
