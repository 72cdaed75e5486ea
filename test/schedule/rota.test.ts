import fc from 'fast-check'
import { expect, test } from 'vitest'
import { choosePortion, parseShare, type Readable } from '../../src/schedule/rota.ts'

const DAY_MS = 86_400_000

interface Item extends Readable {
  readonly name: string
}

function items(...ages: readonly number[]): Item[] {
  return ages.map((age, index) => ({ name: String(index), bytes: 100, readAt: -age * DAY_MS }))
}

function chosen(of: readonly Item[], portion: Parameters<typeof choosePortion>[1], now = 0): string[] {
  return choosePortion(of, portion, now).map(({ name }) => name)
}

test('without a portion all are read, those first that were read longest ago', () => {
  expect(chosen(items(1, 5, 3), null)).toEqual(['1', '2', '0'])
  expect(chosen([], null)).toEqual([])
})

test('a share is of the bytes, and at least one is read', () => {
  expect(chosen(items(1, 5, 3, 2), { share: 0.5 })).toEqual(['1', '2'])
  expect(chosen(items(1, 5, 3, 2), { share: 0.01 })).toEqual(['1'])
  expect(chosen(items(1, 5), { share: 1 })).toEqual(['1', '0'])
  const [first, ...others] = items(9, 5, 3, 2)
  expect(chosen([{ ...(first as Item), bytes: 1000 }, ...others], { share: 0.5 })).toEqual(['0'])
  expect(chosen([], { share: 0.5 })).toEqual([])
})

test('nothing is read before it has to be, and what is late is read in any case', () => {
  const withinMs = 4 * DAY_MS
  expect(chosen(items(3), { withinMs })).toEqual([])
  expect(chosen(items(5), { withinMs })).toEqual(['0'])
  expect(chosen(items(0, 0, 0, 0), { withinMs })).toEqual([])
  // Of what was all put there at one time a part comes due each day.
  expect(chosen(items(2, 2, 2, 2), { withinMs })).toEqual(['0'])
  expect(chosen(items(9, 9, 9, 9), { withinMs })).toEqual(['0', '1', '2', '3'])
  expect(chosen([], { withinMs })).toEqual([])
})

test('whatever is there and whenever runs are, nothing stays unread for longer than the time and a pause', () => {
  const sizes = fc.array(fc.integer({ min: 0, max: 1000 }), { minLength: 1, maxLength: 20 })
  const pauses = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 30, maxLength: 60 })
  fc.assert(
    fc.property(sizes, pauses, fc.integer({ min: 2, max: 30 }), (bytes, days, within) => {
      const withinMs = within * DAY_MS
      let now = 0
      let all = bytes.map((size, index) => ({ name: String(index), bytes: size, readAt: 0 }))
      for (const pause of days) {
        now += pause * DAY_MS
        for (const { readAt } of all) expect(now - readAt).toBeLessThanOrEqual(withinMs + pause * DAY_MS)
        const read = new Set(chosen(all, { withinMs }, now))
        all = all.map(item => (read.has(item.name) ? { ...item, readAt: now } : item))
        for (const { readAt } of all) expect(now - readAt).toBeLessThanOrEqual(withinMs)
      }
    }),
  )
})

test('what was put there at one time is spread over the time, in runs of one size', () => {
  let all = Array.from({ length: 60 }, (_, index) => ({ name: String(index), bytes: 1000, readAt: 0 }))
  for (let day = 1; day <= 120; day++) {
    const now = day * DAY_MS
    const read = new Set(chosen(all, { withinMs: 30 * DAY_MS }, now))
    expect(read.size).toBeLessThanOrEqual(3)
    all = all.map(item => (read.has(item.name) ? { ...item, readAt: now } : item))
  }
})

test('what a clock that ran ahead has noted counts as never read, and comes first', () => {
  const now = 10_000 * DAY_MS
  const at = (readAt: number, name: string): Item => ({ name, bytes: 100, readAt })
  const all = [at(now - DAY_MS, 'day'), at(now + 3 * 365 * DAY_MS, 'ahead'), at(now + 60_000, 'corrected')]
  expect(chosen(all, null, now)).toEqual(['ahead', 'day', 'corrected'])
  expect(chosen(all, { share: 0.1 }, now)).toEqual(['ahead'])
  expect(chosen(all, { withinMs: 30 * DAY_MS }, now)).toEqual(['ahead'])
})

test('a share is a percentage or a fraction', () => {
  expect(['5%', '1/30', '100%', '0.5%'].map(parseShare)).toEqual([0.05, 1 / 30, 1, 0.005])
  expect(['', '0%', '101%', '2/1', '1/0', 'all', '-5%'].map(parseShare)).toEqual(
    Array.from({ length: 7 }, () => null),
  )
})
