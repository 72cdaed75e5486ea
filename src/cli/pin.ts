import type { Command } from 'commander'
import type { BackupPinned, Failure, RunOptions, UnpinBackupRequest } from '../index.ts'
import { defineCommand, examples } from './define-command.ts'
import { describeBackup } from './describe-backup.ts'
import { BACKUP_ARGUMENT, given, targetOption } from './options.ts'
import { paintOut } from './output.ts'
import { inSession, type Session } from './session.ts'
import { safeText } from './text.ts'

interface PinOptions {
  readonly reason: string
  readonly user?: string
  readonly target?: string
}

export function pinCommand(): Command {
  return defineCommand('pin', 'Keep a backup, whatever the policy says, until it is unpinned.')
    .argument('<backup>', BACKUP_ARGUMENT)
    .requiredOption('--reason <text>', 'why it must stay')
    .option('--user <name>', 'who says so (default: the user of the operating system)')
    .addOption(targetOption())
    .addHelpText(
      'after',
      examples([
        ['pin latest --reason "Before the move to the new server"', 'the newest'],
        [
          'pin chame_backup_daily_20250627_020000.db --reason "Audit 2025" --user legal',
          'a certain one, for somebody',
        ],
      ]),
    )
    .action((backup: string, { reason, user: by, target }: PinOptions, command: Command) =>
      inSession(command, session =>
        show(session, run =>
          session.database.pinBackup(backup, { ...run, reason, ...given({ by, target }) }),
        ),
      ),
    )
}

export function unpinCommand(): Command {
  return defineCommand('unpin', 'Let the policy decide on a pinned backup again.')
    .argument('<backup>', BACKUP_ARGUMENT)
    .addOption(targetOption())
    .addHelpText('after', examples([['unpin chame_backup_daily_20250627_020000.db', 'that one']]))
    .action((backup: string, options: UnpinBackupRequest, command: Command) =>
      inSession(command, session =>
        show(session, run => session.database.unpinBackup(backup, { ...run, ...given(options) })),
      ),
    )
}

async function show(
  session: Session,
  change: (run: RunOptions) => Promise<BackupPinned | Failure>,
): Promise<number> {
  const result = await session.run(change)
  return session.show(result, ({ backup }) => {
    if (session.options.quiet) return ''
    const what = backup.pinned === null ? '✔ Not pinned:' : '✔ Pinned:'
    return `${paintOut('green', what)} ${safeText(backup.filename)}\n  ${describeBackup(backup, new Date())}`
  })
}
