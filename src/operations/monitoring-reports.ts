/** What the operations for monitoring are asked and what they answer; the others' are in reports.ts. */
import type { ErrorCode } from '../errors.ts'
import type { ChannelResult } from '../notify/notifier.ts'

export type { ChannelResult } from '../notify/notifier.ts'

export interface TestNotificationsRequest {
  /** Only this channel. Default: all of them. */
  readonly channel?: string
  /** Gives up what is under way: those channels have failed as `cancelled`. */
  readonly signal?: AbortSignal
}

export interface NotificationsTested {
  readonly success: true
  /** `failed`: one channel at least. */
  readonly status: 'sent' | 'failed'
  /** In the order of the configuration. */
  readonly channels: readonly ChannelResult[]
}

export interface MetricsRequest {
  /** The file to write, in a directory that exists. Default: none. */
  readonly output?: string
  /** With `output`: its mode. Default: 0o644, as its reader is another user. */
  readonly mode?: number
  readonly signal?: AbortSignal
}

export interface MetricsMade {
  readonly success: true
  /** In the text format of Prometheus. */
  readonly text: string
  /** Absolute path of the file that was written; null without `output`. */
  readonly path: string | null
  /** Databases whose catalog could not be read, and why. */
  readonly unreadable: readonly UnreadableCatalog[]
}

export interface UnreadableCatalog {
  readonly database: string
  readonly code: ErrorCode
  readonly message: string
  readonly hint?: string
}
