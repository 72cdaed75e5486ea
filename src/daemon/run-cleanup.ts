import type { Failure } from '../errors.ts'
import type { TargetCleanup } from '../operations/reports.ts'
import { roughSize } from '../storage/sizes.ts'
import type { JobRunner } from './ports.ts'
import { plural } from './words.ts'

/** Deletes what the retention policy does not keep. Where the clock cannot be right nothing goes, and that is a failure. */
export const runCleanup: JobRunner = async ({ database, signal }) => {
  const cleaned = await database.cleanupOldBackups({ signal })
  if (!cleaned.success) return cleaned
  const { status, problem, deleted, failed, freedBytes, left, targets } = cleaned
  if (status === 'refused') {
    return {
      success: false,
      code: 'CLEANUP_REFUSED',
      message: `Nothing was deleted: ${problem}`,
      hint: 'Check the clock of this machine, and the dates that chame-backup list shows.',
    }
  }
  const [first] = failed
  if (first !== undefined) {
    return {
      success: false,
      code: 'IO_FAILED',
      message: `${plural(failed.length, 'backup')} could not be deleted: ${first.message}`,
      hint: 'See which, and what would go, with: chame-backup cleanup',
    }
  }
  const troubled = targets.find(({ status }) => status !== 'done' && status !== 'skipped')
  if (troubled !== undefined) return ofTarget(troubled)
  const rest = left === 0 ? '' : `; ${left} are left for the next run`
  return {
    success: true,
    summary: [
      `${plural(deleted.length, 'backup')} deleted, ${roughSize(freedBytes)} freed${rest}`,
      ...targets.map(target => `${target.target}: ${plural(target.deleted.length, 'backup')} deleted`),
    ].join('; '),
  }
}

/** Somebody has to see it, as in the backup directory. */
function ofTarget({ target, failure, problem, failed }: TargetCleanup): Failure {
  if (failure !== null) return failure
  const [first] = failed
  return {
    success: false,
    code: problem === null ? 'TARGET_REFUSED' : 'CLEANUP_REFUSED',
    message:
      problem === null
        ? `At the target ${target} ${plural(failed.length, 'backup')} could not be deleted: ${first?.message}`
        : `Nothing was deleted at the target ${target}: ${problem}`,
    hint: `See which, and what would go, with: chame-backup cleanup --target ${target}`,
  }
}
