/** What holds for every policy and every list of backups. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Calendar } from '../../src/retention/calendar.ts'
import { decideRetention } from '../../src/retention/decide.ts'
import { isEmpty, type RetentionPolicy, type RetentionRules } from '../../src/retention/policy.ts'
import { isGood } from '../../src/catalog/good-backup.ts'
import type { KeepReason } from '../../src/retention/reasons.ts'
import type { SizeQuestion } from '../../src/retention/sizes.ts'
import { type Candidate, foreignness } from '../../src/retention/standing.ts'
import { before } from '../../src/retention/units.ts'
import { madeUp } from './made-up.ts'

const NOW = new Date('2025-11-03T12:00:00Z')
const TYPES = ['daily', 'weekly', 'manual', 'pre_restore']
const ZONES = ['UTC', 'Europe/Berlin', 'America/St_Johns', 'Australia/Lord_Howe', 'Pacific/Kiritimati']
const PIN = { reason: 'r', by: 'b', at: '2025-01-01T00:00:00Z' }

const backup: fc.Arbitrary<Candidate> = fc
  .record({
    // Dense enough for several a day, wide enough for years; now and then after NOW.
    ageMinutes: fc.oneof(
      { weight: 600, arbitrary: fc.integer({ min: 0, max: 60 * 24 * 20 }) },
      { weight: 300, arbitrary: fc.integer({ min: 0, max: 60 * 24 * 800 }) },
      { weight: 1, arbitrary: fc.constant(-60) },
    ),
    type: fc.constantFrom(...TYPES),
    database: fc.constantFrom('app', 'shop'),
    size: fc.integer({ min: 0, max: 1000 }),
    isGood: fc.boolean(),
    isPinned: fc.integer({ min: 0, max: 9 }),
    isForeign: fc.integer({ min: 0, max: 9 }),
  })
  .map(({ ageMinutes, isPinned, isForeign, ...form }) => {
    const at = new Date(NOW.getTime() - ageMinutes * 60_000).toISOString()
    const made = madeUp(at, { ...form, ...(isPinned === 0 ? { pinned: PIN } : {}) })
    return isForeign === 0 ? { ...made, metadata: null, metadataState: 'missing' as const } : made
  })

/** As in a backup directory: no two have the same name there. */
const backups = fc.uniqueArray(backup, {
  maxLength: 60,
  selector: ({ type, filename }) => `${type}/${filename}`,
})

const count = fc.option(fc.integer({ min: 0, max: 6 }), { nil: undefined })
const span = fc.option(fc.constantFrom('12h', '3d', '2w', '1m', '1y'), { nil: undefined })
const rules: fc.Arbitrary<RetentionRules> = fc
  .record({
    keepLast: count,
    keepHourly: count,
    keepDaily: count,
    keepWeekly: count,
    keepMonthly: count,
    keepYearly: count,
    keepWithin: span,
    maxSize: fc.option(fc.integer({ min: 1, max: 8000 }), { nil: undefined }),
    minCount: count,
    minAge: span,
  })
  .filter(each => !isEmpty(each))
const policy: fc.Arbitrary<RetentionPolicy> = fc
  .dictionary(fc.constantFrom(...TYPES), rules, { minKeys: 1 })
  .map(each => ({ ...each }))
const zone = fc.constantFrom(...ZONES)
/** What keeps a backup whatever its size. */
const PROTECTING = new Set<KeepReason>(['pinned', 'newest', 'last-good', 'min-count', 'min-age'])

function staying(list: readonly Candidate[], by: RetentionPolicy, timeZone: string): Candidate[] {
  return decideRetention(list, by, NOW, timeZone)
    .filter(({ keptBy }) => keptBy.length > 0)
    .map(decision => decision.backup)
}

/** Each has up to sixty backups; ten times as many were run when this was written. */
const RUNS = { numRuns: 200 }

test('there is one decision for each backup, newest first', () => {
  fc.assert(
    fc.property(backups, policy, zone, (list, by, timeZone) => {
      const decided = decideRetention(list, by, NOW, timeZone).map(decision => decision.backup)
      expect(new Set(decided)).toEqual(new Set(list))
      expect(decided).toHaveLength(list.length)
      expect(decided.map(({ created }) => created)).toEqual(
        list
          .map(({ created }) => created)
          .toSorted()
          .toReversed(),
      )
    }),
    RUNS,
  )
})

test('a second run deletes nothing', () => {
  fc.assert(
    fc.property(backups, policy, zone, (list, by, timeZone) => {
      const once = staying(list, by, timeZone)
      expect(staying(once, by, timeZone)).toEqual(once)
    }),
    RUNS,
  )
})

test('the order in which the backups are listed changes nothing', () => {
  fc.assert(
    fc.property(
      backups.chain(list =>
        fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length })),
      ),
      policy,
      zone,
      ([list, shuffled], by, timeZone) => {
        expect(decideRetention(shuffled, by, NOW, timeZone)).toEqual(decideRetention(list, by, NOW, timeZone))
      },
    ),
    RUNS,
  )
})

test('pinned ones, foreign ones, the newest and the last good one of each database, and types without rules stay', () => {
  fc.assert(
    fc.property(backups, policy, zone, (list, by, timeZone) => {
      const stay = new Set(staying(list, by, timeZone))
      for (const each of list) {
        const isFixed = each.pinned !== null || foreignness(each) !== null || !(each.type in by)
        if (isFixed) expect(stay).toContain(each)
      }
      for (const database of ['app', 'shop']) {
        const ours = list
          .filter(each => each.database === database && foreignness(each) === null)
          .toSorted((a, b) => (a.created < b.created ? 1 : -1))
        const newestAt = ours.find(({ type }) => type !== 'pre_restore')?.created
        const goodAt = ours.find(isGood)?.created
        for (const at of [newestAt, goodAt].filter(each => each !== undefined)) {
          expect([...stay].map(({ created }) => created)).toContain(at)
        }
        if (goodAt !== undefined)
          expect([...stay].some(each => each.database === database && isGood(each))).toBe(true)
      }
    }),
    RUNS,
  )
})

test('without a size limit each rule keeps at least what it promises, also of the checked ones alone', () => {
  fc.assert(
    fc.property(backups, rules, zone, (list, all, timeZone) => {
      const { maxSize: _, ...kept } = all
      fc.pre(!isEmpty(kept))
      const stay = new Set(staying(list, { daily: kept }, timeZone))
      for (const database of ['app', 'shop']) {
        for (const isWanted of [() => true, isGood]) {
          const wanted = list.filter(
            each =>
              each.type === 'daily' &&
              each.database === database &&
              foreignness(each) === null &&
              isWanted(each),
          )
          expectPromise(wanted, stay, kept, new Calendar(timeZone))
        }
      }
    }),
    RUNS,
  )
})

/** Counted in another way than the rules do it. */
function expectPromise(
  wanted: readonly Candidate[],
  stay: ReadonlySet<Candidate>,
  rules: RetentionRules,
  calendar: Calendar,
): void {
  const left = wanted.filter(each => stay.has(each))
  const at = (each: Candidate): Date => new Date(each.created)
  expect(left.length).toBeGreaterThanOrEqual(Math.min(wanted.length, rules.keepLast ?? 0))
  expect(left.length).toBeGreaterThanOrEqual(Math.min(wanted.length, rules.minCount ?? 0))
  for (const [key, period] of [
    ['keepHourly', 'hour'],
    ['keepDaily', 'day'],
    ['keepWeekly', 'week'],
    ['keepMonthly', 'month'],
    ['keepYearly', 'year'],
  ] as const) {
    const periods = (among: readonly Candidate[]): Set<string> =>
      new Set(among.map(each => calendar.nameOf(period, at(each))))
    expect(periods(left).size, key).toBeGreaterThanOrEqual(Math.min(periods(wanted).size, rules[key] ?? 0))
  }
  const newest = Math.max(...wanted.map(each => at(each).getTime()))
  for (const each of wanted) {
    const isWithin = rules.keepWithin !== undefined && at(each) >= before(new Date(newest), rules.keepWithin)
    const isYoung = rules.minAge !== undefined && at(each) > before(NOW, rules.minAge)
    if (isWithin || isYoung) expect(left).toContain(each)
  }
}

test('what a size limit leaves fits, but for what is kept whatever its size', () => {
  fc.assert(
    fc.property(backups, rules, fc.integer({ min: 1, max: 8000 }), zone, (list, all, maxSize, timeZone) => {
      const decisions = decideRetention(list, { daily: { ...all, maxSize } }, NOW, timeZone)
      for (const database of ['app', 'shop']) {
        const left = decisions.filter(
          ({ backup: each, keptBy }) =>
            each.type === 'daily' &&
            each.database === database &&
            keptBy.length > 0 &&
            !keptBy.includes('clock') &&
            foreignness(each) === null,
        )
        const [, ...rest] = left
        const free = rest.filter(({ keptBy }) => !keptBy.some(reason => PROTECTING.has(reason)))
        const size = left.reduce((sum, decision) => sum + decision.backup.size, 0)
        // Those without size fit in everywhere.
        if (free.some(decision => decision.backup.size > 0)) expect(size).toBeLessThanOrEqual(maxSize)
      }
    }),
    RUNS,
  )
})

const limit = fc.integer({ min: 1, max: 8000 })
/** Parts that several backups may rely on: how many bytes each of them takes. */
const PARTS = [1, 20, 300, 500, 700, 1000, 1500]
/** The bits of a number say which parts a backup relies on. */
const parts = fc.array(fc.integer({ min: 0, max: 2 ** PARTS.length - 1 }), { minLength: 60, maxLength: 60 })

/** What backups take together, each part once. */
function together(list: readonly Candidate[], partsOf: ReadonlyMap<Candidate, number>): number {
  const all = list.reduce((bits, each) => bits | (partsOf.get(each) ?? 0), 0)
  const own = list.reduce((sum, { size }) => sum + size, 0)
  return PARTS.reduce((sum, bytes, part) => sum + ((all >> part) & 1) * bytes, own)
}

test('what a size limit leaves fits, and stays as it is, where backups have parts in common', () => {
  fc.assert(
    fc.property(backups, parts, rules, limit, zone, (list, bits, all, maxSize, timeZone) => {
      const partsOf = new Map(list.map((each, index) => [each, bits[index] ?? 0]))
      const sizeOf = ({ backup: each, staying: others }: SizeQuestion<Candidate>): number =>
        together([...others, each], partsOf) - together(others, partsOf)
      const by = { daily: { ...all, maxSize } }
      const decisions = decideRetention(list, by, NOW, timeZone, sizeOf)
      const stay = decisions.filter(({ keptBy }) => keptBy.length > 0)
      const again = decideRetention(
        stay.map(decision => decision.backup),
        by,
        NOW,
        timeZone,
        sizeOf,
      )
      expect(again.filter(({ keptBy }) => keptBy.length === 0)).toEqual([])
      for (const database of ['app', 'shop']) {
        const left = stay.filter(
          ({ backup: each, keptBy }) =>
            each.type === 'daily' &&
            each.database === database &&
            !keptBy.includes('clock') &&
            foreignness(each) === null,
        )
        const [, ...rest] = left
        const free = rest.filter(({ keptBy }) => !keptBy.some(reason => PROTECTING.has(reason)))
        const size = together(
          left.map(decision => decision.backup),
          partsOf,
        )
        const fixed = together(
          left.filter(decision => !free.includes(decision)).map(decision => decision.backup),
          partsOf,
        )
        expect(size).toBeLessThanOrEqual(Math.max(maxSize, fixed))
      }
    }),
    RUNS,
  )
})

test('while nobody knows what one takes that stays or would stay, none goes for its size', () => {
  fc.assert(
    fc.property(backups, rules, limit, zone, (list, all, maxSize, timeZone) => {
      const { maxSize: _, ...others } = all
      const unknown = { unknown: 'it cannot be read' }
      const decisions = decideRetention(
        list,
        { daily: { ...others, maxSize } },
        NOW,
        timeZone,
        ({ staying: before }) => (before.length === 0 ? unknown : 1),
      )
      const stay = decisions.filter(({ keptBy }) => keptBy.length > 0).map(decision => decision.backup)
      const unlimited = isEmpty(others) ? list : staying(list, { daily: others }, timeZone)
      expect(new Set(stay)).toEqual(new Set(unlimited))
    }),
    RUNS,
  )
})

test('a newer backup that nobody has checked lets no checked one go', () => {
  fc.assert(
    fc.property(backups, rules, zone, (list, all, timeZone) => {
      const { maxSize: _, ...kept } = all
      fc.pre(!isEmpty(kept))
      const checked = list.filter(isGood)
      const withOthers = new Set(staying(list, { daily: kept }, timeZone))
      for (const decision of decideRetention(checked, { daily: kept }, NOW, timeZone)) {
        // Where the newest of the checked ones is of long ago, all of them wait; a newer one says that the clock is right.
        const isByRule = decision.keptBy.some(reason => reason !== 'clock')
        if (isByRule) expect(withOthers).toContain(decision.backup)
      }
    }),
    RUNS,
  )
})
