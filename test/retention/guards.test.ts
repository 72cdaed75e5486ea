/** What no policy can let go of. */
import { expect, test } from 'vitest'
import { clockProblem } from '../../src/retention/clock.ts'
import { DEFAULT_POLICY } from '../../src/retention/policy.ts'
import type { RetentionDecision } from '../../src/retention/reasons.ts'
import type { Candidate } from '../../src/retention/standing.ts'
import { daily, decide, kept, madeUp } from './made-up.ts'

/** Keeps as little as a policy can. */
const LITTLE = { policy: { daily: { keepLast: 1 }, weekly: { maxSize: 1 }, pre_restore: { keepLast: 1 } } }

function of(
  decisions: readonly RetentionDecision[],
  backup: Candidate | undefined,
): RetentionDecision | undefined {
  return decisions.find(decision => decision.backup === backup)
}

test('the newest backup of a database and its newest good one are kept, each database’s by itself', () => {
  const backups = ['app', 'shop'].flatMap(database => [
    ...daily('2025-06-27', 5, { database, isGood: false }),
    ...daily('2025-06-20', 5, { database }),
  ])
  const decisions = decide(backups, { policy: { daily: { maxSize: 1 } } })
  const staying = decisions.filter(({ keptBy }) => keptBy.length > 0)
  expect(staying.map(({ backup, keptBy }) => [backup.database, backup.created.slice(0, 10), keptBy])).toEqual(
    [
      ['shop', '2025-06-27', expect.arrayContaining(['newest'])],
      ['app', '2025-06-27', expect.arrayContaining(['newest'])],
      ['shop', '2025-06-20', expect.arrayContaining(['last-good'])],
      ['app', '2025-06-20', expect.arrayContaining(['last-good'])],
    ],
  )
})

test('another database’s newer backups do not count', () => {
  const backups = [...daily('2025-06-27', 5, { database: 'shop' }), ...daily('2025-06-20', 5)]
  const staying = decide(backups, LITTLE).filter(({ keptBy }) => keptBy.length > 0)
  expect(staying.map(({ backup }) => backup.database)).toEqual(['shop', 'app'])
})

test('the newest is what `latest` means: a pre_restore backup is it only where there is nothing else', () => {
  const undo = madeUp('2025-06-27T12:00:00Z', { type: 'pre_restore', isGood: false })
  const before = daily('2025-06-27', 3, { isGood: false })
  const decisions = decide([undo, ...before], {
    policy: { daily: { maxSize: 1 }, pre_restore: { keepLast: 1 } },
  })
  expect(of(decisions, undo)?.keptBy).not.toContain('newest')
  expect(of(decisions, before[0])?.keptBy).toContain('newest')
  expect(of(decide([undo], LITTLE), undo)?.keptBy).toContain('newest')
})

test('a newer backup that nobody has checked takes no place of one that was checked', () => {
  const checked = daily('2025-06-20', 7)
  const unchecked = daily('2025-06-27', 7, { isGood: false })
  for (const rules of [{ keepLast: 3 }, { keepDaily: 3 }, { keepWithin: '2d' }, { maxSize: 300 }]) {
    const staying = kept([...unchecked, ...checked], { policy: { daily: rules } })
    expect(
      staying.filter(created => created < '2025-06-21').length,
      JSON.stringify(rules),
    ).toBeGreaterThanOrEqual('maxSize' in rules ? 2 : 3)
  }
  // On one day, too.
  const [morning] = daily('2025-06-27', 1)
  const [evening] = daily('2025-06-27', 1, { isGood: false }, '23')
  const both = [morning, evening].filter(backup => backup !== undefined)
  expect(kept([...both, ...checked], { policy: { daily: { keepDaily: 1 } } })).toEqual([
    '2025-06-27T23:00',
    '2025-06-27T02:00',
  ])
})

test('a checked backup whose file has another size now is not good', () => {
  const cut = { ...madeUp('2025-06-27T02:00:00Z'), size: 50 }
  const whole = daily('2025-06-26', 3)
  const decisions = decide([cut, ...whole], LITTLE)
  expect(of(decisions, cut)?.keptBy).toContain('newest')
  expect(of(decisions, whole[0])?.keptBy).toContain('last-good')
})

test('a pinned backup is kept, with who said so and why', () => {
  const pinned = madeUp('2020-01-01T00:00:00Z', {
    pinned: { reason: 'Audit', by: 'legal', at: '2025-01-01T00:00:00Z' },
  })
  const decision = of(decide([...daily('2025-06-27', 3), pinned], LITTLE), pinned)
  expect(decision).toMatchObject({ keptBy: ['pinned'], why: 'pinned by legal: Audit' })
})

const OLD = '2020-01-01T02:00:00Z'
const old = madeUp(OLD)
test.each([
  ['no-metadata', { ...old, metadata: null, metadataState: 'missing' }],
  ['metadata-invalid', { ...old, metadata: null, metadataState: 'invalid' }],
  ['name-differs', { ...old, filename: 'before-the-move.db' }],
  ['name-differs', { ...old, filename: 'before-the-move.db', database: 'app' }],
  ['name-differs', { ...old, type: 'weekly' }],
  ['name-differs', madeUp(OLD, { metadata: { backup_type: 'weekly' } })],
  ['name-differs', madeUp(OLD, { metadata: { database: 'shop' } })],
] as const)('a file that is not ours is kept (%s)', (reason, foreign: Candidate) => {
  const decision = of(decide([...daily('2025-06-27', 3), foreign], LITTLE), foreign)
  expect(decision?.keptBy).toEqual([reason])
  expect(decision?.why).not.toBe('')
})

test('files that are not ours are no newest and no good ones', () => {
  const foreign = { ...madeUp('2025-06-27T05:00:00Z'), filename: 'x.db' }
  const ours = daily('2025-06-27', 3)
  const decisions = decide([foreign, ...ours], LITTLE)
  expect(of(decisions, ours[0])?.keptBy).toEqual(expect.arrayContaining(['newest', 'last-good']))
})

test.each([
  ['went back by a day', '2025-06-26T00:00:00Z', /in the future/],
  ['went back by ten minutes', '2025-06-27T01:50:00Z', /in the future/],
  ['fell back to 1970', '1970-01-01T00:00:00Z', /in the future/],
  ['jumped ahead by a year', '2026-06-27T02:00:00Z', /365 days old/],
  ['jumped ahead by 36 days', '2025-08-02T02:00:00Z', /36 days old/],
])('a clock that %s lets nothing go, and the decisions say so', (_, now, why) => {
  const decisions = decide(daily('2025-06-27', 30), { ...LITTLE, now })
  expect(decisions.filter(({ keptBy }) => keptBy.length === 0)).toEqual([])
  const held = decisions.filter(({ keptBy }) => keptBy.includes('clock'))
  expect(held).toHaveLength(29)
  expect(held[0]?.why).toMatch(why)
})

test.each(['2025-06-27T01:56:00Z', '2025-06-27T02:00:00Z', '2025-07-31T02:00:00Z'])(
  'a clock that shows %s when the newest backup is of two o’clock on the 27th of June is believed',
  now => expect(kept(daily('2025-06-27', 30), { ...LITTLE, now })).toHaveLength(1),
)

test('the wrong date of one database’s backup does not keep another’s', () => {
  const future = madeUp('2030-01-01T00:00:00Z', { database: 'shop' })
  const backups = [future, ...daily('2025-06-27', 9, { database: 'shop' }), ...daily('2025-06-27', 9)]
  const decisions = decide(backups, { ...LITTLE, now: '2025-06-27T03:00:00Z' })
  const gone = decisions.filter(({ keptBy }) => keptBy.length === 0)
  expect(gone.map(({ backup }) => backup.database)).toEqual(Array<string>(8).fill('app'))
})

test('ten thousand backups that somebody made in order to have others deleted displace none that was checked', () => {
  const ours = daily('2025-06-27', 30)
  const fakes = Array.from({ length: 10_000 }, (_, index) =>
    madeUp(new Date(Date.parse('2025-06-27T02:00:01Z') - index * 60_000).toISOString(), { isGood: false }),
  )
  const asked = { policy: DEFAULT_POLICY, now: '2025-06-27T03:00:00Z' }
  const staying = new Set(
    decide([...fakes, ...ours], asked)
      .filter(({ keptBy }) => keptBy.length > 0)
      .map(({ backup }) => backup),
  )
  const alone = decide(ours, asked).filter(({ keptBy }) => keptBy.length > 0)
  expect(alone).toHaveLength(7)
  for (const { backup } of alone) expect(staying.has(backup), backup.created).toBe(true)
})

test('the clock is judged by however many backups', () => {
  const now = new Date('2025-06-27T12:00:00Z')
  const dates = Array.from({ length: 200_000 }, (_, minute) => new Date(now.getTime() - minute * 60_000))
  expect(clockProblem(dates, now)).toBeNull()
})
