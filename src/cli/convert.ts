import type { Command } from 'commander'
import type { BackupsConverted, Encoding } from '../index.ts'
import { defineCommand, examples } from './define-command.ts'
import { acceptUnsignedOption, encodingOption, given, identityOption } from './options.ts'
import { type Paint, paintOut } from './output.ts'
import { inSession, type Session } from './session.ts'
import { safeText } from './text.ts'
import { bytes, duration, plural } from './units.ts'

interface ConvertOptions {
  readonly all?: true
  readonly encoding?: Encoding
  readonly identity?: string
  readonly acceptUnsigned?: true
}

export function convertCommand(): Command {
  return defineCommand('convert', 'Store existing backups in another encoding.')
    .argument('[backup...]', 'their paths, their file names, or "latest"')
    .option('--all', 'every backup of the database')
    .addOption(encodingOption('how they are stored then (default: the configuration, else plain)'))
    .addOption(identityOption())
    .addOption(acceptUnsignedOption())
    .addHelpText(
      'after',
      `${examples([
        ['convert latest --encoding zstd', 'the newest backup, compressed'],
        ['convert --all --encoding zstd+age', 'all of them, encrypted'],
        ['convert --all --encoding plain --identity key.txt', 'and back'],
      ])}\n\nAn old file goes once the new one was read back. Exits with 3 when one of several could not be converted.`,
    )
    .action((backups: string[], options: ConvertOptions, command: Command) => {
      if (backups.length > 0 === (options.all === true))
        command.error('error: name the backups to convert, or say --all')
      return inSession(command, session => convert(session, backups, options))
    })
}

async function convert(
  session: Session,
  backups: readonly string[],
  { all, encoding, identity, acceptUnsigned }: ConvertOptions,
): Promise<number> {
  const result = await session.run(run =>
    session.database.convertBackups({
      ...run,
      ...(all === true ? {} : { backups }),
      ...given({ encoding, identity, acceptUnsigned }),
    }),
  )
  const exit = session.show(result, done =>
    session.options.quiet && done.status === 'done' ? '' : describeConverted(done, paintOut),
  )
  return result.success && result.status === 'incomplete' ? session.exitOf('BACKUP_DAMAGED') : exit
}

function describeConverted(done: BackupsConverted, paint: Paint): string {
  const { converted, skipped, failed, durationMs } = done
  return [
    ...converted.map(({ backup }) => `${paint('green', '✔ Converted:')} ${safeText(backup.filename)}`),
    ...skipped.map(
      ({ filename, why }) => `${paint('dim', '- Left:')} ${safeText(filename)}: ${safeText(why)}`,
    ),
    ...failed.flatMap(({ filename, message, hint }) => [
      `${paint(['red', 'bold'], '✘ Failed:')} ${safeText(filename)}`,
      `  ${paint('red', safeText(message))}`,
      ...(hint === undefined ? [] : [`  ${safeText(hint)}`]),
    ]),
    `${plural(converted.length, 'backup')} converted${describeSizes(converted)}, ${duration(durationMs)}`,
  ].join('\n')
}

/** Of pages what was added to them counts; what they took before nobody knows of a single backup. */
function describeSizes(converted: BackupsConverted['converted']): string {
  if (converted.length === 0) return ''
  const after = converted.reduce((sum, { backup }) => sum + (backup.metadata?.added_bytes ?? backup.size), 0)
  if (converted.some(({ from }) => from.endsWith('.blocks'))) return `, ${bytes(after)} now`
  const before = converted.reduce((sum, { sizeBefore }) => sum + sizeBefore, 0)
  return `, ${bytes(before)} before and ${bytes(after)} now`
}
