import type { Failure } from '../errors.ts'
import type { CopiesAtTarget, CopyProblem } from '../operations/reports.ts'
import { roughSize } from '../storage/sizes.ts'
import type { JobRunner } from './ports.ts'
import { plural } from './words.ts'

/**
 * Reads a part of what lies at the targets again. What is damaged or gone makes the run fail, and so does a target that
 * cannot be used: somebody has to see it, though the next sync replaces what it can.
 */
export const runVerifyCopies: JobRunner = async ({ database, job, signal }) => {
  // The longest that can be said in seconds is more than a day.
  const time = `${Math.min(99_999, Math.max(1, Math.floor(job.verifyMs / 1000)))}s`
  const verified = await database.verifyCopies({ ...job.copies, time, signal })
  if (!verified.success) return verified
  const { targets } = verified
  const problems = targets.flatMap(target => target.problems)
  if (problems.length > 0) return damage(problems)
  const failed = targets.find(({ failure }) => failure !== null)?.failure
  if (failed != null) return { ...failed, message: `Not all copies could be read again: ${failed.message}` }
  return {
    success: true,
    summary: targets.length === 0 ? 'there are no targets' : targets.map(summarize).join('; '),
  }
}

function summarize({ name, readObjects, objects, readBytes }: CopiesAtTarget): string {
  return `${readObjects} of ${plural(objects, 'object')} at ${name} read again (${roughSize(readBytes)}), all intact`
}

/** More names tell no more. */
const NAMES_MAX = 10

function damage(problems: readonly CopyProblem[]): Failure {
  const named = problems.slice(0, NAMES_MAX).map(({ path, message }) => `${path} (${message})`)
  const more = problems.length > NAMES_MAX ? `; and ${problems.length - NAMES_MAX} more` : ''
  return {
    success: false,
    code: 'OBJECT_DAMAGED',
    message: `Copies are damaged or gone: ${named.join('; ')}${more}`,
    hint: 'The next sync replaces those that are whole here: chame-backup sync. Look for the cause: the target, or whoever writes there.',
  }
}
