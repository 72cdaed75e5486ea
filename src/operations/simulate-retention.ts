import { PRE_RESTORE } from '../catalog/names.ts'
import { BackupError } from '../errors.ts'
import { policyFor } from '../retention/policy.ts'
import { DEFAULT_SCHEDULE, simulateRetention as simulate } from '../retention/simulate.ts'
import { before } from '../retention/units.ts'
import type { Context } from './context.ts'
import { listStored } from './list-stored.ts'
import type { RetentionSimulated, SimulateRetentionRequest } from './reports.ts'

const SPAN_MAX = '20y'

/**
 * What the policy would hold over time with a daily and a weekly backup, each as large as the newest one is now: from
 * nothing up to now, or from what is there now on. Touches no backup.
 */
export async function simulateRetention(
  request: SimulateRetentionRequest,
  context: Context,
): Promise<RetentionSimulated> {
  const { settings, now } = context
  const policy = policyFor(request, settings.retention.policy)
  const span = request.span ?? '90d'
  const at = now()
  if (before(at, span) < before(at, SPAN_MAX)) {
    throw new BackupError('INVALID_ARGUMENT', `A simulation goes over 20 years at most, not over ${span}`, {
      hint: 'By then every rule has shown what it does.',
    })
  }
  const backups = await listStored(undefined, { database: settings.name }, context)
  const newest = backups.find(({ type }) => type !== PRE_RESTORE)
  const backupBytes = newest?.size ?? 0
  const { timeZone } = settings
  const simulated = simulate(policy, {
    span,
    schedule: DEFAULT_SCHEDULE,
    database: settings.name,
    sizeBytes: backupBytes,
    timeZone,
    now: at,
    there: request.ahead === true ? backups : null,
  })
  return { success: true, policy, backupBytes, ...simulated }
}
