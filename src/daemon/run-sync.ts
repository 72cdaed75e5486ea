import { ERRORS, type Failure } from '../errors.ts'
import type { TargetsSynced, TargetSynced } from '../operations/reports.ts'
import type { JobRunner, RunDone } from './ports.ts'
import { plural } from './words.ts'

/** Copies to the targets what they lack. */
export const runSync: JobRunner = async ({ database, signal }) => {
  const synced = await database.syncTargets({ signal })
  if (!synced.success) return synced
  const done = summarize(synced)
  return done.success && done.summary === '' ? { success: true, summary: 'there are no targets' } : done
}

/** What a sync comes to, in words, which are none without targets. A target that lacks something is a failure. */
export function summarize({ targets }: TargetsSynced): RunDone | Failure {
  const failures = targets.flatMap(({ name, failure, failed }) => [
    ...(failure === null ? [] : [failure]),
    ...failed.map(({ filename, ...rest }): Failure => ({
      ...rest,
      success: false,
      message: `${filename} could not be copied to the target ${name}: ${rest.message}`,
    })),
  ])
  const [first] = failures
  if (first === undefined) {
    return {
      success: true,
      summary: targets.map(summarizeTarget).join('; '),
    }
  }
  // One that may pass is worth another try, whatever else there is.
  const worst = failures.find(({ code }) => ERRORS[code].retryable) ?? first
  const more = failures.length === 1 ? '' : ` (and ${failures.length - 1} more: chame-backup sync says which)`
  return { ...worst, message: `Not everything is off-site: ${worst.message}${more}` }
}

function summarizeTarget({ name, copied, anchorProblem }: TargetSynced): string {
  const done = `${plural(copied.length, 'backup')} copied to ${name}`
  return anchorProblem === null ? done : `${done}, without an anchor of the audit log: ${anchorProblem}`
}
