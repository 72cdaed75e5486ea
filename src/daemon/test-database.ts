import type { Failure } from '../errors.ts'
import type { DatabaseTested } from './reports.ts'
import type { Task } from './task.ts'

/** Makes a backup, verifies it and deletes it again. Never rejects; one that was made is deleted whatever its check says. */
export async function testDatabase(
  { database, settings }: Task,
  signal: AbortSignal,
): Promise<DatabaseTested> {
  const started = performance.now()
  const report = (done: Partial<DatabaseTested>): DatabaseTested => ({
    database: settings.name,
    backupPath: null,
    isVerified: false,
    isDeleted: false,
    failure: null,
    ...done,
    durationMs: Math.round(performance.now() - started),
  })
  const made = await database.createBackup({ description: 'Test of the scheduler', copy: false, signal })
  if (!made.success) return report({ failure: made })
  const { backupPath } = made
  const verified = await database.verifyBackup(backupPath, { signal })
  const isVerified = verified.success && verified.status === 'intact'
  // Not cancellable: what was only made to be tried must not stay.
  const deleted = await database.deleteBackup(backupPath, { confirm: true, force: true })
  const failure = !verified.success ? verified : isVerified ? null : damagedTest(backupPath)
  return report({
    backupPath,
    isVerified,
    isDeleted: deleted.success,
    failure: failure ?? (deleted.success ? null : deleted),
  })
}

function damagedTest(path: string): Failure {
  return {
    success: false,
    code: 'BACKUP_DAMAGED',
    message: `The test backup was damaged when it was read back: ${path}`,
    hint: 'Check the disk under the backup directory, and the system log.',
  }
}
