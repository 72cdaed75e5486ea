import type { NotifyEvent } from '../../src/index.ts'

type EventOf<Kind extends NotifyEvent['kind']> = Extract<NotifyEvent, { kind: Kind }>

export const AT: Date = new Date('2026-11-25T02:00:30Z')

export const FAILED: EventOf<'failed'> = {
  kind: 'failed',
  database: 'shop',
  job: 'daily',
  at: AT,
  code: 'INSUFFICIENT_SPACE',
  message:
    'Insufficient disk space: the backup needs 4.21 GiB (4520453603 bytes), 12 bytes are available: /backups',
  hint: 'Free some space there, or choose another backup directory.',
  failingSince: new Date('2026-11-24T02:00:30Z'),
  attempts: 3,
}

/** One of each kind. */
export const EVENTS: { readonly [Kind in NotifyEvent['kind']]: EventOf<Kind> } = {
  'job-started': { kind: 'job-started', database: 'shop', job: 'daily', at: AT },
  'job-succeeded': { kind: 'job-succeeded', database: 'shop', job: 'daily', at: AT, durationMs: 4200 },
  failed: FAILED,
  recovered: {
    kind: 'recovered',
    database: 'shop',
    job: 'daily',
    at: AT,
    failedSince: new Date('2026-11-22T02:00:30Z'),
  },
  overdue: {
    kind: 'overdue',
    database: 'shop',
    at: AT,
    lastGoodAt: new Date('2026-11-23T20:00:30Z'),
    maxAgeHours: 26,
  },
  digest: {
    kind: 'digest',
    at: AT,
    from: new Date('2026-11-18T02:00:30Z'),
    databases: [
      {
        database: 'blog',
        verdict: 'protected',
        lastGoodAt: new Date('2026-11-25T01:00:30Z'),
        backups: 11,
        bytes: 4_412_345,
        failures: 0,
        lastDrill: { at: new Date('2026-11-23T05:00:00Z'), passed: true },
      },
      {
        database: 'shop',
        verdict: 'failing',
        lastGoodAt: null,
        backups: 1,
        bytes: 1024,
        failures: 7,
        lastDrill: { at: new Date('2026-11-20T05:00:00Z'), passed: false },
      },
      {
        database: 'wiki',
        verdict: 'at-risk',
        lastGoodAt: new Date('2026-11-22T01:00:30Z'),
        backups: 3,
        bytes: 2048,
        failures: 1,
        lastDrill: null,
      },
    ],
  },
  test: { kind: 'test', at: AT },
}
