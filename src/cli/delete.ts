import type { Command } from 'commander'
import { defineCommand, examples } from './define-command.ts'
import { describeBackup } from './describe-backup.ts'
import { BACKUP_ARGUMENT, given, targetOption } from './options.ts'
import { paintOut } from './output.ts'
import { inSession, type Session } from './session.ts'
import { safeText } from './text.ts'

interface DeleteOptions {
  readonly confirm?: true
  readonly force?: true
  readonly target?: string
}

export function deleteCommand(): Command {
  return defineCommand('delete', 'Delete one backup for good.')
    .argument('<backup>', BACKUP_ARGUMENT)
    .option('--confirm', 'needed: a deleted backup cannot be had back')
    .option('--force', 'even if it is the last good one')
    .addOption(targetOption())
    .addHelpText(
      'after',
      examples([
        ['delete chame_backup_manual_20250627_143022.db --confirm', 'that one'],
        ['delete latest --confirm', 'the newest'],
        ['delete latest --target s3 --confirm', 'the newest at a target'],
      ]),
    )
    .action((backup: string, options: DeleteOptions, command: Command) =>
      inSession(command, session => deleteOne(session, backup, options)),
    )
}

async function deleteOne(session: Session, backup: string, options: DeleteOptions): Promise<number> {
  const result = await session.run(run =>
    session.database.deleteBackup(backup, { ...run, ...given(options) }),
  )
  return session.show(result, deleted =>
    session.options.quiet
      ? ''
      : `${paintOut('green', '✔ Deleted:')} ${safeText(deleted.backup.path)}\n  ${describeBackup(deleted.backup, new Date())}`,
  )
}
