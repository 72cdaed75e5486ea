/** Names and schemas that were made to harm whoever exports them. */
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { buildHostile } from '../malformed/hostile.ts'
import { buildDatabase } from '../support/databases.ts'
import { protect, succeeded } from '../support/product.ts'
import { broken, type Document, openPlace, type Place } from './hostile-place.ts'

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
