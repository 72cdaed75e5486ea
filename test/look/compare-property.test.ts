/** Comparisons of any two states of a table, held against a model that compares every row with every other. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync, type SQLInputValue } from 'node:sqlite'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { compare } from '../../src/sqlite/compare.ts'
import type { CompareAnswer } from '../../src/sqlite/look-requests.ts'
import { temporaryDirectory } from '../support/temporary.ts'

const RUNS = Number(process.env['COMPARE_RUNS'] ?? 40)

/** Few of them, so that they meet; each is of another class or value than all others. */
const VALUES: readonly SQLInputValue[] = [
  null,
  0n,
  1n,
  1.5,
  2n ** 53n + 1n,
  Number.POSITIVE_INFINITY,
  '',
  'a',
  'A',
  '1',
  'a\0b',
  new Uint8Array(0),
  new Uint8Array([0x61]),
]

interface Form {
  readonly name: string
  readonly sql: string
  /** Which columns are the key; undefined: the rowid, null: none. */
  readonly key: readonly number[] | undefined | null
  /** Whether a key tells letters by their case. */
  readonly isFolded?: true
}

const FORMS: readonly Form[] = [
  { name: 'rowid', sql: 'CREATE TABLE t (a, b, c)', key: undefined },
  { name: 'one key', sql: 'CREATE TABLE t (a NOT NULL PRIMARY KEY, b, c)', key: [0] },
  {
    name: 'two keys, no rowid',
    sql: 'CREATE TABLE t (a, b, c, PRIMARY KEY (b, a)) WITHOUT ROWID',
    key: [0, 1],
  },
  {
    name: 'folded key',
    sql: 'CREATE TABLE t (a COLLATE NOCASE NOT NULL PRIMARY KEY, b COLLATE NOCASE, c) WITHOUT ROWID',
    key: [0],
    isFolded: true,
  },
  { name: 'whole rows', sql: 'CREATE TABLE t (rowid, _rowid_, oid)', key: null },
]

type Row = readonly SQLInputValue[]

const value = fc.constantFrom(...VALUES)
const rows = fc.array(fc.tuple(value, value, value), { maxLength: 8 })

function same(one: SQLInputValue | undefined, other: SQLInputValue | undefined, isFolded = false): boolean {
  return label(one, isFolded) === label(other, isFolded)
}

function label(of: SQLInputValue | undefined, isFolded: boolean): string {
  if (ArrayBuffer.isView(of)) return `blob ${Buffer.from(of.buffer).toString('hex')}`
  const text = String(of)
  return `${typeof of} ${isFolded ? text.toLowerCase() : text}`
}

/** Inserts those that the key lets in; returns them, each with its rowid in front. */
function fill(path: string, { sql }: Form, wanted: readonly Row[]): Row[] {
  writeFileSync(path, '')
  const connection = new DatabaseSync(path)
  connection.exec(`PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF; ${sql}`)
  const insert = connection.prepare('INSERT INTO t VALUES (?, ?, ?)')
  const kept = wanted.flatMap((row, i): Row[] => {
    try {
      insert.run(...row)
      return [[BigInt(i), ...row]]
    } catch {
      return []
    }
  })
  connection.close()
  return kept.map((row, i) => [BigInt(i + 1), ...row.slice(1)])
}

function model(form: Form, before: readonly Row[], after: readonly Row[]): readonly number[] {
  const equal = (one: Row, other: Row): boolean => one.slice(1).every((cell, i) => same(cell, other[i + 1]))
  if (form.key === null) {
    const left = [...after]
    const unchanged = before.filter(row => {
      const at = left.findIndex(other => equal(row, other))
      if (at !== -1) left.splice(at, 1)
      return at !== -1
    }).length
    return [left.length, before.length - unchanged, 0, unchanged]
  }
  const places = form.key?.map(place => place + 1) ?? [0]
  const isOne = (one: Row, other: Row): boolean =>
    places.every(place => same(one[place], other[place], form.isFolded === true))
  const pairs = before.flatMap(row =>
    after.filter(other => isOne(row, other)).map(other => [row, other] as const),
  )
  const unchanged = pairs.filter(([one, other]) => equal(one, other)).length
  return [after.length - pairs.length, before.length - pairs.length, pairs.length - unchanged, unchanged]
}

for (const form of FORMS) {
  test(`any two states of a table are compared like the model does: ${form.name}`, async () => {
    const directory = temporaryDirectory()
    const [from, to] = [join(directory, 'from.db'), join(directory, 'to.db')]
    const all = { table: 't', limit: 500, offset: 0, includeSensitive: true }
    const order = {
      from: { path: from, way: 'immutable' as const },
      path: to,
      waitMs: 0,
      words: [],
      notSensitive: [],
    }
    await fc.assert(
      fc.asyncProperty(rows, rows, async (one, other) => {
        const [before, after] = [fill(from, form, one), fill(to, form, other)]
        const expected = model(form, before, after)
        const answer = opened(await compare({ ...order, rows: all }))
        const [table] = answer.tables
        expect([table?.added, table?.removed, table?.changed, table?.unchanged]).toEqual(expected)
        const shown = answer.rows?.rows ?? []
        const count = (change: string): number => shown.filter(row => row.change === change).length
        expect([count('added'), count('removed'), count('changed')]).toEqual(expected.slice(0, 3))
        for (const row of shown.filter(({ change }) => change === 'changed')) {
          const differs = row.before?.map(
            (cell, i) => JSON.stringify(cell) !== JSON.stringify(row.after?.[i]),
          )
          expect(differs?.filter(Boolean)).toHaveLength(row.changedColumns.length)
        }
      }),
      { numRuns: RUNS },
    )
  })
}

function opened(answer: CompareAnswer): Extract<CompareAnswer, { isOpen: true }> {
  if (!answer.isOpen) throw new Error('It was not opened')
  return answer
}
