import type { Failure, Scheduler, SchedulerLog, SchedulerLogEntry, SchedulerStopped } from '../index.ts'
import { safeLines } from '../cli/text.ts'

/** Runs the scheduler until `signal` is aborted. SIGHUP reads the configuration again. */
export async function runDaemon(
  scheduler: Scheduler,
  signal: AbortSignal,
): Promise<SchedulerStopped | Failure> {
  // What is made here, such as the log, is nobody else's to read.
  process.umask(0o077)
  const reload = (): void => void scheduler.reload()
  process.on('SIGHUP', reload)
  try {
    return await scheduler.run({ signal, onLog: lineLog(process.stderr) })
  } finally {
    process.off('SIGHUP', reload)
  }
}

/** The log of a scheduler in front of somebody who looks: words on a terminal, a JSON object a line elsewhere. */
export function lineLog(stream: NodeJS.WriteStream): SchedulerLog {
  return entry => void stream.write(stream.isTTY ? words(entry) : json(entry))
}

function words({ level, message }: SchedulerLogEntry): string {
  const time = new Date().toLocaleString('sv-SE')
  return `${time} ${level === 'info' ? '' : `${level.toUpperCase()}: `}${safeLines(message)}\n`
}

function json({ level, event, message, fields }: SchedulerLogEntry): string {
  return `${JSON.stringify({ time: new Date().toISOString(), level, event, ...fields, msg: message })}\n`
}
