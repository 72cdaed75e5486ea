import type { Command } from 'commander'
import type { BackupAdded } from '../index.ts'
import { defineCommand, examples } from './define-command.ts'
import { describeBackup } from './describe-backup.ts'
import { given } from './options.ts'
import { type Paint, paintOut } from './output.ts'
import { inSession, type Session } from './session.ts'
import { safeText } from './text.ts'

interface AddOptions {
  readonly type?: string
  readonly description?: string
  readonly user?: string
  readonly created?: string
}

export function addCommand(): Command {
  return defineCommand('add', 'Add a database file as a backup, once a full check has found it intact.')
    .argument('<file>', 'the file, a database or one compressed with zstd; it stays where it is')
    .option('--type <type>', 'type of the backup (default: manual)')
    .option('--description <text>', 'what it is')
    .option('--user <name>', 'who adds it (default: the user of the operating system)')
    .option('--created <when>', 'as of when its data are, ISO 8601 with its zone (default: now)')
    .addHelpText(
      'after',
      examples([
        ['add chame_2019.db --description "From the old server"', 'one that was made by other means'],
        ['add download.db --created 2025-06-27T02:00:00Z', 'one that was downloaded'],
      ]),
    )
    .action((file: string, options: AddOptions, command: Command) =>
      inSession(command, session => add(session, file, options)),
    )
}

async function add(
  session: Session,
  file: string,
  { type: backupType, user: createdBy, created: createdAt, description }: AddOptions,
): Promise<number> {
  const result = await session.run(run =>
    session.database.addBackup(file, { ...run, ...given({ backupType, createdBy, createdAt, description }) }),
  )
  return session.show(result, added =>
    session.options.quiet ? added.backup.path : describeAdded(added, paintOut),
  )
}

function describeAdded({ backup, notes }: BackupAdded, paint: Paint): string {
  return [
    `${paint('green', '✔ Added:')} ${safeText(backup.path)}`,
    `  ${describeBackup(backup, new Date())}`,
    ...notes.map(note => `  ${paint('yellow', 'Note:')} ${safeText(note)}`),
  ].join('\n')
}
