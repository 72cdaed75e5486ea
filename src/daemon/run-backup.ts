import { bytes } from './words.ts'
import type { JobRunner, RunOrder } from './ports.ts'

/** Makes one backup. Its description says which run it is of, so that a run that was killed just after it is not done twice. */
export const runBackup: JobRunner = async order => {
  const { database, job, signal } = order
  const made = await database.createBackup({
    backupType: job.type ?? job.name,
    description: descriptionOf(order),
    signal,
  })
  if (!made.success) return made
  return { success: true, summary: `${made.filename}, ${bytes(made.metadata.file_size)}` }
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
