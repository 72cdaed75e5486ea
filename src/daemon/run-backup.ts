import { createBackupThen } from '../database.ts'
import type { Failure } from '../errors.ts'
import type { TargetsSynced } from '../operations/reports.ts'
import { roughSize } from '../storage/sizes.ts'
import type { JobRunner, RunDone, RunOrder } from './ports.ts'
import { summarize } from './run-sync.ts'

/**
 * Makes one backup, and copies to the targets what they lack, this one first. Its description says which run it is of, so
 * that a run that is done again does not make it twice. A copy that failed is a failure: somebody has to see it, and it is
 * tried again.
 */
export const runBackup: JobRunner = async order => {
  const { database, job, signal } = order
  if (order.made !== null) return copied(order.made, await database.syncTargets({ signal }))
  const request = {
    backupType: job.type ?? job.name,
    description: descriptionOf(order),
    copy: false,
    signal,
  }
  const made = await createBackupThen(database, request, order.letGo)
  if (!made.success) return made
  const what = `${made.filename}, ${roughSize(made.metadata.file_size)}`
  return copied(what, await database.syncTargets({ signal }))
}

function copied(what: string, synced: TargetsSynced | Failure): RunDone | Failure {
  const done = synced.success ? summarize(synced) : synced
  if (!done.success) return { ...done, message: `${what} was made. ${done.message}` }
  return { success: true, summary: done.summary === '' ? what : `${what}; ${done.summary}` }
}

/** The backup that this very run has made already; null when there is none. */
export async function findMade(order: Pick<RunOrder, 'database' | 'job' | 'dueAt'>): Promise<string | null> {
  const { database, job } = order
  if (job.type === null) return null
  const backups = await database.listBackups({ type: job.type })
  const made = backups.find(
    backup => backup.metadataState === 'ok' && backup.description === descriptionOf(order),
  )
  return made?.filename ?? null
}

function descriptionOf({ job, dueAt }: Pick<RunOrder, 'job' | 'dueAt'>): string {
  return `Scheduled: ${job.name}, due ${dueAt.toISOString()}`
}
