import { type Command, InvalidArgumentError } from 'commander'
import { defineCommand, examples } from './define-command.ts'
import { given } from './options.ts'
import { paintOut, printFailure } from './output.ts'
import { refuseAlone } from './refuse-unused.ts'
import { inSession, type Session } from './session.ts'
import { safeText } from './text.ts'

interface MetricsOptions {
  readonly output?: string
  readonly mode?: number
}

export function metricsCommand(): Command {
  const command = defineCommand(
    'metrics',
    'Print the state of the backups for Prometheus, or write it to a file.',
  )
    .option('--output <file>', 'write this file, whole or not at all, instead of printing')
    .option('--mode <octal>', 'mode of that file (default: 0644)', parseMode)
    .addHelpText(
      'after',
      `${examples([
        ['metrics', 'of every database in the configuration'],
        ['metrics --database shop', 'of one of them'],
        ['metrics --output /var/lib/prometheus/node-exporter/chame_backup.prom', 'for the node exporter'],
      ])}\n\nA catalog that cannot be read is a metric, too, and decides the exit code.`,
    )
    .action((options: MetricsOptions, called: Command) =>
      inSession(called, session => metrics(session, options)),
    )
  return refuseAlone(command, { mode: ['output'] })
}

async function metrics(session: Session, options: MetricsOptions): Promise<number> {
  const { signal } = session.cancellation
  const { json = false, quiet = false } = session.options
  const result = await session.database.metrics({ signal, ...given(options) })
  const exit = session.show(result, ({ path, text }) => {
    if (path === null) return text.trimEnd()
    return quiet ? '' : `${paintOut('green', '✔ Metrics written:')} ${safeText(path)}`
  })
  if (!result.success) return exit
  if (!json) for (const problem of result.unreadable) printFailure({ success: false, ...problem }, false)
  const [first] = result.unreadable
  return first === undefined ? exit : session.exitOf(first.code)
}

function parseMode(text: string): number {
  if (/^0?[0-7]{3}$/.test(text)) return Number.parseInt(text, 8)
  throw new InvalidArgumentError('Expected an octal mode such as 0644.')
}
