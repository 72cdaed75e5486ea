/** What the console's pages are made of, without a browser. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { expect, onTestFinished, test, vi } from 'vitest'
import { resolveJobs } from '../../src/schedule/jobs.ts'
import { permissionOf } from '../../src/server/permissions.ts'
import { nameOf, parseName } from '../../web/api/backup-name.ts'
import { copiesInWords, intactInWords } from '../../web/pages/backup/backup-words.ts'
import { calendarMonths, monthInWords } from '../../web/pages/overview/calendar.ts'
import { ask } from '../../web/pages/compare/orientation.ts'
import { DEFAULT_POLICY } from '../../src/retention/policy.ts'
import { everywhere } from '../../web/pages/retention/places.ts'
import { DEFAULT_TYPES, isSamePolicy, withoutType, withRule } from '../../web/pages/retention/rules.ts'
import { spanOf } from '../../web/pages/retention/span-of.ts'
import { DEFAULT_JOBS, withJob } from '../../web/pages/schedule/jobs.ts'
import { addressOf, parseRoute, type Route } from '../../web/routing/routes.ts'
import { LEAST_ROLE } from '../../web/session/roles.ts'
import { formatBytes } from '../../web/words/numbers.ts'
import { dayKey, dayStart, formatAge, formatInstant, formatSpan } from '../../web/words/times.ts'
import { backupInfo } from '../support/backup-info.ts'

const BUILT = fileURLToPath(new URL('../../dist/web', import.meta.url))
const KILOBYTES_MAX = 250

test(`all JavaScript of the console together is at most ${KILOBYTES_MAX} kB, gzipped`, () => {
  const assets = join(BUILT, 'assets')
  const scripts = readdirSync(assets).filter(name => name.endsWith('.js'))
  const bytes = scripts.map(name => gzipSync(readFileSync(join(assets, name))).length)
  expect(scripts.length).toBeGreaterThan(5)
  expect(bytes.reduce((sum, each) => sum + each, 0)).toBeLessThanOrEqual(KILOBYTES_MAX * 1000)
})

test('the page that is served has nothing inline, and names no other host', () => {
  const page = readFileSync(join(BUILT, 'index.html'), 'utf8')
  expect(page).not.toMatch(/<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=/)
  expect(page).not.toMatch(/(src|href)="(https?:)?\/\//)
})

test('every address leads back to its page, whatever names are in it', () => {
  const name = fc.string({ minLength: 1, unit: 'binary' })
  const side = fc.option(name)
  const route: fc.Arbitrary<Route> = fc.oneof(
    fc.constantFrom<Route>(
      { page: 'overview' },
      { page: 'schedule' },
      { page: 'activity' },
      { page: 'settings' },
    ),
    fc.record({ page: fc.constantFrom('backups', 'retention', 'exports'), database: name }),
    fc.record({ page: fc.constantFrom('backup', 'restore'), database: name, backup: name }),
    fc.record({ page: fc.constant('look'), database: name, backup: name, table: side }),
    fc.record({ page: fc.constant('compare'), database: name, left: side, right: side }),
  )
  fc.assert(
    fc.property(route, each => {
      expect(parseRoute(addressOf(each))).toEqual(each)
    }),
  )
})

test('the name of a backup tells which it is, and at which target', () => {
  const target = fc.option(fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9_-]{0,9}$/))
  const named = fc.record({ filename: fc.string({ minLength: 1 }), target })
  fc.assert(
    fc.property(named, each => {
      expect(parseName(nameOf(each))).toEqual(each)
    }),
  )
  expect(parseName('s3:app_backup_daily_20250627_020000.db').target).toBe('s3')
})

test.each(['#/db/a/nowhere', '#/db/%', '#/elsewhere', '#/db/a/backups/b/c', '#/settings/more'])(
  'an address that is none, such as %s, is said to be unknown',
  address => expect(parseRoute(address).page).toBe('unknown'),
)

/** The route of the API that each action needs, in the order of {@link LEAST_ROLE}. */
const ROUTES: Record<keyof typeof LEAST_ROLE, string> = {
  'create-backup': 'POST /backups',
  'upload-backup': 'POST /backups/upload',
  'verify-backup': 'POST /backups/:backup/verify',
  'drill-backup': 'POST /backups/:backup/drill',
  'download-backup': 'GET /backups/:backup/content',
  'pin-backup': 'PUT /backups/:backup/pin',
  'unpin-backup': 'DELETE /backups/:backup/pin',
  'delete-backup': 'DELETE /backups/:backup',
  'restore-backup': 'POST /backups/:backup/restore',
  'read-rows': 'GET /backups/:backup/tables/:table/rows',
  'query-backup': 'POST /backups/:backup/query',
  'compare-backups': 'POST /compare',
  'export-data': 'POST /exports',
  'delete-export': 'DELETE /exports/:export',
  'scan-sensitive': 'POST /scan',
  'edit-retention': 'PUT /retention',
  'plan-cleanup': 'POST /cleanup-plan',
  'clean-up': 'POST /cleanup',
  'edit-schedule': 'PUT /api/v1/schedule',
  'run-scheduled': 'POST /api/v1/schedule/jobs/:job/run',
  'test-notifications': 'POST /api/v1/notifications/test',
  'recovery-sheet': 'GET /api/v1/recovery-sheet',
  'read-audit': 'GET /api/v1/audit',
  'manage-tokens': 'POST /api/v1/tokens',
  // Of a request, not of a route: with `reveal` or `includeSensitive` the routes above need an admin.
  'see-sensitive': 'POST /api/v1/tokens',
}

test.each(Object.entries(ROUTES))(
  'the console offers %s to exactly those whom the API lets: %s',
  (action, route) => {
    const [method = '', path = ''] = route.split(' ')
    const whole = path.startsWith('/api/') ? path : `/api/v1/databases/:database${path}`
    expect(LEAST_ROLE[action as keyof typeof LEAST_ROLE]).toBe(permissionOf(method, whole))
  },
)

test('the calendar has twelve months, tells days without a backup from days before the first, and says so in words', () => {
  const day = (date: string, damaged = 0): Parameters<typeof calendarMonths>[0][number] => ({
    date,
    backups: 1,
    sizeBytes: 1,
    imageBytes: 1,
    damaged,
  })
  const months = calendarMonths([day('2026-02-26'), day('2026-02-28', 1), day('2026-03-01')], '2026-03-02')
  expect(months.map(({ key }) => key)).toEqual(
    ['04', '05', '06', '07', '08', '09', '10', '11', '12']
      .map(each => `2025-${each}`)
      .concat(['2026-01', '2026-02', '2026-03']),
  )
  const [february, march] = months.slice(-2)
  expect(february?.days).toHaveLength(28)
  expect(february?.lead).toBe(6)
  expect(february?.days.slice(24).map(({ state }) => state)).toEqual(['before', 'backup', 'none', 'damaged'])
  expect(march?.days.slice(0, 3).map(({ state }) => state)).toEqual(['backup', 'none', 'after'])
  expect(months.map(monthInWords).slice(-3)).toEqual([
    'January 2026: nothing was backed up yet.',
    'February 2026: backups on 2 of 3 days. None on: 27. Damaged on: 28.',
    'March 2026: backups on 1 of 2 days. None on: 2.',
  ])
})

test('a backup of tomorrow, as it is at the server already, is shown', () => {
  const tomorrow = { date: '2026-03-03', backups: 1, sizeBytes: 1, imageBytes: 1, damaged: 0 }
  const march = calendarMonths([tomorrow], '2026-03-02').at(-1)
  expect(march?.days.slice(1, 4).map(({ state }) => state)).toEqual(['none', 'backup', 'after'])
})

const SEALED = 'It is encrypted: nobody looked inside without a key.'

test.each([
  [
    'full',
    true,
    'plain',
    'Intact.',
    'The checksum is the recorded one, and SQLite’s full check found nothing wrong.',
  ],
  ['quick', false, 'plain', 'Intact.', 'SQLite’s quick check found nothing wrong.'],
  ['none', true, 'zstd+age', 'What is stored is intact.', `The checksum is the recorded one. ${SEALED}`],
  ['none', true, 'blocks', 'What is stored is intact.', `The checksum is the recorded one. ${SEALED}`],
  [
    'none',
    false,
    'plain',
    'What is stored can be read.',
    'There is no recorded checksum to compare with. The database in it was not checked.',
  ],
] as const)(
  'a %s check (checksum compared: %s, %s) says no more than was looked at',
  (check, checksumCompared, encoding, title, what) => {
    const metadata = encoding === 'blocks' ? { ...METADATA, encrypted: true as const } : METADATA
    const lookedAt = check === 'none' ? 'stored-file' : 'image'
    const backup = backupInfo({ encoding, metadata })
    expect(intactInWords({ backup, check, checksumCompared, lookedAt })).toEqual({ title, what })
  },
)

const METADATA = {
  timestamp: '2026-11-25T02:00:00',
  backup_type: 'daily',
  database_version: '0',
  file_size: 10,
  checksum: '0'.repeat(64),
  description: '',
  created_by: 'test',
}

test('the copies of a backup are said as they were last seen; of one at a target nothing is known of others', () => {
  const at = '2026-11-25T02:00:00.000Z'
  const metadata = { ...METADATA, copies: { s3: { at, size: 10 }, disk: null } }
  expect(copiesInWords(backupInfo({ copies: ['s3'], metadata }))).toBe(`s3, seen there ${formatInstant(at)}`)
  const read = {
    ...METADATA,
    copies: { s3: { at, size: 10, verified_at: at }, disk: { at, size: 10, damaged_at: at } },
  }
  expect(copiesInWords(backupInfo({ copies: ['s3'], metadata: read }))).toBe(
    `s3, found intact ${formatInstant(at)}; disk, found damaged ${formatInstant(at)}`,
  )
  expect(copiesInWords(backupInfo())).toBe('None is known of')
  expect(copiesInWords(backupInfo({ target: 's3' }))).toBe(null)
})

test('a cleanup is shown with what it does at targets, and with why it does nothing there', () => {
  const place = { problem: null, kept: [], failed: [], packs: null, left: 0, finished: [] }
  const gone = (target: string | null) => [{ backup: backupInfo({ target }), keptBy: [], why: 'old' }]
  const target = { ...place, deleted: [], freedBytes: 0, failure: null }
  const failure = { success: false, code: 'TARGET_UNREACHABLE', message: 'it is away' } as const
  const cleaned = everywhere({
    success: true,
    dryRun: true,
    status: 'incomplete',
    durationMs: 1,
    ...place,
    deleted: gone(null),
    freedBytes: 10,
    targets: [
      { ...target, target: 's3', status: 'done', deleted: gone('s3'), freedBytes: 5, left: 2 },
      { ...target, target: 'disk', status: 'failed', failure },
      { ...target, target: 'vault', status: 'skipped', problem: 'it is append-only' },
    ],
  })
  expect(cleaned).toMatchObject({ kept: [], freedBytes: 15, left: 2 })
  expect(cleaned.deleted.map(({ backup }) => backup.target)).toEqual([null, 's3'])
  expect(cleaned.problems).toEqual([
    'Nothing would be deleted at disk: it is away',
    'Nothing would be deleted at vault: it is append-only',
  ])
})

test('a line of time has room for as many backups as there are', () => {
  const times = Array.from({ length: 200_000 }, (_, day) => (day + 100_000) % 200_000)
  expect(spanOf(times)).toEqual({ first: 0, last: 199_999 })
})

test('a comparison that ends in the live database is asked for the other way round', () => {
  expect(ask('a.db', 'b.db')).toEqual({ from: 'a.db', to: 'b.db', isTurned: false })
  expect(ask(null, 'b.db')).toEqual({ from: null, to: 'b.db', isTurned: false })
  expect(ask('a.db', null)).toEqual({ from: null, to: 'a.db', isTurned: true })
})

test('rules cannot be removed where that would bring the default ones back', () => {
  expect(DEFAULT_TYPES).toEqual(Object.keys(DEFAULT_POLICY))
})

test('a job is changed, turned off, and taken out again, and the others stay', () => {
  expect(DEFAULT_JOBS).toEqual(resolveJobs({}).map(({ name }) => name))
  const configured = { jobs: { hourly: { kind: 'backup', cron: '0 * * * *' } } } as const
  const seen = { configured, editable: { version: '7' } }
  expect(withJob(seen, 'daily', false)).toEqual({ jobs: { ...configured.jobs, daily: false }, version: '7' })
  expect(withJob(seen, 'hourly', null)).toEqual({ jobs: {}, version: '7' })
})

test('a rule is a number where it counts, a text where it is a span, and none when it is emptied', () => {
  const daily = { type: 'daily', rule: 'keepLast' } as const
  const policy = withRule({}, daily, '7')
  expect(policy).toEqual({ daily: { keepLast: 7 } })
  expect(withRule(policy, { type: 'daily', rule: 'maxSize' }, '5GB')).toEqual({
    daily: { keepLast: 7, maxSize: '5GB' },
  })
  expect(withRule(policy, daily, '')).toEqual({ daily: {} })
  expect(withoutType({ ...policy, weekly: {} }, 'daily')).toEqual({ weekly: {} })
  expect(
    isSamePolicy({ a: { keepLast: 1, keepDaily: 2 }, b: {} }, { b: {}, a: { keepDaily: 2, keepLast: 1 } }),
  ).toBe(true)
  expect(isSamePolicy(policy, withRule(policy, daily, '8'))).toBe(false)
})

test.each([
  [0, '0 B'],
  [1000, '1000 B'],
  [1024, '1 KiB'],
  [1_048_575, '1 MiB'],
  [4_414_504, '4.21 MiB'],
  [1_084_000_000, '1.01 GiB'],
])('%d bytes read as %s, as the command line says it', (bytes, words) =>
  expect(formatBytes(bytes)).toBe(words),
)

test.each([
  [40, '40 ms'],
  [61_000, '1 min'],
  [47 * 3_600_000, '47 h'],
  [49 * 3_600_000, '2 days'],
])('%d milliseconds read as %s', (ms, words) => expect(formatSpan(ms)).toBe(words))

test.each(['UTC', 'America/Los_Angeles', 'Pacific/Auckland'])(
  'a chart draws a day where that day is, in %s',
  zone => {
    vi.stubEnv('TZ', zone)
    onTestFinished(() => void vi.unstubAllEnvs())
    for (const date of ['2026-06-27', '2026-11-25'])
      expect(dayKey(new Date(dayStart(date) * 1000))).toBe(date)
  },
)

test('what was made a moment ago is not said to be ahead, and what a wrong clock has made is', () => {
  const now = Date.parse('2026-11-26T12:00:00Z')
  const ages = ['11:59:40', '12:00:18', '12:00:59', '15:00:00'].map(time =>
    formatAge(`2026-11-26T${time}Z`, now),
  )
  expect(ages).toEqual(['20 s ago', 'just now', 'just now', 'in 3 h'])
})
