/** What there is to tell of: raised by whoever runs jobs, worded and sent by this folder. */
export type NotifyEvent =
  | { kind: 'job-started'; database: string; job: string; at: Date }
  | { kind: 'job-succeeded'; database: string; job: string; at: Date; durationMs: number }
  | {
      kind: 'failed'
      database: string
      job: string
      at: Date
      code: string
      message: string
      hint?: string
      failingSince: Date
      attempts: number
    }
  | { kind: 'recovered'; database: string; job: string; at: Date; failedSince: Date }
  | { kind: 'overdue'; database: string; at: Date; lastGoodAt: Date | null; maxAgeHours: number }
  | { kind: 'digest'; at: Date; from: Date; databases: readonly DigestEntry[] }
  | { kind: 'test'; at: Date }

/** One database's week in a digest. */
export interface DigestEntry {
  database: string
  verdict: 'protected' | 'at-risk' | 'failing'
  lastGoodAt: Date | null
  backups: number
  bytes: number
  failures: number
  lastDrill: { at: Date; passed: boolean } | null
}

/** The events that a channel can be set to receive; every channel receives `test`. */
export type EventKind = Exclude<NotifyEvent['kind'], 'test'>

export const EVENT_KINDS: readonly EventKind[] = [
  'job-started',
  'job-succeeded',
  'failed',
  'recovered',
  'overdue',
  'digest',
]

/** The events that a ping URL has a path for. */
export type PingEventKind = 'job-started' | 'job-succeeded' | 'failed'

export const PING_EVENT_KINDS: readonly PingEventKind[] = ['job-started', 'job-succeeded', 'failed']
