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
  return defineCommand('repair', 'Replace what is damaged or gone, here and at targets, by good copies.')
    .argument(
      '[backups...]',
      'paths, file names, or "latest" (default: all that are known to be damaged or gone)',
    )
    .option('--target <name>', 'only by copies from this target (default: from wherever there is a good one)')
    .addOption(identityOption())
    .addHelpText(
      'after',
      `${examples([
        ['repair', 'all that are known to be damaged, or whose files are gone'],
        ['repair chame_backup_daily_20250627_020000.db', 'a certain one'],
      ])}\n\nNothing is replaced before all of what takes its place was fetched and found to be what was stored; nothing whole is. What is damaged at targets is known once it was read again: chame-backup verify --copies. Exits with 3 when one could not be repaired, or a target could not be looked at.`,
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

function describeRepaired({ backups, failed }: BackupsRepaired, isQuiet: boolean, paint: Paint): string {
  const shown = isQuiet ? backups.filter(({ code }) => code !== undefined) : backups
  const lines = [
    ...shown.map(backup => describeOne(backup, paint)),
    ...failed.map(target => notDone('Not looked at', `the target ${safeText(target.name)}`, target, paint)),
  ]
  if (lines.length > 0) return lines.join('\n')
  return isQuiet
    ? ''
    : 'No backup is known to be damaged: chame-backup verify looks, and at targets chame-backup verify --copies.'
}

function describeOne(repaired: RepairedBackup, paint: Paint): string {
  const { filename, at, status } = repaired
  const name = `${safeText(filename)}${at === null ? '' : ` at ${safeText(at)}`}`
  if (status === 'intact') return `${paint('green', '✔ Intact:')} ${name}`
  if (status === 'failed') return notDone('Not repaired', name, repaired, paint)
  const stays = repaired.message === undefined ? '' : `\n  ${safeText(repaired.message)}`
  return `${paint('green', '✔ Repaired:')} ${name}\n  ${whatCame(repaired).join(', ')}${stays}`
}

function whatCame({ at, from, metadata, packs, bytes: size }: RepairedBackup): string[] {
  const what = metadata ? 'its metadata' : 'its file'
  const isOfPacksAlone = at === null && from === null
  return [
    ...(isOfPacksAlone ? [] : [`${what} from ${from === null ? 'the backup directory' : safeText(from)}`]),
    ...(packs === 0 ? [] : [plural(packs, 'pack')]),
    ...(size === 0 ? [] : [bytes(size)]),
  ]
}

function notDone(
  title: string,
  what: string,
  { message, hint }: Pick<RepairedBackup, 'message' | 'hint'>,
  paint: Paint,
): string {
  const more = hint === undefined ? '' : `\n  ${safeText(hint)}`
  return `${paint(['red', 'bold'], `✘ ${title}:`)} ${what}\n  ${safeText(message ?? '')}${more}`
}
