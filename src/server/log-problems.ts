/** What the log says of failures: also what answers and jobs do not, as it may quote anything. */
import type { Failure } from '../index.ts'
import type { ServerLog } from './log.ts'
import type { Problem } from './schemas/common.ts'
import type { Job } from './schemas/jobs.ts'

/** Of a failure of the server itself, by the instance that the answer names, too. */
export function logProblem(log: ServerLog, { instance, code, detail }: Problem, error: unknown): void {
  const cause = error instanceof Error ? (error.cause ?? error) : error
  const message = cause instanceof Error ? (cause.stack ?? cause.message) : String(cause)
  log.error({ event: 'failed', instance, code, error: message }, detail)
}

export function logJobEnd(log: ServerLog, job: Job, failure: Failure | null): void {
  const { id, kind, database, status, problem } = job
  log.info({ event: 'job-ended', job: id, kind, database, status, code: problem?.code }, 'A job has ended')
  if (problem === null || failure?.code !== 'UNEXPECTED') return
  logProblem(
    log,
    problem,
    'cause' in failure && failure.cause instanceof Error ? failure.cause : failure.message,
  )
}
