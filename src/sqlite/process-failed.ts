import { BackupError } from '../errors.ts'

export function sqliteProcessFailed(how: string): BackupError {
  return new BackupError('ENGINE_FAILED', `The process that reads the database ${how}`, {
    hint: 'The machine may be short of memory. Check the system log and try again.',
  })
}

/** A question about what a process had open that has died since, as it reaches the one that took its place. */
export function nothingIsOpen(): BackupError {
  return sqliteProcessFailed('ended between two questions')
}
