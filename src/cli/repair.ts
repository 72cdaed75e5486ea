import type { Command } from 'commander'
import type { BackupsRepaired, RepairedBackup } from '../index.ts'
import { defineCommand, examples } from './define-command.ts'
import { given, identityOption } from './options.ts'
import { type Paint, paintOut } from './output.ts'
import { inSession, type Session } from './session.ts'
import { safeText } from './text.ts'
import { bytes, plural } from './units.ts'

interface RepairOptions {
  readonly target?: string
  readonly identity?: string
}

export function repairCommand(): Command {
  return defineCommand('repair', 'Replace what is damaged or gone here by good copies from targets.')
    .argument(
      '[backups...]',
      'paths, file names, or "latest" (default: all that are known to be damaged or gone)',
    )
    .option('--target <name>', 'only from this target (default: from whichever has a good copy)')
    .addOption(identityOption())
    .addHelpText(
      'after',
      `${examples([
        ['repair', 'all that are known to be damaged, or whose files are gone'],
        ['repair chame_backup_daily_20250627_020000.db', 'a certain one'],
      ])}\n\nNothing is replaced before all of what takes its place was fetched and found to be what was stored; nothing whole is. A damaged copy at a target is replaced by: chame-backup sync. Exits with 3 when one could not be repaired.`,
    )
    .action((backups: string[], options: RepairOptions, command: Command) =>
      inSession(command, session => repair(session, backups, options)),
    )
}

async function repair(session: Session, backups: readonly string[], options: RepairOptions): Promise<number> {
  const named = backups.length === 0 ? {} : { backups }
  const result = await session.run(run =>
    session.database.repairBackups({ ...run, ...named, ...given(options) }),
  )
  const exit = session.show(result, repaired =>
    describeRepaired(repaired, session.options.quiet === true, paintOut),
  )
  return result.success && result.status === 'incomplete' ? session.exitOf('BACKUP_DAMAGED') : exit
}

function describeRepaired({ backups }: BackupsRepaired, isQuiet: boolean, paint: Paint): string {
  const shown = isQuiet ? backups.filter(({ status }) => status === 'failed') : backups
  if (shown.length === 0) return isQuiet ? '' : 'No backup is known to be damaged: chame-backup verify looks.'
  return shown.map(backup => describeOne(backup, paint)).join('\n')
}

function describeOne({ filename, status, from, packs, ...rest }: RepairedBackup, paint: Paint): string {
  const name = safeText(filename)
  if (status === 'intact') return `${paint('green', '✔ Intact:')} ${name}`
  if (status === 'repaired') {
    const what = [
      ...(from === null ? [] : [`its file from ${safeText(from)}`]),
      ...(packs === 0 ? [] : [plural(packs, 'pack')]),
      bytes(rest.bytes),
    ]
    return `${paint('green', '✔ Repaired:')} ${name}\n  ${what.join(', ')}`
  }
  const hint = rest.hint === undefined ? '' : `\n  ${safeText(rest.hint)}`
  return `${paint(['red', 'bold'], '✘ Not repaired:')} ${name}\n  ${safeText(rest.message ?? '')}${hint}`
}
