import { copyFileSync, existsSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import type { ErrorCode, ExportDataRequest } from '../../src/index.ts'
import { buildDatabase, openDatabase } from '../support/databases.ts'
import { backUp, failedWith, protect, succeeded } from '../support/product.ts'
import { filesBelow, temporaryDirectory } from '../support/temporary.ts'
import { buildHostile, endlessTree } from '../malformed/hostile.ts'
import { damage, overwrite, PAGE_BYTES, pagesOf, salvage, type Salvaged } from './damage.ts'

const ROWS = 2_000
const NUMBERS = `WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < ${ROWS})`
/** Texts of one length, so that every page has as many rows as the next. */
const TEXT = "printf('row %05d ', x) || hex(zeroblob(20))"

/** Tables of some forty pages each. `t` by rowid, `w` by key. */
function build(sql = '', pageSize = PAGE_BYTES): string {
  const path = join(temporaryDirectory(), 'app.db')
  buildDatabase(
    path,
    `CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT); ${NUMBERS} INSERT INTO t SELECT x, ${TEXT} FROM n;
     CREATE TABLE w (k INTEGER PRIMARY KEY, a TEXT) WITHOUT ROWID; ${NUMBERS} INSERT INTO w SELECT x, ${TEXT} FROM n;
     CREATE TABLE small (a); INSERT INTO small VALUES (1), (2), (3); ${sql}`,
    { journalMode: 'delete', pageSize },
  )
  return path
}

function idsOf({ rows }: Salvaged, table = 't', column = 'id'): number[] {
  return (rows[table] ?? []).map(row => Number(row[column]))
}

/** Which of 1 to ROWS are not there; none may be there twice. */
function missingFrom(ids: readonly number[]): number[] {
  const found = new Set(ids)
  expect(found.size).toBe(ids.length)
  return Array.from({ length: ROWS }, (_, i) => i + 1).filter(id => !found.has(id))
}

function idsOn(path: string, page: number): number[] {
  const found = readFileSync(path)
    .subarray((page - 1) * PAGE_BYTES, page * PAGE_BYTES)
    .toString('latin1')
  return [...found.matchAll(/row (\d{5})/g)].map(match => Number(match[1])).toSorted((a, b) => a - b)
}

async function refused(path: string, code: ErrorCode, request: ExportDataRequest = {}): Promise<void> {
  const before = filesBelow(join(path, '..'))
  const failure = failedWith(code, await protect(path).exportData(request))
  expect(failure.hint).toMatch(/salvage/)
  const added = filesBelow(join(path, '..')).filter(name => !before.includes(name))
  expect(added.filter(name => name !== 'backups' && name !== 'backups/exports')).toEqual([])
}

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

test('a truncated file gives what is left of it', async () => {
  const path = build()
  const pages = readFileSync(path).length / PAGE_BYTES
  for (const share of [0.9, 0.5, 0.2, 0.03]) {
    const copy = join(temporaryDirectory(), 'app.db')
    copyFileSync(path, copy)
    truncateSync(copy, Math.floor(pages * share) * PAGE_BYTES + 100)
    await refused(copy, 'DATABASE_DAMAGED')
    const salvaged = await salvage(copy)
    const { lost, rows } = salvaged.result
    expect(rows).toBeGreaterThan(0)
    expect(lost.length).toBeGreaterThan(0)
    missingFrom(idsOf(salvaged))
  }
})

const HEADERS: readonly (readonly [what: string, offset: number, content: readonly number[]])[] = [
  ['no magic', 0, [0, 0, 0, 0]],
  ['a page size that is none', 16, [1, 7]],
  ['an unknown version', 18, [9, 9]],
  ['much reserved space', 20, [255]],
  ['other payload fractions', 21, [1, 2, 3]],
  ['too many pages', 28, [0x7f, 0xff, 0xff, 0xff]],
  ['an unknown schema format', 44, [0, 0, 0, 9]],
  ['an unknown encoding', 56, [0, 0, 0, 7]],
  ['nothing right at all', 0, Array.from({ length: 100 }, () => 0xee)],
]

test.each(HEADERS)('a header with %s does not hide the rows', async (_, offset, content) => {
  for (const pageSize of [512, 1024, 4096]) {
    const path = build('', pageSize)
    overwrite(path, 1, offset, content)
    const { result } = await salvage(path)
    expect(result.tables).toEqual({ t: ROWS, w: ROWS, small: 3 })
  }
})

test('what is in the write-ahead log counts, whatever the header of the file is', async () => {
  const path = build()
  const open = openDatabase(path, { journalMode: 'wal' })
  open.exec('PRAGMA wal_autocheckpoint = 0; INSERT INTO small VALUES (4)')
  const copy = join(temporaryDirectory(), 'app.db')
  for (const suffix of ['', '-wal']) copyFileSync(path + suffix, copy + suffix)
  open.close()
  overwrite(copy, 1, 0, [1, 2, 3, 4])
  const before = [readFileSync(copy), readFileSync(`${copy}-wal`)]
  const { rows } = await salvage(copy)
  expect(rows['small']).toHaveLength(4)
  expect([readFileSync(copy), readFileSync(`${copy}-wal`)]).toEqual(before)
  expect(existsSync(`${copy}-shm`)).toBe(false)
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

test('of a damaged schema everything is exported that SQLite makes sense of', async () => {
  const path = join(temporaryDirectory(), 'app.db')
  buildHostile(
    path,
    `CREATE TABLE good (a); INSERT INTO good VALUES (1); CREATE TABLE bad (a); CREATE INDEX on_bad ON bad (a);
     CREATE INDEX wrong ON good (a); CREATE VIEW v AS SELECT a FROM good; CREATE VIEW broken AS SELECT 1;
     CREATE TRIGGER r AFTER INSERT ON good BEGIN SELECT 1; END;
     PRAGMA writable_schema = ON;
     UPDATE sqlite_schema SET sql = 'CREATE TABLE bad (a, (' WHERE name = 'bad';
     UPDATE sqlite_schema SET sql = 'CREATE INDEX wrong ON good (nowhere)' WHERE name = 'wrong';
     UPDATE sqlite_schema SET sql = 'CREATE VIEW broken AS SELEKT' WHERE name = 'broken';
     INSERT INTO sqlite_schema SELECT * FROM sqlite_schema WHERE name = 'good'`,
  )
  await refused(path, 'DATABASE_DAMAGED')
  const { result, rows } = await salvage(path)
  expect(rows).toEqual({ good: [{ rowid: 1, a: 1 }] })
  expect(result.lost.map(({ table, what }) => `${table}: ${what}`).toSorted()).toEqual([
    'bad: the index "on_bad"',
    'bad: the table',
    'broken: the view "broken"',
    'good: the index "wrong"',
  ])
  const to = join(path, '..', 'new.db')
  succeeded(await protect(path).importData({ from: result.exportPath, to }))
  const made = new DatabaseSync(to)
  const names = made.prepare('SELECT name FROM sqlite_schema ORDER BY name').all()
  made.close()
  expect(names.map(({ name }) => name)).toEqual(['good', 'r', 'v'])
})

test.each(['json', 'ndjson', 'csv', 'sql'] as const)(
  'a salvaged export as %s can be imported',
  async format => {
    const path = build()
    const pages = [...pagesOf(path, 't').slice(3, 4), ...pagesOf(path, 'w').slice(3, 4)]
    damage(path, pages)
    const result = succeeded(
      await protect(path).exportData({ format, salvage: true, includeSensitive: true }),
    )
    const to = join(path, '..', 'new.db')
    const imported = succeeded(await protect(path).importData({ from: result.exportPath, to }))
    expect(imported.lost).toEqual(result.lost)
    expect(imported.lost).toHaveLength(2)
    expect(imported.tables).toEqual(result.tables)
    const made = new DatabaseSync(to)
    expect(made.prepare('PRAGMA integrity_check').get()).toEqual({ integrity_check: 'ok' })
    expect(made.prepare('SELECT count(*) AS n FROM t').get()).toEqual({ n: result.tables['t'] })
    made.close()
  },
)

test('parquet, which needs to read everything first, is refused', async () => {
  const path = build()
  failedWith('INVALID_ARGUMENT', await protect(path).exportData({ format: 'parquet', salvage: true }))
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

test('a damaged backup is refused, and salvaged when asked for', async () => {
  const path = build()
  const { backupPath, filename } = await backUp(path)
  damage(backupPath, pagesOf(backupPath, 't').slice(5, 6))
  await refused(path, 'BACKUP_DAMAGED', { from: filename })
  await refused(path, 'BACKUP_DAMAGED', { from: backupPath })
  const before = readFileSync(backupPath)
  const { result } = await salvage(path, { from: filename })
  expect(result.lost).toHaveLength(1)
  expect(result.tables['w']).toBe(ROWS)
  // A database without its metadata, and without its head.
  const moved = join(temporaryDirectory(), 'moved.db')
  copyFileSync(backupPath, moved)
  overwrite(moved, 1, 0, [0, 0, 0, 0])
  await refused(path, 'BACKUP_DAMAGED', { from: moved })
  expect((await salvage(path, { from: moved })).result.tables).toEqual(result.tables)
  expect(readFileSync(backupPath)).toEqual(before)
})

test('a sound database loses nothing by it', async () => {
  const path = build()
  const whole = succeeded(await protect(path).exportData({ includeSensitive: true }))
  const { result } = await salvage(path)
  expect(result).toMatchObject({ tables: whole.tables, rows: whole.rows, lost: [] })
  const rowsOf = (file: string): unknown =>
    (JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>)['tables']
  expect(rowsOf(result.exportPath)).toEqual(rowsOf(whole.exportPath))
})

test('what is no database at all is said to be none', async () => {
  const path = join(temporaryDirectory(), 'app.db')
  writeFileSync(path, 'Dear diary, '.repeat(5_000))
  const failure = failedWith('DATABASE_INVALID', await protect(path).exportData({ salvage: true }))
  expect(failure.message).toMatch(/Nothing of it can be salvaged/)
  expect(filesBelow(join(path, '..')).filter(name => /exports/.test(name))).toEqual([])
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

const SECRET = '$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW'

test('a secret in what can still be read of a damaged table is found and redacted', async () => {
  // Its column's name gives nothing away, so that only its values do.
  const path = build(`CREATE TABLE people (id INTEGER PRIMARY KEY, extra TEXT, name TEXT);
    ${NUMBERS} INSERT INTO people SELECT x, '${SECRET}', ${TEXT} FROM n;
    CREATE TABLE keyed (k INTEGER PRIMARY KEY, extra TEXT, name TEXT) WITHOUT ROWID; INSERT INTO keyed SELECT * FROM people`)
  damage(path, [
    ...pagesOf(path, 'people').slice(0, 1),
    ...pagesOf(path, 'people').slice(-1),
    ...pagesOf(path, 'keyed').slice(2, 3),
  ])
  const { result } = await salvage(path, { includeSensitive: false })
  expect(result.redacted).toEqual([
    { table: 'people', column: 'extra', how: 'omit' },
    { table: 'keyed', column: 'extra', how: 'omit' },
  ])
  expect(readFileSync(result.exportPath, 'latin1')).not.toContain(SECRET)
  expect(result.tables['people']).toBeGreaterThan(ROWS - 100)
  expect(result.tables['keyed']).toBeGreaterThan(ROWS - 100)
})

test('a damaged table whose redaction cannot be planned is left out, and said so', async () => {
  // A CHECK on what is to be replaced has all rows tried out, which damage does not let happen.
  const path =
    build(`CREATE TABLE logins (id INTEGER PRIMARY KEY, password TEXT NOT NULL UNIQUE CHECK (length(password) > 3));
    ${NUMBERS} INSERT INTO logins SELECT x, 'secret' || x || hex(zeroblob(20)) FROM n;
    CREATE VIEW everybody AS SELECT * FROM logins; CREATE INDEX i ON logins (password)`)
  damage(path, pagesOf(path, 'logins').slice(4, 5))
  const { result, rows } = await salvage(path, {
    includeSensitive: false,
    redact: { 'logins.password': 'hash' },
  })
  const bytes = readFileSync(result.exportPath, 'latin1')
  expect(bytes).not.toContain('secret1')
  if (rows['logins'] === undefined) {
    expect(result.leftOut).toContainEqual({
      type: 'table',
      name: 'logins',
      why: expect.stringMatching(/damaged/) as string,
    })
    expect(bytes).not.toContain('CREATE TABLE logins')
    expect(bytes).not.toContain('CREATE VIEW everybody')
  }
  expect(rows['t']).toHaveLength(ROWS)
  const to = join(path, '..', 'new.db')
  succeeded(await protect(path).importData({ from: result.exportPath, to }))
})

test('nothing of a salvage stays beside the database or its backups but the export', async () => {
  const path = build()
  damage(path, pagesOf(path, 't').slice(3, 4))
  const { result } = await salvage(path)
  expect(readdirSync(join(path, '..')).toSorted()).toEqual(['app.db', 'backups'])
  expect(filesBelow(join(path, '..', 'backups')).toSorted()).toEqual([
    'exports',
    `exports/${result.files[0]}`,
  ])
})
