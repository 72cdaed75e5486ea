import type {
  Failure,
  LogSettings,
  Scheduler,
  SchedulerLog,
  SchedulerLogEntry,
  SchedulerStopped,
} from '../index.ts'
import { openSchedulerLog } from './log.ts'
import { openServiceNotifier, type ServiceNotifier } from './sd-notify.ts'

/** Runs the scheduler until `signal` is aborted. SIGHUP reads the configuration again. */
export async function runDaemon(
  scheduler: Scheduler,
  signal: AbortSignal,
): Promise<SchedulerStopped | Failure> {
  // What is made here, such as the log, is nobody else's to read.
  process.umask(0o077)
  const settings = await scheduler.logSettings()
  if (!settings.success) return settings
  await using log = openLog(settings, { isQuiet: false })
  const service = openServiceNotifier({
    environment: process.env,
    onProblem: message => log.write({ level: 'warn', event: 'trouble', message, fields: {} }),
  })
  const reload = (): void => {
    void service.reloading()
    void scheduler.reload()
  }
  process.on('SIGHUP', reload)
  const onLog: SchedulerLog = entry => {
    log.write(entry)
    tellService(service, entry)
  }
  try {
    return await scheduler.run({ signal, onLog })
  } finally {
    process.off('SIGHUP', reload)
    await service.close()
  }
}

/** What systemd wants to know of it. A reload that was refused is over, too: the old configuration goes on. */
function tellService(service: ServiceNotifier, { event, message }: SchedulerLogEntry): void {
  if (event === 'started' || event === 'reloaded' || event === 'reload-refused') void service.ready(message)
  else if (event === 'stopping') void service.stopping(message)
  else if (event === 'job-started' || event === 'job-succeeded' || event === 'job-failed')
    void service.status(message)
}

interface OpenLog extends AsyncDisposable {
  readonly write: SchedulerLog
}

/** The log file, and its lines on stderr: in words on a terminal, and unless nobody wants to see them. */
export function openLog(settings: LogSettings, { isQuiet }: { readonly isQuiet: boolean }): OpenLog {
  const { path, level, maxSizeBytes, maxDays, secrets: names } = settings
  const secrets = (): string[] => names.flatMap(name => process.env[name] ?? [])
  const echo = isQuiet ? null : { stream: process.stderr, isInWords: process.stderr.isTTY }
  const { log, close } = openSchedulerLog({ path, level, maxSizeBytes, maxDays, echo, secrets })
  return {
    write: entry => log[entry.level]({ event: entry.event, ...entry.fields }, entry.message),
    [Symbol.asyncDispose]: close,
  }
}
