/**
 * Telling systemd how the daemon fares, by the protocol of sd_notify(3). Node has no datagram sockets of the file
 * system, so `systemd-notify` sends what is to be said: it is on every machine with systemd and takes 7 ms. What it
 * sends comes from its own process id, wherefore the unit says `NotifyAccess=all`.
 */
import { execFile } from 'node:child_process'

export interface ServiceNotifier {
  /** The daemon is up, or has taken over a new configuration. */
  ready(status: string): Promise<void>
  /** The configuration is being read anew; `ready` ends that. */
  reloading(): Promise<void>
  stopping(status: string): Promise<void>
  /** One line for `systemctl status`. It can be seen in process lists for a moment: no secrets. */
  status(text: string): Promise<void>
  /** Ends the watchdog's signs of life. What is still to be said is said. */
  close(): Promise<void>
}

export interface NotifierOptions {
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Told once when systemd cannot be told: the daemon goes on. */
  readonly onProblem: (message: string) => void
}

/** It waits up to 5 s for systemd to have read the message; a busy machine gets as much again. */
const SEND_MS_MAX = 10_000

/**
 * Begins with the watchdog's signs of life where systemd asks for them: `WATCHDOG=1` at half of its interval, by
 * this event loop, so that they end when it hangs. Without `NOTIFY_SOCKET` all of this does nothing. Never rejects.
 */
export function openServiceNotifier({ environment, onProblem }: NotifierOptions): ServiceNotifier {
  const sender = new Sender(environment, onProblem)
  const intervalMs = watchdogMs(environment)
  const watchdog = intervalMs === null ? undefined : setInterval(() => void sender.sign(), intervalMs)
  // The daemon lives by its jobs, not by its signs of life.
  watchdog?.unref()
  return {
    ready: status => sender.send(['READY=1', statusOf(status)]),
    reloading: () => sender.send(['RELOADING=1', `MONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`]),
    stopping: status => sender.send(['STOPPING=1', statusOf(status)]),
    status: text => sender.send([statusOf(text)]),
    async close() {
      clearInterval(watchdog)
      await sender.sent()
    },
  }
}

/** Half of what systemd waits for; null where it wants no signs of life, or wants them of another process. */
function watchdogMs(environment: NotifierOptions['environment']): number | null {
  const { NOTIFY_SOCKET: socket, WATCHDOG_USEC: interval, WATCHDOG_PID: pid } = environment
  if (!socket || !/^\d+$/.test(interval ?? '')) return null
  if (pid !== undefined && pid !== '' && pid !== String(process.pid)) return null
  return Math.max(1, Math.floor(Number(interval) / 2000))
}

/** Sends one message after another: `READY` must not overtake `RELOADING`. */
class Sender {
  readonly #environment: NotifierOptions['environment']
  readonly #onProblem: NotifierOptions['onProblem']
  #last: Promise<void> = Promise.resolve()
  #waiting = 0
  #hadProblem = false

  constructor(environment: NotifierOptions['environment'], onProblem: NotifierOptions['onProblem']) {
    this.#environment = environment
    this.#onProblem = onProblem
  }

  send(message: readonly string[]): Promise<void> {
    if (!this.#environment['NOTIFY_SOCKET']) return Promise.resolve()
    this.#waiting += 1
    this.#last = this.#last.then(() => this.#sendNow(message))
    return this.#last
  }

  /** A sign of life, unless messages wait: a message is none itself, but a second sign behind it helps nobody. */
  sign(): Promise<void> {
    return this.#waiting > 0 ? this.#last : this.send(['WATCHDOG=1'])
  }

  sent(): Promise<void> {
    return this.#last
  }

  #sendNow(message: readonly string[]): Promise<void> {
    const { NOTIFY_SOCKET, PATH } = this.#environment
    const { promise, resolve } = Promise.withResolvers<void>()
    const options = { env: { NOTIFY_SOCKET, PATH }, timeout: SEND_MS_MAX, killSignal: 'SIGKILL' } as const
    execFile('systemd-notify', message, options, error => {
      this.#waiting -= 1
      if (error !== null && !this.#hadProblem) {
        this.#hadProblem = true
        this.#onProblem(`systemd could not be told: ${error.message.trim().split('\n').at(-1)}`)
      }
      resolve()
    })
    return promise
  }
}

/** A line break in a message would begin another assignment. */
function statusOf(text: string): string {
  return `STATUS=${text.replaceAll(/\s+/g, ' ')}`
}
