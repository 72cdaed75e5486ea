import type { BackupInfo } from '../catalog/backup-info.ts'
import { PRE_RESTORE } from '../catalog/names.ts'
import { BackupError } from '../errors.ts'
import { policyFor } from '../retention/policy.ts'
import { DEFAULT_SCHEDULE, simulateRetention as simulate } from '../retention/simulate.ts'
import { before } from '../retention/units.ts'
import type { Context } from './context.ts'
import { sizesAt, sizesHere } from './decide-by-size.ts'
import { listStored } from './list-stored.ts'
import type { RetentionSimulated, SimulateRetentionRequest } from './reports.ts'
import { withTarget } from './target-access.ts'

const SPAN_MAX = '20y'

/**
 * What the policy would hold over time with a daily and a weekly backup, each as large as the newest one is now: from
 * nothing up to now, or from what is there now on. Backups of pages take each what the newest one has added, and
 * together what it takes besides. Touches no backup.
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
  const newest = backups.find(({ type }) => type !== PRE_RESTORE) ?? null
  const { backupBytes, sharedBytes } = await sizesLike(newest, context)
  const { timeZone } = settings
  const simulated = simulate(policy, {
    span,
    schedule: DEFAULT_SCHEDULE,
    database: settings.name,
    sizeBytes: backupBytes,
    encoding: newest?.encoding ?? 'plain',
    sharedBytes,
    timeZone,
    now: at,
    there: request.ahead === true ? backups : null,
  })
  return { success: true, policy, backupBytes, sharedBytes, ...simulated }
}

type LikeSizes = Pick<RetentionSimulated, 'backupBytes' | 'sharedBytes'>

/** What nobody can count is left out: nothing is deleted by a simulation. */
async function sizesLike(newest: BackupInfo | null, context: Context): Promise<LikeSizes> {
  if (newest?.encoding !== 'blocks') return { backupBytes: newest?.size ?? 0, sharedBytes: 0 }
  const { size, target, metadata } = newest
  const question = { backup: newest, staying: [] }
  const taken =
    target === null
      ? await sizesHere(context).of(question)
      : await withTarget(target, context, opened => sizesAt(opened, context).of(question))
  const backupBytes = metadata?.added_bytes ?? size
  return { backupBytes, sharedBytes: typeof taken === 'number' ? Math.max(0, taken - backupBytes) : 0 }
}
