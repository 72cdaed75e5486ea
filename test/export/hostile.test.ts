/** Malformed and hostile databases, and files that are none: an export of them ends, and says what it found. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, test } from 'vitest'
import { select } from '../faults/extent.ts'
import { BUSY, buildHostile, endlessTree, TRICKED, UNKNOWN } from '../malformed/hostile.ts'
import { keptImages } from '../malformed/images.ts'
import { buildDatabase } from '../support/databases.ts'
import { failedWith, protect, succeeded } from '../support/product.ts'
import { run, testWith } from '../support/requirements.ts'
import { filesBelow, temporaryDirectory } from '../support/temporary.ts'
import { broken, classOf, NEVER, openPlace } from './hostile-place.ts'

/** Of SQLite's corpus, where not everything is tried. */
const IMAGES = 16

describe('whatever a malformed database is, an export of it', () => {
  test('ends in a file, or in a typed error and none: SQLite’s corpus, one of each outcome', async () => {
    const place = openPlace()
    mkdirSync(join(place.output, '..'))
    const classes = new Map<string, number>()
    const bad: string[] = []
    for (const { id, bytes } of select(keptImages(), IMAGES)) {
      writeFileSync(place.path, bytes)
      const plain = await place.export()
      bad.push(...broken(plain, place).map(what => `${id}: ${what}`))
      const salvaged = await place.export({ salvage: true })
      bad.push(...broken(salvaged, place).map(what => `${id}, salvaged: ${what}`))
      // What can be exported as a whole, salvage exports too.
      if (plain.success && !salvaged.success) bad.push(`${id}: salvaged ${salvaged.code}`)
      if (!readFileSync(place.path).equals(bytes)) bad.push(`${id}: the database was changed`)
      const outcome = `${classOf(plain)}, salvaged ${classOf(salvaged)}`
      classes.set(outcome, (classes.get(outcome) ?? 0) + 1)
    }
    expect(bad, JSON.stringify([...classes])).toEqual([])
    expect([...classes.keys()]).toContain('DATABASE_DAMAGED, salvaged in part')
    expect([...classes.keys()]).toContain('whole, salvaged whole')
  }, 900_000)

  test.each(Object.entries({ ...UNKNOWN, ...TRICKED }))('ends so with %s', async (_, sql) => {
    const place = openPlace()
    mkdirSync(join(place.output, '..'))
    buildHostile(place.path, sql)
    expect(broken(await place.export(), place)).toEqual([])
    const salvaged = await place.export({ salvage: true })
    if (!salvaged.success) expect(salvaged.message).toMatch(/^Nothing of it can be salvaged/)
    expect(broken(salvaged, place)).toEqual([])
  })

  test.each(Object.entries(BUSY))('is not held up by %s', async (_, sql) => {
    const place = openPlace()
    mkdirSync(join(place.output, '..'))
    buildHostile(place.path, sql)
    const result = succeeded(await place.export())
    expect(broken(result, place)).toEqual([])
  })

  test.each([
    ['without an end', 15],
    ['of few rows', 1],
  ])('does not go round in circles of pages, %s', async (_, levels) => {
    const place = openPlace()
    mkdirSync(join(place.output, '..'))
    endlessTree(place.path, levels)
    // The texts have one reader in common.
    for (const format of select(['json', 'ndjson', 'csv', 'sql', 'parquet'] as const, 2)) {
      failedWith('DATABASE_DAMAGED', await place.export({ format, includeSensitive: true }))
      failedWith('DATABASE_DAMAGED', await place.export({ format }))
      expect(filesBelow(join(place.output, '..'))).toEqual([])
    }
  })

  test('does not go round in pages of a table without rowids', async () => {
    const place = openPlace()
    mkdirSync(join(place.output, '..'))
    endlessKeys(place.path)
    failedWith('DATABASE_DAMAGED', await place.export({ includeSensitive: true }))
    const salvaged = succeeded(await place.export({ salvage: true, includeSensitive: true }))
    expect(salvaged.rows).toBe(1)
    expect(broken(salvaged, place)).toEqual([])
  })
})

/** Like {@link endlessTree}, by keys: each of fifteen pages names the next one ten times. */
function endlessKeys(path: string): void {
  buildHostile(path, "CREATE TABLE t (a PRIMARY KEY, b) WITHOUT ROWID; INSERT INTO t VALUES (1, 'leaf')")
  const [pageSize, levels, cells] = [512, 15, 10]
  const leaf = readFileSync(path)
  const bytes = Buffer.concat([leaf, Buffer.alloc(levels * pageSize)])
  leaf.copy(bytes, (1 + levels) * pageSize, pageSize, 2 * pageSize)
  // The one cell of the leaf: its length, then the record.
  const at = leaf.readUInt16BE(pageSize + 8)
  const cell = leaf.subarray(pageSize + at, 2 * pageSize)
  for (let level = 0; level < levels; level++) {
    const page = bytes.subarray((1 + level) * pageSize, (2 + level) * pageSize)
    page.fill(0)
    page[0] = 0x02
    page.writeUInt16BE(cells, 3)
    page.writeUInt32BE(3 + level, 8)
    let end = pageSize
    for (let i = 0; i < cells; i++) {
      end -= cell.length + 4
      page.writeUInt32BE(3 + level, end)
      cell.copy(page, end + 4)
      page.writeUInt16BE(end, 12 + 2 * i)
    }
    page.writeUInt16BE(end, 5)
  }
  bytes.writeUInt32BE(2 + levels, 28)
  writeFileSync(path, bytes)
}

test('a text of a hundred megabytes is exported', async () => {
  const place = openPlace()
  mkdirSync(join(place.output, '..'))
  buildDatabase(
    place.path,
    `CREATE TABLE t (a); INSERT INTO t VALUES (CAST(zeroblob(100000000) AS TEXT)), (replace(hex(zeroblob(50000000)), '0', 'x'))`,
  )
  const result = succeeded(await place.export({ format: 'sql', includeSensitive: true }))
  expect(result.rows).toBe(2)
  expect(result.bytes).toBeGreaterThan(300_000_000)
})

test('a file name that looks like a URI, or an option, is a file name', async () => {
  for (const name of ['file:x?mode=rwc', 'a%00b.db', 'a?b#c.db', ':memory:', '-x', 'ü b.db']) {
    const directory = temporaryDirectory()
    const path = join(directory, name)
    const made = join(directory, 'made.db')
    buildDatabase(made, 'CREATE TABLE t (a); INSERT INTO t VALUES (1)', { journalMode: 'delete' })
    writeFileSync(path, readFileSync(made))
    rmSync(made)
    const result = succeeded(await protect(path, { backupDir: join(directory, 'b') }).exportData({}))
    expect(result.rows).toBe(1)
    expect(readdirSync(directory).toSorted()).toEqual([name, 'b'].toSorted())
  }
})

testWith(['mkfifo'], 'a FIFO is no database, and nobody waits for one who writes it', async () => {
  const place = openPlace()
  run('mkfifo', [place.path])
  for (const request of [{}, { salvage: true }, { from: place.path }, { from: place.path, salvage: true }]) {
    const result = await place.export(request)
    expect(result).toMatchObject({ success: false })
    if (!result.success) expect(NEVER.has(result.code)).toBe(false)
  }
  expect(existsSync(place.output)).toBe(false)
})

test('the source of a hostile export is as it was', async () => {
  const place = openPlace()
  buildDatabase(place.path, 'CREATE TABLE t (a); INSERT INTO t VALUES (1)')
  const before = readFileSync(place.path)
  failedWith('INVALID_ARGUMENT', await place.export({ where: { t: "a IN (SELECT writefile('x', 'y'))" } }))
  failedWith('INVALID_ARGUMENT', await place.export({ where: { t: "load_extension('x')" } }))
  expect(readFileSync(place.path)).toEqual(before)
  const open = new DatabaseSync(place.path)
  expect(open.prepare('SELECT count(*) AS n FROM t').get()).toEqual({ n: 1 })
  open.close()
})
