import type { DrillCheck } from '../operations/reports.ts'
import { roughSize } from '../storage/sizes.ts'
import type { JobRunner } from './ports.ts'

/** Nobody but the operator can say whether that is meant to be so. */
const NO_KEY =
  'Name an identity as encryption.identities in the configuration; or, where none should be, turn the job off (schedule.jobs.drill: false) and drill where the key is: chame-backup drill --identity <file>.'

/** Restores the newest backup somewhere else and checks it there. One that cannot be restored is a failure: somebody has to see it. */
export const runDrill: JobRunner = async ({ database, signal }) => {
  const drilled = await database.drillBackup({ signal })
  if (!drilled.success) return drilled.code === 'KEY_REQUIRED' ? { ...drilled, hint: NO_KEY } : drilled
  const { backup, checks, status, durationMs } = drilled
  if (status === 'passed') {
    return {
      success: true,
      summary: `${backup.filename} restored and checked, ${roughSize(drilled.bytes)} in ${durationMs} ms`,
    }
  }
  if (checks.some(({ name, status: found }) => name === 'signature' && found === 'failed')) {
    return {
      success: false,
      code: 'BACKUP_UNTRUSTED',
      message: `The newest backup is not one of ours (${whatFailed(checks)}): ${backup.path}`,
      hint: 'Somebody else writes there, or a machine of yours has another key or none: see docs/signing.md. Look at it with: chame-backup list.',
    }
  }
  return {
    success: false,
    code: 'BACKUP_DAMAGED',
    message: `The newest backup does not restore (${whatFailed(checks)}): ${backup.path}`,
    hint: 'Make a new backup now (chame-backup create) and drill that: chame-backup drill.',
  }
}

function whatFailed(checks: readonly DrillCheck[]): string {
  const failed = checks.filter(({ status }) => status === 'failed')
  return failed.map(({ name, message }) => `${name}: ${message}`).join('; ')
}
