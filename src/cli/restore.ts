import type { Command } from 'commander'
import type { BackupRestored, CheckLevel, Failure, RestorePlan } from '../index.ts'
import { defineCommand, examples } from './define-command.ts'
import { describePlan, describeRestored } from './describe-restore.ts'
import {
  acceptUnsignedOption,
  BACKUP_ARGUMENT,
  checkOption,
  given,
  identityOption,
  targetOption,
} from './options.ts'
import { paintOut } from './output.ts'
import { inSession, type Session } from './session.ts'

interface RestoreOptions {
  readonly to?: string
  readonly confirm?: true
  readonly dryRun?: true
  readonly check?: CheckLevel
  readonly identity?: string
  readonly target?: string
  readonly acceptUnsigned?: true
}

export function restoreCommand(): Command {
  return defineCommand('restore', 'Restore a backup: verified first, and what is there now backed up before.')
    .argument('<backup>', BACKUP_ARGUMENT)
    .option('--to <file>', 'restore to this path instead of the database')
    .option('--confirm', 'overwrite without asking')
    .option('--dry-run', 'verify the backup and say what would happen; touch nothing')
    .addOption(
      checkOption(
        'how deep SQLite checks the backup first, beside its checksum (default: quick); none leaves out what was checked before',
      ),
    )
    .addOption(identityOption())
    .addOption(targetOption())
    .addOption(acceptUnsignedOption())
    .addHelpText(
      'after',
      examples([
        ['restore latest', 'asks before it overwrites'],
        ['restore chame_backup_manual_20250627_143022.db --confirm', 'for scripts'],
        ['restore latest --to copy.db', 'beside the database'],
        [
          'restore latest --target s3 --to chame.db',
          'from a target, also on a machine that has nothing else',
        ],
        ['restore latest --dry-run', 'only say what would happen'],
        ['restore latest --check none', 'in a hurry, as far as the backup was checked when it was made'],
      ]),
    )
    .action((backup: string, options: RestoreOptions, command: Command) =>
      inSession(command, session => restore(session, backup, options)),
    )
}

async function restore(session: Session, backup: string, options: RestoreOptions): Promise<number> {
  const first = await callRestore(session, backup, options)
  const asks = !first.success && first.code === 'RESTORE_NOT_CONFIRMED' && session.isInteractive
  const result = asks ? await askAndRestore(session, backup, { options, refused: first }) : first
  return session.show(result, done => {
    if (done.dryRun) return describePlan(done, new Date())
    return session.options.quiet ? '' : describeRestored(done, { now: new Date(), paint: paintOut })
  })
}

async function askAndRestore(
  session: Session,
  backup: string,
  { options, refused }: { readonly options: RestoreOptions; readonly refused: Failure },
): Promise<RestoreResult> {
  const plan = await callRestore(session, backup, { ...options, dryRun: true })
  if (!plan.success || !plan.dryRun) return plan
  const { confirmRestore } = await import('./confirm-restore.ts')
  const isConfirmed = await confirmRestore(plan, session.cancellation)
  if (session.cancellation.signal.aborted) {
    return { success: false, code: 'CANCELLED', message: 'Cancelled', hint: 'Nothing was changed.' }
  }
  if (!isConfirmed) return { ...refused, hint: 'Nothing was changed.' }
  // The backup that was shown and agreed to, even if `latest` means another one by now.
  return await callRestore(session, plan.backup.path, { ...options, confirm: true })
}

type RestoreResult = BackupRestored | RestorePlan | Failure

function callRestore(session: Session, backup: string, options: RestoreOptions): Promise<RestoreResult> {
  return session.run(run => session.database.restoreBackup(backup, { ...run, ...given(options) }))
}
