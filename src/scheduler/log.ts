import { pino } from 'pino'
import { LogFile } from './log-file.ts'
import { hideSecrets } from './log-secrets.ts'
import { printLogLine } from './log-words.ts'

export interface SchedulerLogOptions {
  /** Absolute path of the file that is written, `…/backup_scheduler.log`; those put aside lie beside it. */
  readonly path: string
  readonly level: pino.LevelWithSilent
  /** A file is put aside before it grows beyond so many bytes, and at the first line of each day (UTC). */
  readonly maxSizeBytes: number
  /** Files put aside are removed after so many days. */
  readonly maxDays: number
  /**
   * Where each line is shown too: in words to somebody who watches, as it is to the journal of a service or a
   * container; null: nowhere.
   */
  readonly echo: { readonly stream: NodeJS.WriteStream; readonly isInWords: boolean } | null
  /** Values of the configuration that no line may hold, asked for at each line because a reload changes them. */
  readonly secrets?: () => readonly string[]
  readonly now?: () => Date
}

export interface SchedulerLog {
  readonly log: pino.Logger
  /** Resolves when all lines are written, or after two seconds on a disk that does not answer. Later lines are written too. */
  readonly close: () => Promise<void>
}

/** A daemon that is asked to stop cannot wait for a disk that does not answer. */
const CLOSE_MS_MAX = 2_000

/**
 * The scheduler's log: JSON lines in a file of mode 0600, never with a secret in them. It never throws and never
 * waits: where the file cannot be written, stderr says so once and gets the lines instead, until it can be again.
 */
export function openSchedulerLog(options: SchedulerLogOptions): SchedulerLog {
  const { level, echo, secrets = () => [], now = () => new Date() } = options
  ignoreErrors(process.stdout)
  ignoreErrors(process.stderr)
  const file = new LogFile({
    ...options,
    now,
    onFailing: reason => void process.stderr.write(`${reason}\n`),
    // Elsewhere they can be seen already.
    onRefused: line => void (echo !== null || process.stderr.write(line)),
  })
  const destination = {
    write(line: string): void {
      const entry = hideSecrets(JSON.parse(line) as Record<string, unknown>, secrets())
      const text = `${JSON.stringify(entry)}\n`
      file.append(text)
      if (echo === null) return
      echo.stream.write(echo.isInWords ? `${printLogLine(entry, echo.stream)}\n` : text)
    },
  }
  const log = pino(
    {
      level,
      base: { pid: process.pid },
      timestamp: () => `,"time":"${now().toISOString()}"`,
      formatters: { level: label => ({ level: label }) },
      serializers: { error: pino.stdSerializers.err },
    },
    destination,
  )
  return { log, close: () => withinMs(file.written(), CLOSE_MS_MAX) }
}

/** A terminal that was closed, or a journal that is full, stops no backup. */
function ignoreErrors(stream: NodeJS.WriteStream): void {
  if (!stream.listeners('error').includes(ignore)) stream.on('error', ignore)
}

function ignore(): void {}

async function withinMs(work: Promise<void>, ms: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, ms)
  await Promise.race([work, promise])
  clearTimeout(timer)
}
