import type { BackupInfo, SignatureState } from '../catalog/backup-info.ts'
import { ERRORS, type Failure, toFailure } from '../errors.ts'
import type { BackupVerified } from '../operations/reports.ts'
import { oldestVerificationFirst } from '../schedule/good-backup.ts'
import { suspectsAmong } from '../signing/signature.ts'
import type { JobRunner } from './ports.ts'
import { runVerifyCopies } from './run-verify-copies.ts'
import { plural } from './words.ts'

/**
 * Reads backups again: those in the backup directory, those first whose last look lies longest back, and notes how it went. One that is
 * damaged does not keep the others from being looked at; the run then fails with the names of all that are. Or what lies at
 * the targets, where the job says so.
 */
export const runVerify: JobRunner = async order =>
  order.job.copies === null ? await verifyHere(order) : await runVerifyCopies(order)

const verifyHere: JobRunner = async ({ database, job, signal, now }) => {
  const endAt = now().getTime() + job.verifyMs
  const damaged: string[] = []
  const failures: Failure[] = []
  let suspects: readonly BackupInfo[] = []
  let looked = 0
  let sealed = 0
  try {
    const backups = await database.listBackups()
    suspects = suspectsAmong(backups)
    for (const backup of oldestVerificationFirst(backups, now()).slice(0, job.backupsMax)) {
      if (looked > 0 && now().getTime() >= endAt) break
      const verified = await database.verifyBackup(backup.path, { record: true, signal })
      looked++
      if (verified.success) {
        damaged.push(...describeDamage(verified))
        if (verified.lookedAt === 'stored-file') sealed++
      }
      // Deleted since it was listed: no news.
      else if (verified.code === 'CANCELLED') return verified
      else if (verified.code !== 'BACKUP_NOT_FOUND') failures.push(verified)
    }
  } catch (error) {
    return toFailure(error)
  }
  if (damaged.length > 0) return damage(damaged, looked)
  if (suspects.length > 0) return untrusted(suspects)
  const failed = failures.find(({ code }) => !ERRORS[code].retryable) ?? failures[0]
  const unopened = sealed === 0 ? '' : `, ${sealed} of them only as stored, for want of a key`
  return failed ?? { success: true, summary: `${plural(looked, 'backup')} verified, all intact${unopened}` }
}

function describeDamage({ status, backup, problems }: BackupVerified): string[] {
  return status === 'intact' ? [] : [`${backup.path} (${problems[0]?.message ?? 'damaged'})`]
}

/** More names tell no more. */
const NAMES_MAX = 10

function untrusted(suspects: readonly BackupInfo[]): Failure {
  const named = suspects
    .slice(0, NAMES_MAX)
    .map(({ path, signature }) => `${path} (${WORDS[signature ?? 'missing']})`)
  const more = suspects.length > NAMES_MAX ? `; and ${suspects.length - NAMES_MAX} more` : ''
  return {
    success: false,
    code: 'BACKUP_UNTRUSTED',
    message: `${plural(suspects.length, 'backup')} not signed as they should be: ${named.join('; ')}${more}`,
    hint: 'Somebody else writes there, or a machine of yours has another key or none: see docs/signing.md. They are not restored, and keep nothing from being restored.',
  }
}

const WORDS: Readonly<Record<SignatureState, string>> = {
  valid: 'signed',
  missing: 'not signed',
  'unknown-key': 'signed by an unknown key',
  wrong: 'a signature that is not of it',
}

function damage(damaged: readonly string[], looked: number): Failure {
  return {
    success: false,
    code: 'BACKUP_DAMAGED',
    message: `${damaged.length} of ${plural(looked, 'backup')} are damaged: ${damaged.join('; ')}`,
    hint: 'Make a new backup now (chame-backup create), and look for the cause: the disk, or whoever writes there. What a target has a good copy of is brought back with: chame-backup repair.',
  }
}
