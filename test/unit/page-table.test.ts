import fc from 'fast-check'
import { expect, test } from 'vitest'
import { PageTable } from '../../src/snapshot/page-table.ts'

const entries = fc.array(
  fc.tuple(fc.integer({ min: 1, max: 5_000 }), fc.integer({ min: 1, max: 0xffffffff })),
)

test('the table answers like a map, in ascending order, also on the other side of a thread boundary', () => {
  fc.assert(
    fc.property(entries, list => {
      const table = new PageTable()
      for (const [page, frame] of list) table.set(page, frame)
      const model = new Map(list)
      const copy = PageTable.fromLeaves(structuredClone(table.toLeaves()))
      for (const one of [table, copy]) {
        for (const page of [1, 1024, 1025, 5_001, 4_294_967_295, ...model.keys()])
          expect(one.get(page)).toBe(model.get(page) ?? 0)
        expect([...one.pages()]).toEqual([...model.keys()].toSorted((a, b) => a - b))
      }
    }),
  )
})

test('a range without any page of the WAL near it is known to have none, one with a page never is', () => {
  fc.assert(
    fc.property(entries, fc.integer({ min: 1, max: 5_000 }), fc.nat(3_000), (list, first, length) => {
      const table = new PageTable()
      for (const [page, frame] of list) table.set(page, frame)
      const hasOne = list.some(([page]) => page >= first && page <= first + length)
      if (hasOne) expect(table.mayHaveAny(first, first + length)).toBe(true)
      if (list.length === 0) expect(table.mayHaveAny(first, first + length)).toBe(false)
    }),
  )
})

test('pages at the end of the largest database fit', () => {
  const table = new PageTable()
  table.set(4_294_967_294, 7)
  expect(table.get(4_294_967_294)).toBe(7)
  expect([...table.pages()]).toEqual([4_294_967_294])
  expect(table.mayHaveAny(1, 1_000_000)).toBe(false)
})
