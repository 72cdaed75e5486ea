import { type Command, Option } from 'commander'
import type { ServiceFiles } from '../index.ts'
import { defineCommand, examples } from './define-command.ts'
import { given } from './options.ts'
import { type Paint, paintOut } from './output.ts'
import { inSession, type Session } from './session.ts'
import { safeText } from './text.ts'

interface SystemdOptions {
  readonly timer?: true
  readonly crontab?: true
  readonly install?: true
  readonly directory?: string
  readonly name?: string
  readonly user?: string
}

export function systemdCommand(): Command {
  return defineCommand('systemd', 'Print, or install, what runs the scheduler: a hardened systemd unit.')
    .addOption(new Option('--timer', 'a timer for each run instead of a daemon').conflicts('crontab'))
    .option('--crontab', 'lines for a crontab instead')
    .option('--install', 'write the units instead of printing them')
    .option('--directory <dir>', 'where they are written (default: /etc/systemd/system)')
    .option('--name <unit>', 'what they are called (default: chame-backup-scheduler)')
    .option('--user <name>', 'who runs the scheduler (default: the owner of the database)')
    .addHelpText(
      'after',
      examples([
        ['systemd', 'look at the unit'],
        ['systemd --install', 'write it, as root'],
        ['systemd --timer --install', 'without a daemon'],
        ['systemd --crontab', 'without systemd'],
      ]),
    )
    .action((options: SystemdOptions, command: Command) =>
      inSession(command, session => systemd(session, options)),
    )
}

async function systemd(session: Session, options: SystemdOptions): Promise<number> {
  const { timer, crontab, ...rest } = options
  const form = timer === true ? 'timer' : crontab === true ? 'crontab' : 'daemon'
  const result = await session.database.serviceFiles({
    form,
    signal: session.cancellation.signal,
    ...given(rest),
  })
  return session.show(result, files =>
    files.installed ? describeInstalled(files, session, paintOut) : printFiles(files),
  )
}

/** As it would be written, so that it can be redirected to where it belongs. */
function printFiles({ files, notes }: ServiceFiles): string {
  const titles = files.length > 1
  return [
    ...files.map(({ path, name, text }) => `${titles ? `# ${path ?? name}\n` : ''}${text}`),
    // At the end: by its first line an installed unit is known again.
    ...notes.map(note => `# Note: ${safeText(note)}`),
  ]
    .join('\n')
    .trimEnd()
}

function describeInstalled({ files, notes, next }: ServiceFiles, { options }: Session, paint: Paint): string {
  if (options.quiet === true) return ''
  return [
    ...files.map(({ path }) => `${paint('green', '✔ Written:')} ${safeText(path ?? '')}`),
    ...notes.map(note => `  ${paint('yellow', 'Note:')} ${safeText(note)}`),
    'Next, as root:',
    ...next.map(command => `  ${command}`),
  ].join('\n')
}
