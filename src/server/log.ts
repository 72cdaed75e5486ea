/** What the server did, for people and machines: JSON lines on standard error. Never a header, a body or a secret. */
import { pino } from 'pino'

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

export interface LogFields {
  readonly event: string
  readonly [key: string]: string | number | boolean | null | undefined
}

export type ServerLog = { readonly [Level in LogLevel]: (fields: LogFields, message: string) => void }

/** Lines on standard error; JSON, so that no name from outside can begin a line of its own. */
export function openServerLog(level: LogLevel): ServerLog {
  const options = {
    level,
    base: { pid: process.pid },
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: (label: string) => ({ level: label }) },
  }
  const log = pino(options, pino.destination({ fd: 2, sync: true }))
  return {
    debug: (fields, message) => log.debug(fields, message),
    info: (fields, message) => log.info(fields, message),
    warn: (fields, message) => log.warn(fields, message),
    error: (fields, message) => log.error(fields, message),
  }
}
