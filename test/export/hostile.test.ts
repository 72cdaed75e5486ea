import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, test } from 'vitest'
import type { DataExported, ErrorCode, ExportDataRequest, Failure } from '../../src/index.ts'
import { select } from '../faults/extent.ts'
import { BUSY, buildHostile, endlessTree, TRICKED, UNKNOWN } from '../malformed/hostile.ts'
import { keptImages } from '../malformed/images.ts'
import { buildDatabase } from '../support/databases.ts'
import { failedWith, protect, succeeded } from '../support/product.ts'
import { run, testWith } from '../support/requirements.ts'
import { filesBelow, temporaryDirectory } from '../support/temporary.ts'

/** Of SQLite's corpus, where not everything is tried. */
const IMAGES = 40

/** Codes that say that the product itself failed, or that tell a lie about a file that holds still. */
const NEVER: ReadonlySet<ErrorCode> = new Set([
  'UNEXPECTED',
  'ENGINE_FAILED',
  'DATABASE_LOCKED',
  'INSUFFICIENT_SPACE',
  'PERMISSION_DENIED',
  'READ_ONLY',
  'CANCELLED',
  'INVALID_ARGUMENT',
])

interface Place {
  readonly path: string
  readonly output: string
  readonly export: (request?: ExportDataRequest) => Promise<DataExported | Failure>
}

/** Quick to give up, so that a hang is an answer. */
function openPlace(config: Readonly<Record<string, unknown>> = {}): Place {
  const directory = temporaryDirectory()
  const path = join(directory, 'app.db')
  const output = join(directory, 'out', 'export')
  const file = join(directory, 'config.json')
  writeFileSync(file, JSON.stringify({ waitForLockMs: 2_000, stallAfterMs: 20_000, ...config }))
  const database = protect(path, { config: file, disposable: true })
  return { path, output, export: request => database.exportData({ output, ...request }) }
}

interface Document {
  readonly tables: Readonly<Record<string, readonly Readonly<Record<string, unknown>>[]>>
  readonly summary: Pick<DataExported, 'tables' | 'rows' | 'lost'>
}

/** What must never be, whatever was exported. */
function broken(result: DataExported | Failure, { output, path }: Place): string[] {
  const left = readdirSync(join(output, '..')).filter(name => name !== 'export')
  const found = left.map(name => `${name} was left behind`)
  const beside = readdirSync(join(path, '..')).filter(name =>
    /^app\.db-(?!wal|shm|journal)|^app\.db-(wal|shm)$/.test(name),
  )
  found.push(...beside.map(name => `${name} was left beside the database`))
  if (!result.success) {
    if (existsSync(output)) found.push('a failure left a file under the final name')
    if (NEVER.has(result.code)) found.push(`${result.code}: ${result.message}`)
    if (/\n\s+at /.test(result.message)) found.push(`a stack trace: ${result.message}`)
    if (result.hint === undefined) found.push(`no hint with ${result.code}`)
    return found
  }
  const document = JSON.parse(readFileSync(output, 'utf8')) as Document
  for (const [name, count] of Object.entries(document.summary.tables)) {
    const rows = document.tables[name] ?? []
    if (rows.length !== count) found.push(`${name} has ${rows.length} rows, and ${count} are claimed`)
    const [key] = ['rowid', '_rowid_', 'oid'].filter(
      each => rows[0] !== undefined && Object.hasOwn(rows[0], each),
    )
    if (key !== undefined && new Set(rows.map(row => JSON.stringify(row[key]))).size !== rows.length)
      found.push(`${name} has rows twice`)
  }
  if (JSON.stringify(document.summary.lost) !== JSON.stringify(result.lost))
    found.push('what is lost differs')
  rmSync(output)
  return found
}

function classOf(result: DataExported | Failure): string {
  if (!result.success) return result.code
  return result.lost.length > 0 ? 'in part' : 'whole'
}

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
    for (const format of ['json', 'ndjson', 'csv', 'sql', 'parquet'] as const) {
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

/** Every format, plain and safe; the rows come back by an import where there is one. */
async function expectRoundTrip(place: Place, tables: Readonly<Record<string, number>>): Promise<void> {
  mkdirSync(join(place.output, '..'), { recursive: true })
  for (const format of ['json', 'ndjson', 'csv', 'sql', 'parquet'] as const) {
    const output = `${place.output}.${format}`
    const result = succeeded(await place.export({ format, output, includeSensitive: true }))
    expect(result.tables).toEqual(tables)
    succeeded(await place.export({ format, output: `${output}.safe` }))
    if (format === 'parquet') continue
    const to = `${place.path}.${format}`
    const imported = succeeded(await protect(place.path).importData({ from: output, to }))
    expect(imported.tables).toEqual(tables)
  }
}

describe('names made to harm', () => {
  const NAMES: readonly string[] = [
    'a"; DROP TABLE x; --',
    "it's; DELETE FROM x",
    '',
    ' ',
    '../../../../tmp/escaped',
    'con.csv',
    'a/b',
    'a\\b',
    'schema',
    'schema.json',
    '__proto__',
    'constructor',
    'toString',
    'CON',
    'straße',
    'STRASSE',
    'İstanbul',
    'sqliteish_name',
    'rowid',
    'select',
    '\u{1f600}',
    'line\nbreak',
    'tab\tand\rreturn',
    '\u202egnp.exe',
    'n'.repeat(1_000),
    '$where',
    '?1',
    ':name',
    '@x',
    '-- comment',
    '/*',
    '[bracket]',
    '`tick`',
    'chame_base64',
    'concat',
  ]
  const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`

  test('of tables are exported as they are, in files of their own', async () => {
    const place = openPlace()
    const sql = NAMES.map(
      (name, i) => `CREATE TABLE ${quoted(name)} (a); INSERT INTO ${quoted(name)} VALUES (${i})`,
    )
    buildDatabase(place.path, [...sql, 'CREATE TABLE x (a); INSERT INTO x VALUES (1)'].join(';\n'))
    await expectRoundTrip(place, Object.fromEntries([...NAMES, 'x'].map(name => [name, 1])))
    const files = readdirSync(`${place.output}.csv`)
    expect(files).toHaveLength(NAMES.length + 2)
    expect(new Set(files.map(file => file.normalize('NFKC').toLowerCase())).size).toBe(files.length)
    for (const file of files) expect(file).toMatch(/^[^/\\:*?"<>|\p{C}]{1,255}$/u)
    expect(readdirSync(join(place.path, '..')).some(name => name.includes('escaped'))).toBe(false)
  })

  test('of columns are exported as they are', async () => {
    const place = openPlace()
    const columns = NAMES.filter(name => name !== 'STRASSE')
    buildDatabase(
      place.path,
      `CREATE TABLE t (${columns.map(quoted).join(', ')}); INSERT INTO t VALUES (${columns.map((_, i) => i).join(', ')})`,
    )
    await expectRoundTrip(place, { t: 1 })
    const text = readFileSync(`${place.output}.json`, 'utf8')
    const { tables } = JSON.parse(text) as Document
    expect(Object.entries(tables['t']?.[0] ?? {}).filter(([name]) => name !== '_rowid_')).toEqual(
      columns.map((name, i) => [name, i]),
    )
  })

  test('of two thousand columns are exported', async () => {
    const place = openPlace()
    const columns = Array.from({ length: 2_000 }, (_, i) => `c${i}`)
    buildDatabase(
      place.path,
      `CREATE TABLE t (${columns.join(', ')}); INSERT INTO t (c0, c999, c1999) VALUES (1, 'x', x'ff')`,
    )
    await expectRoundTrip(place, { t: 1 })
  })

  test('that shadow our functions and theirs change nothing', async () => {
    const place = openPlace()
    buildDatabase(
      place.path,
      `CREATE TABLE concat (concat, json_quote, chame_text, typeof, "group_concat", r, l, "max(r)");
       INSERT INTO concat VALUES ('a', 2, x'00', 4.5, NULL, 'r', 'l', 'm')`,
    )
    await expectRoundTrip(place, { concat: 1 })
  })
})

describe('a schema made to run something', () => {
  const MARK = join(tmpdir(), `chame-mark-${process.pid}`)
  const CALLS: readonly string[] = [
    `load_extension('/tmp/evil')`,
    `writefile('${MARK}', 'x')`,
    `readfile('/etc/passwd')`,
    `fts3_tokenizer('simple', x'0000000000000000')`,
    `edit('x', 'touch ${MARK}')`,
    `chame_base64(x'00')`,
    `chame_text(x'00')`,
    `chame_redact_0('x')`,
    `zeroblob(1000000000)`,
  ]

  test.each(CALLS)(
    'runs nothing of %s in views, triggers, defaults, checks, indexes or columns',
    async call => {
      const place = openPlace()
      mkdirSync(join(place.output, '..'))
      const text = call.replaceAll("'", "''")
      buildHostile(
        place.path,
        `CREATE TABLE t (a, password DEFAULT 1, b AS (a + 1), c AS (a + 2) STORED); INSERT INTO t (a, password) VALUES (1, 'secret1');
       CREATE TABLE sound (x); INSERT INTO sound VALUES (1);
       CREATE VIEW v AS SELECT 1 AS x; CREATE TRIGGER r AFTER INSERT ON t BEGIN SELECT 1; END; CREATE INDEX i ON t (a + 1);
       PRAGMA writable_schema = ON;
       UPDATE sqlite_schema SET sql = 'CREATE VIEW v AS SELECT ${text} AS x' WHERE name = 'v';
       UPDATE sqlite_schema SET sql = 'CREATE TRIGGER r AFTER INSERT ON t BEGIN SELECT ${text}; END' WHERE name = 'r';
       UPDATE sqlite_schema SET sql = 'CREATE INDEX i ON t (${text}) WHERE ${text} IS NOT NULL' WHERE name = 'i';
       UPDATE sqlite_schema SET sql = 'CREATE TABLE t (a CHECK (${text}), password DEFAULT (${text}), b AS (${text}), c AS (${text}) STORED)' WHERE name = 't'`,
      )
      for (const request of [{}, { includeSensitive: true }, { salvage: true }]) {
        const result = await place.export(request)
        if (result.success) expect(result.tables['sound']).toBe(1)
        const said = broken(result, place)
        expect(said.filter(what => !what.startsWith('INVALID_ARGUMENT'))).toEqual([])
      }
      expect(existsSync(MARK)).toBe(false)
    },
  )

  test('expands no view and computes no column that grows without bounds', async () => {
    const place = openPlace()
    mkdirSync(join(place.output, '..'))
    const views = Array.from(
      { length: 60 },
      (_, i) => `CREATE VIEW v${i + 1} AS SELECT a.x AS x FROM v${i} a, v${i} b, v${i} c;`,
    )
    const columns = Array.from({ length: 40 }, (_, i) => `g${i + 1} AS (g${i} || g${i} || g${i})`)
    buildHostile(
      place.path,
      `CREATE TABLE t (g0 TEXT); INSERT INTO t VALUES ('bomb');
       CREATE VIEW v0 AS SELECT g0 AS x FROM t; ${views.join('\n')}
       PRAGMA writable_schema = ON;
       UPDATE sqlite_schema SET sql = 'CREATE TABLE t (g0 TEXT, ${columns.join(', ')})' WHERE name = 't'`,
    )
    for (const request of [{}, { salvage: true }, { includeSensitive: true }, { tables: ['t'] }]) {
      const result = await place.export(request)
      expect(broken(result, place)).toEqual([])
      expect(result).toMatchObject({ success: true, rows: 1 })
    }
  })

  test('gets nowhere with a full-text table of crafted shadow tables', async () => {
    const place = openPlace()
    mkdirSync(join(place.output, '..'))
    buildHostile(
      place.path,
      `CREATE VIRTUAL TABLE f USING fts5(body); INSERT INTO f VALUES ('one two three');
       UPDATE f_data SET block = zeroblob(200000) WHERE id > 1; UPDATE f_data SET block = x'ffffffffffffffffff';
       INSERT INTO f_config VALUES ('rank', 'load_extension(''x'')'); DELETE FROM f_docsize;
       CREATE VIRTUAL TABLE r USING rtree(id, x0, x1); INSERT INTO r VALUES (1, 0, 1); UPDATE r_node SET data = x'ffff'`,
    )
    const result = succeeded(await place.export())
    expect(result.tables).toMatchObject({ f_data: expect.any(Number) as number, r_node: 1 })
    expect(broken(result, place)).toEqual([])
  })
})

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
