import type { Command } from 'commander'
import type { BackupVerified, CheckLevel } from '../index.ts'
import { defineCommand, examples } from './define-command.ts'
import { describeBackup } from './describe-backup.ts'
import { BACKUP_ARGUMENT, checkOption, given, identityOption, targetOption } from './options.ts'
import { type Paint, paintOut } from './output.ts'
import { inSession, type Session } from './session.ts'
import { safeText } from './text.ts'
import { duration } from './units.ts'

interface VerifyOptions {
  readonly check?: CheckLevel
  readonly record?: true
  readonly identity?: string
  readonly target?: string
}

export function verifyCommand(): Command {
  return defineCommand('verify', 'Check a stored backup: its checksum, then the database inside it.')
    .argument('[backup]', BACKUP_ARGUMENT, 'latest')
    .addOption(checkOption('how deep the database is checked (default: full)'))
    .option('--record', "note the result in the backup's metadata; otherwise nothing is written")
    .addOption(identityOption())
    .addOption(targetOption())
    .addHelpText(
      'after',
      `${examples([
        ['verify', 'the newest backup'],
        ['verify chame_backup_daily_20250627_020000.db', 'a certain one'],
        ['verify --check quick', 'faster, without the indexes'],
      ])}\n\nExits with 3 when the backup is damaged.`,
    )
    .action((backup: string, options: VerifyOptions, command: Command) =>
      inSession(command, session => verify(session, backup, options)),
    )
}

async function verify(session: Session, backup: string, options: VerifyOptions): Promise<number> {
  const result = await session.run(run =>
    session.database.verifyBackup(backup, { ...run, ...given(options) }),
  )
  const exit = session.show(result, verified =>
    session.options.quiet && verified.status === 'intact' ? '' : describeVerified(verified, paintOut),
  )
  return result.success && result.status === 'damaged' ? session.exitOf('BACKUP_DAMAGED') : exit
}

function describeVerified(verified: BackupVerified, paint: Paint): string {
  const { backup, status, problems, checksumCompared, durationMs } = verified
  const verdict = status === 'intact' ? paint('green', '✔ Intact:') : paint(['red', 'bold'], '✘ Damaged:')
  const checked = [
    checksumCompared ? 'checksum compared' : 'no recorded checksum to compare with',
    describeLook(verified),
    duration(durationMs),
  ]
  return [
    `${verdict} ${safeText(backup.filename)}`,
    `  ${describeBackup(backup, new Date())}`,
    ...problems.map(problem => `  ${paint('red', safeText(problem.message))}`),
    `  ${checked.join(', ')}`,
  ].join('\n')
}

function describeLook({ backup, lookedAt, check }: BackupVerified): string {
  if (lookedAt === 'image') return `${check} check`
  return backup.encoding === 'zstd+age'
    ? 'encrypted: nobody looked inside without a key'
    : 'database not checked'
}
