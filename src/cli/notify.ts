import { type Command, Option } from 'commander'
import type { ChannelResult, NotificationsTested } from '../index.ts'
import { defineCommand, examples } from './define-command.ts'
import { given } from './options.ts'
import { type Paint, paintOut } from './output.ts'
import { inSession, type Session } from './session.ts'
import { safeText } from './text.ts'
import { duration } from './units.ts'

interface NotifyOptions {
  readonly channel?: string
}

export function notifyCommand(): Command {
  return defineCommand('notify', 'Send a test to the channels that would tell you of a failure.')
    .addOption(new Option('--test', 'send a test').makeOptionMandatory())
    .option('--channel <name>', 'only to this channel (default: all in the configuration)')
    .addHelpText(
      'after',
      `${examples([
        ['notify --test', 'every channel'],
        ['notify --test --channel mail', 'one of them'],
      ])}\n\nExits with 3 when a channel did not take it.`,
    )
    .action(({ channel }: NotifyOptions, command: Command) =>
      inSession(command, session => test(session, { channel })),
    )
}

async function test(session: Session, { channel }: { channel: string | undefined }): Promise<number> {
  const { signal } = session.cancellation
  const result = await session.database.testNotifications({ signal, ...given({ channel }) })
  const exit = session.show(result, tested =>
    session.options.quiet && tested.status === 'sent' ? '' : describeTested(tested, paintOut),
  )
  if (!result.success || result.status === 'sent') return exit
  return signal.aborted ? session.exitOf('CANCELLED') : session.exitOf('NOTIFICATION_FAILED')
}

function describeTested({ channels }: NotificationsTested, paint: Paint): string {
  return channels.map(result => describeResult(result, paint)).join('\n')
}

function describeResult(result: ChannelResult, paint: Paint): string {
  const channel = `${safeText(result.channel)} (${result.kind})`
  const tries = result.attempts > 1 ? `, ${result.attempts} attempts` : ''
  const took = `${duration(result.durationMs)}${tries}`
  if (result.status !== 'failed') return `${paint('green', '✔ Sent:')} ${channel}, ${took}`
  return [
    `${paint(['red', 'bold'], '✘ Failed:')} ${channel}, ${took}`,
    `  ${paint('red', safeText(result.message))}`,
    `  ${safeText(result.hint)}`,
  ].join('\n')
}
