import type { Command } from 'commander'
import type { EditSettingsRequest, SettingsShown } from '../index.ts'
import { defineCommand, examples } from './define-command.ts'
import { given } from './options.ts'
import { paintOut } from './output.ts'
import { refuseAlone } from './refuse-unused.ts'
import { inSession, type Session } from './session.ts'
import { safeText } from './text.ts'

interface SettingsOptions {
  readonly setRetention?: string
  readonly setSchedule?: string
  readonly ifVersion?: string
}

export function settingsCommand(): Command {
  const command = defineCommand(
    'settings',
    'Show the settings that hold, or change them in a configuration of JSON.',
  )
    .option('--set-retention <json>', 'what is kept, by type, of this database')
    .option('--set-schedule <json>', 'the jobs, of all databases')
    .option('--if-version <version>', 'change nothing if somebody has since: editable.version of --json')
    .addHelpText(
      'after',
      examples([
        ['settings', 'databases, retention, jobs, channels'],
        [`settings --set-retention '{"daily":{"keepDaily":14}}'`, 'keep 14 days of daily backups'],
        [`settings --set-schedule '{"jobs":{"daily":{"cron":"30 1 * * *"}}}'`, 'at half past one'],
      ]),
    )
    .action((options: SettingsOptions, called: Command) =>
      inSession(called, session => act(session, options)),
    )
  return refuseAlone(command, { ifVersion: ['setRetention', 'setSchedule'] })
}

async function act(
  session: Session,
  { setRetention, setSchedule, ifVersion }: SettingsOptions,
): Promise<number> {
  const { BackupError } = await import('../index.ts')
  const { administration } = session
  if (setRetention === undefined && setSchedule === undefined) {
    return session.show(await administration.settings(), render)
  }
  const parse = (text: string): unknown => {
    try {
      return JSON.parse(text)
    } catch {
      throw new BackupError('INVALID_ARGUMENT', `Not JSON: ${text}`, {
        hint: 'See: chame-backup settings --help',
      })
    }
  }
  const request = {
    ...(setRetention === undefined ? {} : { retention: { types: parse(setRetention) } }),
    ...(setSchedule === undefined ? {} : { schedule: parse(setSchedule) }),
    ...given({ version: ifVersion }),
  } as EditSettingsRequest
  return session.show(await administration.editSettings(request), ({ file, changed }) =>
    session.options.quiet
      ? ''
      : `${paintOut('green', changed ? '✔ Changed:' : '✔ It says so already:')} ${safeText(file)}`,
  )
}

function render({ databases, editable, retention, schedule, channels, targets }: SettingsShown): string {
  const title = (text: string): string => paintOut('bold', text)
  const lines = [
    title('Databases'),
    ...listed(
      databases.map(({ name, path, isDefault }) => `${name}${isDefault ? ' (default)' : ''}: ${path}`),
    ),
    title('Retention'),
    ...listed(Object.entries(retention.policy).map(([type, rules]) => `${type}: ${JSON.stringify(rules)}`)),
    title('Jobs'),
    ...listed(schedule.jobs.map(({ name, kind, cron }) => `${name}: ${kind}, ${cron}`)),
    title('Notifications'),
    ...listed(channels.map(({ name, kind }) => `${name}: ${kind}`)),
    title('Targets'),
    ...listed(targets.map(({ name, kind }) => `${name}: ${kind}`)),
    editable.why === null
      ? `${title('Configuration')} ${safeText(editable.file ?? 'none yet')}`
      : safeText(editable.why),
  ]
  return lines.join('\n')
}

function listed(lines: readonly string[]): string[] {
  return (lines.length === 0 ? ['none'] : lines).map(line => `  ${safeText(line)}`)
}
