/** Damaged pages: what they cost, and what they do not. */
import { copyFileSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { temporaryDirectory } from '../support/temporary.ts'
import { endlessTree } from '../malformed/hostile.ts'
import { damage, PAGE_BYTES, pagesOf, salvage } from './damage.ts'
import { build, idsOf, idsOn, missingFrom, NUMBERS, refused, ROWS, TEXT } from './damaged-database.ts'

test('a damaged page costs its own rows, and they are named', async () => {
  const path = build()
  const [page = 0] = pagesOf(path, 't').slice(10)
  const lost = idsOn(path, page)
  expect(lost.length).toBeGreaterThan(5)
  damage(path, [page])
  await refused(path, 'DATABASE_DAMAGED')
  const salvaged = await salvage(path)
  expect(missingFrom(idsOf(salvaged))).toEqual(lost)
  expect(salvaged.result.lost).toEqual([
    {
      table: 't',
      what: `rowids ${lost[0]?.toLocaleString('en-US')} to ${lost.at(-1)?.toLocaleString('en-US')}`,
      why: 'database disk image is malformed',
    },
  ])
  expect(salvaged.result.tables).toEqual({ t: ROWS - lost.length, w: ROWS, small: 3 })
  expect(missingFrom(idsOf(salvaged, 'w', 'k'))).toEqual([])
})

test('several damaged pages cost no row between them, at the start, at the end or next to each other', async () => {
  const original = build()
  const leaves = pagesOf(original, 't')
  const last = leaves.length - 1
  for (const places of [
    [0],
    [last],
    [0, 2, 4],
    [5, 6, 7],
    [3, 5, 6, 9],
    [last - 2, last],
    leaves.keys().toArray(),
  ]) {
    const path = join(temporaryDirectory(), 'app.db')
    copyFileSync(original, path)
    const pages = places.map(place => leaves[place] ?? 0)
    const lost = pages.flatMap(page => idsOn(path, page))
    for (const filler of [0, 0xa5, 0xff]) {
      damage(path, pages, filler)
      const salvaged = await salvage(path)
      expect(missingFrom(idsOf(salvaged)), `pages ${places.join()} of ${filler}`).toEqual(lost)
      expect(salvaged.result.lost.length).toBeGreaterThan(0)
    }
  }
})

test('rows far apart, and of negative numbers, are found behind the damage', async () => {
  const path = build(`CREATE TABLE far (id INTEGER PRIMARY KEY, a);
    ${NUMBERS} INSERT INTO far SELECT (x - 1000) * 4611686018427387, ${TEXT} FROM n;
    INSERT INTO far VALUES (-9223372036854775808, 'row first'), (9223372036854775807, 'row last')`)
  const [page = 0] = pagesOf(path, 'far').slice(20)
  const before = idsOn(path, page).length
  damage(path, [page])
  const { result, rows } = await salvage(path)
  expect(result.tables['far']).toBe(ROWS + 2 - before)
  expect(rows['far']?.[0]).toEqual({ id: { $integer: '-9223372036854775808' }, a: 'row first' })
  expect(rows['far']?.at(-1)).toEqual({ id: { $integer: '9223372036854775807' }, a: 'row last' })
})

test('a row whose value goes on in a damaged page is lost alone', async () => {
  const path = build(`CREATE TABLE large (id INTEGER PRIMARY KEY, a);
    ${NUMBERS} INSERT INTO large SELECT x, ${TEXT} || hex(zeroblob(3000)) FROM n WHERE x <= 20`)
  damage(path, pagesOf(path, 'large', 'overflow').slice(10, 11), 0xff)
  const { result } = await salvage(path)
  expect(result.tables['large']).toBeGreaterThanOrEqual(19)
  for (const { what } of result.lost) expect(what).toMatch(/^rowid \d+$/)
  expect(result.lost.length).toBe(20 - (result.tables['large'] ?? 0))
})

test('a table without rowids is read up to the damage, and from its end down to it', async () => {
  const path = build()
  const leaves = pagesOf(path, 'w')
  for (const place of [20, 0, leaves.length - 1]) {
    const copy = join(temporaryDirectory(), 'app.db')
    copyFileSync(path, copy)
    damage(copy, leaves.slice(place, place + 1))
    const salvaged = await salvage(copy)
    const missing = missingFrom(idsOf(salvaged, 'w', 'k'))
    expect(missing.length).toBeGreaterThan(0)
    expect(missing.length).toBeLessThan(60)
    expect(salvaged.result.lost).toEqual([
      { table: 'w', what: expect.stringMatching(/rows/) as string, why: 'database disk image is malformed' },
    ])
    expect(missingFrom(idsOf(salvaged))).toEqual([])
  }
})

test('keys in another order, of several columns or of text, are read from both ends too', async () => {
  const path =
    build(`CREATE TABLE two (a TEXT, b INTEGER, v, PRIMARY KEY (a COLLATE NOCASE DESC, b)) WITHOUT ROWID;
    ${NUMBERS} INSERT INTO two SELECT char(65 + x % 26), x, ${TEXT} FROM n; CREATE INDEX i ON two (v)`)
  const [page = 0] = pagesOf(path, 'two').slice(30)
  damage(path, [page])
  const { result, rows } = await salvage(path)
  expect(result.tables['two']).toBeGreaterThan(ROWS - 60)
  expect(result.tables['two']).toBeLessThan(ROWS)
  expect(new Set(rows['two']?.map(({ b }) => b)).size).toBe(result.tables['two'])
})

test('a root page that is damaged costs its table and no other', async () => {
  const path = build()
  damage(path, pagesOf(path, 't', 'internal').slice(0, 1))
  const { result } = await salvage(path)
  expect(result.tables).toEqual({ t: 0, w: ROWS, small: 3 })
  expect(result.lost).toEqual([{ table: 't', what: 'all rows', why: 'database disk image is malformed' }])
})

test('an index that is damaged costs nothing', async () => {
  const path = build('CREATE INDEX i ON t (a); CREATE UNIQUE INDEX u ON w (a, k)')
  damage(path, [...pagesOf(path, 'i').slice(3, 5), ...pagesOf(path, 'u').slice(3, 5)])
  const salvaged = await salvage(path)
  expect(missingFrom(idsOf(salvaged))).toEqual([])
  expect(missingFrom(idsOf(salvaged, 'w', 'k'))).toEqual([])
  expect(salvaged.result.lost).toEqual([])
})

test('a condition holds in a damaged table too', async () => {
  const path = build()
  const [page = 0] = pagesOf(path, 't').slice(10)
  const lost = idsOn(path, page)
  damage(path, [page])
  const salvaged = await salvage(path, { tables: ['t'], where: { t: 'id % 100 = 0 -- every hundredth' } })
  expect(idsOf(salvaged)).toEqual(
    Array.from({ length: 20 }, (_, i) => (i + 1) * 100).filter(id => !lost.includes(id)),
  )
})

test('whichever pages are damaged, what is exported is what was there, once', async () => {
  const original = build('CREATE INDEX i ON t (a)')
  const pages = readFileSync(original).length / PAGE_BYTES
  const rowsOf = async (path: string): Promise<Map<string, string>> => {
    const { rows } = await salvage(path)
    const lines = Object.entries(rows).flatMap(([table, list]) =>
      list.map((row): [string, string] => [
        `${table} ${String(row['id'] ?? row['k'] ?? row['rowid'])}`,
        JSON.stringify(row),
      ]),
    )
    expect(new Set(lines.map(([key]) => key)).size).toBe(lines.length)
    return new Map(lines)
  }
  const all = await rowsOf(original)
  const random = seeded(7)
  for (let run = 0; run < 15; run++) {
    const path = join(temporaryDirectory(), 'app.db')
    copyFileSync(original, path)
    const chosen = Array.from({ length: 1 + (run % 8) }, () => 2 + Math.floor(random() * (pages - 1)))
    damage(path, chosen, [0, 0xa5, 0xff][run % 3])
    const found = await rowsOf(path)
    for (const [key, row] of found) expect(row, `run ${run}`).toBe(all.get(key))
    expect(found.size, `run ${run}`).toBeGreaterThan(0)
  }
})

/** Numbers from 0 to 1, the same in every run: a linear congruential generator with the constants of Numerical Recipes. */
function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

test('pages that lead in circles give each row once', async () => {
  const path = join(temporaryDirectory(), 'endless.db')
  endlessTree(path)
  const { rows, result } = await salvage(path)
  expect(rows).toEqual({ t: [{ rowid: 1, a: 'leaf' }] })
  expect(result.lost.length).toBeGreaterThan(0)
})
