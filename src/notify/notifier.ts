/** Telling people: every channel its form of an event, all at once, none waiting for another. */
import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import type { ChannelConfig, NotifyConfig } from '../config/notify.ts'
import { type EventKind, type NotifyEvent, PING_EVENT_KINDS } from './event.ts'
import type { Lookup } from './http.ts'
import { formPost } from './http-channels.ts'
import type { Letter } from './letter.ts'
import { Mailing } from './mail.ts'
import { wordEvent } from './message.ts'
import { afterTelling, toldAlready, type ToldState } from './reminders.ts'
import { deliver, PATIENCE, type Patience } from './retry.ts'
import type { SecretPorts } from './secrets.ts'
import { type Undelivered, type UndeliveredReason, unexpected } from './undelivered.ts'

interface ChannelOutcome {
  /** Its name in the configuration. */
  readonly channel: string
  readonly kind: ChannelConfig['kind']
  readonly attempts: number
  readonly durationMs: number
}

/** What became of one event on one channel. No secret is in it. */
export type ChannelResult =
  | (ChannelOutcome & { readonly status: 'sent' })
  /** It was told of this failure already, at `toldAt` (ISO 8601), and it is too early for a reminder. */
  | (ChannelOutcome & { readonly status: 'skipped'; readonly toldAt: string })
  | (ChannelOutcome & {
      readonly status: 'failed'
      readonly code: 'NOTIFICATION_FAILED'
      readonly reason: UndeliveredReason
      readonly message: string
      readonly hint: string
    })

/** Everything but the configuration; all of it has a default that a program can live with. */
export interface NotifierPorts extends Partial<SecretPorts> {
  /** IANA time zone of the times in messages. Default: the system's. */
  readonly timeZone?: string | undefined
  /** Name of this machine in messages. Default: the system's. */
  readonly host?: string
  /** What was told before, as {@link Notifier.told} was. Default: nothing. */
  readonly told?: ToldState
  readonly now?: () => Date
  /** From 0 to 1. */
  readonly random?: () => number
  readonly patience?: Patience
  readonly lookup?: Lookup
}

export interface Notifier {
  /**
   * Tells every channel that receives such events. Resolves when all are done, after a minute at most; never throws.
   * Channels that do not receive it are not in the result.
   */
  notify(event: NotifyEvent, options?: NotifyOptions): Promise<readonly ChannelResult[]>
  /** Who was told of which failure: plain JSON, to be kept and handed to the next notifier. */
  readonly told: ToldState
}

export interface NotifyOptions {
  /** Only this channel. */
  readonly channel?: string
  /** Gives up what is under way; those channels have failed as `cancelled`. */
  readonly signal?: AbortSignal
}

const DEFAULT_REMINDER_HOURS = 24
const HOUR_MS = 3_600_000
const DEFAULT_EVENTS: readonly EventKind[] = ['failed', 'recovered', 'overdue', 'digest']

/** Opens no connection and keeps none; there is nothing to close. */
export function openNotifier(config: NotifyConfig, ports: NotifierPorts = {}): Notifier {
  return new ChannelNotifier(config, ports)
}

class ChannelNotifier implements Notifier {
  readonly #config: NotifyConfig
  readonly #ports: NotifierPorts
  readonly #reminderMs: number
  #told: ToldState

  constructor(config: NotifyConfig, ports: NotifierPorts) {
    this.#config = config
    this.#ports = ports
    this.#reminderMs = (config.reminderHours ?? DEFAULT_REMINDER_HOURS) * HOUR_MS
    this.#told = ports.told ?? {}
  }

  get told(): ToldState {
    return this.#told
  }

  async notify(event: NotifyEvent, options: NotifyOptions = {}): Promise<readonly ChannelResult[]> {
    const { channel: only, signal = new AbortController().signal } = options
    const id = `msg_${randomBytes(16).toString('hex')}`
    const channels = Object.entries(this.#config.channels).filter(
      ([name, channel]) => (only === undefined || name === only) && receives(channel, event),
    )
    return await Promise.all(
      channels.map(async ([name, channel]) => {
        const outcome = { channel: name, kind: channel.kind, attempts: 0, durationMs: 0 }
        try {
          return await this.#tell(outcome, channel, event, { id, signal })
        } catch (error) {
          return failed(outcome, unexpected(error))
        }
      }),
    )
  }

  async #tell(
    outcome: ChannelOutcome,
    channel: ChannelConfig,
    event: NotifyEvent,
    { id, signal }: { id: string; signal: AbortSignal },
  ): Promise<ChannelResult> {
    // A monitor that is pinged must hear of every run.
    const toldAt =
      channel.kind === 'ping' ? null : toldAlready(this.#told, outcome.channel, event, this.#reminderMs)
    if (toldAt !== null) return { ...outcome, status: 'skipped', toldAt: toldAt.toISOString() }
    const started = performance.now()
    const { host = hostname(), timeZone, patience = PATIENCE, random = Math.random } = this.#ports
    const letter: Letter = { event, message: wordEvent(event, { host, timeZone }), host, id }
    const { attempts, problem } = await deliver(this.#sending(channel, letter), { patience, random, signal })
    const ended = { ...outcome, attempts, durationMs: Math.round(performance.now() - started) }
    if (problem === null || problem.isTaken) this.#told = afterTelling(this.#told, outcome.channel, event)
    return problem === null ? { ...ended, status: 'sent' } : failed(ended, problem)
  }

  /** What one attempt does. */
  #sending(channel: ChannelConfig, letter: Letter): (signal: AbortSignal) => Promise<void> {
    const {
      environment = process.env,
      directory = process.cwd(),
      now = () => new Date(),
      lookup,
    } = this.#ports
    const secrets: SecretPorts = { environment, directory }
    if (channel.kind === 'email') {
      const mailing = new Mailing(channel, letter, secrets)
      return signal => mailing.send(signal)
    }
    return async signal => {
      // Loaded late: node:https takes longer to load than listing backups.
      const { postOnce } = await import('./http.ts')
      const post = await formPost(channel, letter, { ...secrets, at: now() })
      const { allowLinkLocal = false } = channel
      await postOnce(post, { allowLinkLocal, signal, now, lookup })
    }
  }
}

function failed(outcome: ChannelOutcome, { reason, message, hint }: Undelivered): ChannelResult {
  return { ...outcome, status: 'failed', code: 'NOTIFICATION_FAILED', reason, message, hint }
}

/** Whether a channel is to hear of an event; of a test each of them is. */
function receives(channel: ChannelConfig, event: NotifyEvent): boolean {
  if (event.kind === 'test') return true
  const wanted: readonly EventKind[] =
    channel.events ?? (channel.kind === 'ping' ? PING_EVENT_KINDS : DEFAULT_EVENTS)
  if (!wanted.includes(event.kind)) return false
  // A digest is of all databases.
  if (event.kind === 'digest') return true
  if (channel.databases !== undefined && !channel.databases.includes(event.database)) return false
  return event.kind === 'overdue' || channel.jobs === undefined || channel.jobs.includes(event.job)
}
