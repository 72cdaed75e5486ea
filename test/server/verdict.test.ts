/** What the overview says of a database, and why: every reason there is. */
import { expect, test } from 'vitest'
import type { BackupInfo, Info, JobState } from '../../src/index.ts'
import { assessVerdict } from '../../src/server/verdict.ts'
import { backupInfo } from '../support/backup-info.ts'

const HOUR_MS = 3_600_000
const CREATED = '2026-11-25T02:00:00.000Z'
const LONG_AGO = '2026-10-01T02:00:00.000Z'

const metadata = {
  timestamp: '2026-11-25T02:00:00',
  backup_type: 'daily',
  database_version: '0',
  file_size: 10,
  checksum: '0'.repeat(64),
  description: '',
  created_by: 'test',
  verified_at: CREATED,
}

function backup(more: Partial<BackupInfo> = {}): BackupInfo {
  return backupInfo({ created: CREATED, metadata, ...more })
}

const GOOD = backup()

function backups(more: Partial<Info['backups']> = {}): Pick<Info, 'backups'> {
  return {
    backups: {
      count: 1,
      sizeBytes: 10,
      byType: [],
      newest: GOOD,
      newestAgeMs: HOUR_MS,
      growthBytesPerDay: null,
      lastDrill: null,
      lastGood: GOOD,
      lastGoodAgeMs: HOUR_MS,
      untrusted: null,
      ...more,
    },
  }
}

/** A database about which all is well, but for `more`. */
function info(more: Partial<Info> = {}): Info {
  return {
    success: true,
    name: 'app',
    databasePath: '/app.db',
    database: null,
    databaseProblem: null,
    backupDir: '/backups',
    target: null,
    targets: [],
    store: null,
    maxBackupAgeMs: null,
    isOverdue: false,
    warnings: [],
    schedule: null,
    disk: { freeBytes: 1000, nextBackupBytes: 10, fits: 100 },
    ...backups(),
    ...more,
  }
}

function targets(...names: string[]): Pick<Info, 'targets'> {
  return {
    targets: names.map(target => ({
      target,
      count: 0,
      lacking: 1,
      damaged: 0,
      verifiedAt: null,
      newest: null,
    })),
  }
}

function failingJob(job: string, kind: JobState['kind']): Pick<Info, 'schedule'> {
  const state: JobState = {
    job,
    database: 'app',
    kind,
    coveredUntil: CREATED,
    nextRunAt: null,
    running: null,
    retry: null,
    lastRun: null,
    lastSuccessAt: null,
    failingSince: CREATED,
    lastGap: null,
  }
  const scheduler = { pid: 1, host: 'here', startedAt: CREATED, stoppedAt: null }
  return { schedule: { updatedAt: CREATED, scheduler, jobs: [state] } }
}

const drill = (at: string, passed: boolean): NonNullable<Info['backups']['lastDrill']> => ({
  at,
  passed,
  duration_ms: 1,
  filename: GOOD.filename,
})

const FAILING: readonly (readonly [string, Partial<Info>])[] = [
  [
    'There is no backup yet.',
    backups({ count: 0, newest: null, newestAgeMs: null, lastGood: null, lastGoodAgeMs: null }),
  ],
  ['No backup has passed a check.', backups({ lastGood: null, lastGoodAgeMs: null })],
  ['The database cannot be read: it is locked', { databaseProblem: 'it is locked' }],
  [`The job daily has been failing since ${CREATED}.`, failingJob('daily', 'backup')],
  // Of which nobody can say what its next backup would take.
  [
    'The database cannot be read: it is gone',
    { databaseProblem: 'it is gone', disk: { freeBytes: 1000, nextBackupBytes: 0, fits: 0 } },
  ],
]

const RISKS: readonly (readonly [string, Partial<Info>])[] = [
  [
    'The last good backup is 37 hours old; it should be no older than 36 hours.',
    backups({ lastGoodAgeMs: 37 * HOUR_MS }),
  ],
  [
    'The last good backup is 2 hours old; it should be no older than 1 hour.',
    { ...backups({ lastGoodAgeMs: 2 * HOUR_MS }), maxBackupAgeMs: HOUR_MS },
  ],
  [
    'The last good backup is 8 days old; it should be no older than 7 days.',
    { ...backups({ lastGoodAgeMs: 8 * 24 * HOUR_MS }), maxBackupAgeMs: 7 * 24 * HOUR_MS },
  ],
  [
    `The last drill failed: ${GOOD.filename} could not be restored.`,
    backups({ lastDrill: drill(CREATED, false) }),
  ],
  ['The last drill is more than a month ago.', backups({ lastDrill: drill(LONG_AGO, true) })],
  [
    'The last check of the newest backup found damage.',
    backups({ newest: backup({ metadata: { ...metadata, damaged_at: CREATED } }) }),
  ],
  [
    'The newest backup is not signed by a key that is trusted.',
    backups({ newest: backup({ signature: 'missing' }), untrusted: 1 }),
  ],
  ['The newest backup is not at s3.', { ...targets('s3'), ...backups() }],
  [
    'The newest backup is not at disk.',
    { ...targets('s3', 'disk'), ...backups({ newest: backup({ copies: ['s3'] }) }) },
  ],
  [
    'The last good backup is not at s3.',
    { ...targets('s3'), ...backups({ newest: backup({ type: 'pre_restore' }) }) },
  ],
  [`The job copies has been failing since ${CREATED}.`, failingJob('copies', 'sync')],
  ['The next backup does not fit on the disk.', { disk: { freeBytes: 1, nextBackupBytes: 10, fits: 0 } }],
]

test.each(FAILING)('a database is failing because: %s', (reason, more) => {
  expect(assessVerdict(info(more))).toEqual({ status: 'failing', reasons: [reason] })
})

test.each(RISKS)('a database is at risk because: %s', (reason, more) => {
  expect(assessVerdict(info(more))).toEqual({ status: 'at-risk', reasons: [reason] })
})

test('what makes it fail is said first, and every risk after it', () => {
  const more = { databaseProblem: 'it is locked', ...targets('s3', 'disk') }
  expect(assessVerdict(info(more))).toEqual({
    status: 'failing',
    reasons: [
      'The database cannot be read: it is locked',
      'The newest backup is not at s3.',
      'The newest backup is not at disk.',
    ],
  })
})

const PROTECTED: readonly (readonly [string, Partial<Info>])[] = [
  ['without targets', {}],
  ['with a drill of today', backups({ lastDrill: drill(CREATED, true) })],
  [
    'whose newest backup is at every target',
    { ...targets('s3'), ...backups({ newest: backup({ copies: ['s3'] }) }) },
  ],
  [
    'that has just been restored, from a backup that is at every target',
    {
      ...targets('s3'),
      ...backups({ newest: backup({ type: 'pre_restore' }), lastGood: backup({ copies: ['s3'] }) }),
    },
  ],
  [
    'whose backups are kept at targets alone',
    { ...targets('s3', 'disk'), ...backups({ newest: backup({ target: 's3' }) }) },
  ],
]

test('how long ago a drill was does not depend on backups that nobody has checked', () => {
  const daysAgo = (days: number): string => new Date(Date.parse(CREATED) - days * 24 * HOUR_MS).toISOString()
  const { verified_at: _, ...unverified } = metadata
  const seen = info({
    maxBackupAgeMs: 40 * 24 * HOUR_MS,
    ...backups({
      newest: backup({ metadata: unverified }),
      lastGood: backup({ created: daysAgo(20) }),
      lastGoodAgeMs: 20 * 24 * HOUR_MS,
      lastDrill: drill(daysAgo(11), true),
    }),
  })
  expect(assessVerdict(seen).status).toBe('protected')
})

test.each(PROTECTED)('a database is protected %s', (_, more) => {
  expect(assessVerdict(info(more))).toEqual({
    status: 'protected',
    reasons: ['The last good backup was made 1 hour ago.'],
  })
})

test('a copy that was found damaged is a risk until it has been replaced', () => {
  const [far] = targets('far').targets
  const damaged = (count: number): Pick<Info, 'targets'> => ({
    targets: [{ ...(far as Info['targets'][number]), damaged: count }],
  })
  const reasons = (count: number): readonly string[] => assessVerdict(info(damaged(count))).reasons
  expect(reasons(0)).not.toContainEqual(expect.stringContaining('damaged'))
  expect(reasons(1)).toContain('A copy at far is damaged, and has not been replaced.')
  expect(reasons(2)).toContain('2 copies at far are damaged, and have not been replaced.')
})
