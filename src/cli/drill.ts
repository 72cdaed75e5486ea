import type { Command } from 'commander'
import type { BackupDrilled, DrillCheck } from '../index.ts'
import { defineCommand, examples } from './define-command.ts'
import { describeBackup } from './describe-backup.ts'
import { acceptUnsignedOption, BACKUP_ARGUMENT, given, identityOption, targetOption } from './options.ts'
import { type Paint, paintOut } from './output.ts'
import { inSession, type Session } from './session.ts'
import { safeText } from './text.ts'
import { bytes, duration } from './units.ts'

interface DrillOptions {
  readonly scratch?: string
  readonly identity?: string
  readonly target?: string
  readonly acceptUnsigned?: true
}

export function drillCommand(): Command {
  return defineCommand('drill', 'Prove that a backup can be restored, in a directory that is removed again.')
    .argument('[backup]', BACKUP_ARGUMENT, 'latest')
    .option('--scratch <dir>', 'where it is restored (default: the backup directory)')
    .addOption(identityOption())
    .addOption(targetOption())
    .addOption(acceptUnsignedOption())
    .addHelpText(
      'after',
      `${examples([
        ['drill', 'the newest backup'],
        ['drill chame_backup_weekly_20250622_030000.db', 'a certain one'],
        ['drill --scratch /var/tmp', 'restored on another disk'],
      ])}\n\nThe protected database is not touched. Exits with 3 when the drill failed.`,
    )
    .action((backup: string, options: DrillOptions, command: Command) =>
      inSession(command, session => drill(session, backup, options)),
    )
}

async function drill(
  session: Session,
  backup: string,
  { scratch, identity, target, acceptUnsigned }: DrillOptions,
): Promise<number> {
  const result = await session.run(run =>
    session.database.drillBackup({
      backup,
      ...run,
      ...given({ scratchDir: scratch, identity, target, acceptUnsigned }),
    }),
  )
  const exit = session.show(result, drilled =>
    session.options.quiet && drilled.status === 'passed' ? '' : describeDrilled(drilled, paintOut),
  )
  return result.success && result.status === 'failed' ? session.exitOf('BACKUP_DAMAGED') : exit
}

function describeDrilled(drilled: BackupDrilled, paint: Paint): string {
  const { status, backup, checks, bytes: restoredBytes, restoreMs, durationMs, notes } = drilled
  const verdict =
    status === 'passed' ? paint('green', '✔ Drill passed:') : paint(['red', 'bold'], '✘ Drill failed:')
  const restored = restoreMs === null ? [] : [`${bytes(restoredBytes)} restored in ${duration(restoreMs)}`]
  return [
    `${verdict} ${safeText(backup.filename)}`,
    `  ${describeBackup(backup, new Date())}`,
    ...checks
      // Of a backup that cannot be restored the rest goes without saying.
      .filter(check => status === 'passed' || check.status !== 'skipped')
      .map(check => `  ${describeCheck(check, paint)}`),
    `  ${[...restored, `${duration(durationMs)} in all`].join(', ')}`,
    ...notes.map(note => `  ${paint('yellow', 'Note:')} ${safeText(note)}`),
  ].join('\n')
}

function describeCheck({ status, message }: DrillCheck, paint: Paint): string {
  const text = safeText(message)
  if (status === 'passed') return `${paint('green', '✔')} ${text}`
  return status === 'failed' ? paint('red', `✘ ${text}`) : paint('dim', `- ${text}`)
}
