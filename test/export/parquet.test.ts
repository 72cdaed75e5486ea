import { DatabaseSync } from 'node:sqlite'
import { zstdDecompressSync } from 'node:zlib'
import { type FileMetaData, parquetMetadata, parquetReadObjects } from 'hyparquet'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { TablePlan } from '../../src/export/model.ts'
import { PIECE_BYTES_MAX } from '../../src/export/parquet/chunk-writer.ts'
import { decideKind } from '../../src/export/parquet/column-type.ts'
import { GROUP_BYTES_MAX, MIXED_KEY } from '../../src/export/parquet/parquet-file.ts'
import { writeParquet } from '../../src/sqlite/parquet-rows.ts'
import { quoteName } from '../../src/sqlite/sql.ts'

const MEBIBYTE = 1024 * 1024
const MAX_INTEGER = 9_223_372_036_854_775_807n

interface Written {
  readonly result: { readonly rows: number; readonly bytes: number }
  readonly metadata: FileMetaData
  readonly rows: Record<string, unknown>[]
  readonly pieces: readonly number[]
}

function databaseOf(sql: string): DatabaseSync {
  const connection = new DatabaseSync(':memory:')
  connection.exec(sql)
  return connection
}

function planOf(name: string, columns: readonly string[], more: Partial<TablePlan> = {}): TablePlan {
  const plans = columns.map(column => ({ name: column, sql: quoteName(column) }))
  return { name, kind: 'ordinary', columns: plans, rowid: null, file: null, where: null, ...more }
}

async function written(connection: DatabaseSync, plan: TablePlan): Promise<Written> {
  const pieces: Uint8Array[] = []
  const result = writeParquet({
    connection,
    table: plan,
    by: plan.rowid,
    databaseBytes: 1 << 30,
    write: bytes => void pieces.push(bytes.slice()),
  })
  const file = Buffer.concat(pieces)
  expect(file.length).toBe(result.bytes)
  const buffer = file.buffer.slice(file.byteOffset, file.byteOffset + file.length)
  const rows = await parquetReadObjects({
    file: buffer,
    utf8: false,
    compressors: { ZSTD: bytes => new Uint8Array(zstdDecompressSync(bytes)) },
  })
  return { result, metadata: parquetMetadata(buffer), rows, pieces: pieces.map(piece => piece.length) }
}

async function valuesOf(sql: string, more: Partial<TablePlan> = {}): Promise<unknown[]> {
  const { rows } = await written(databaseOf(`CREATE TABLE t(a); ${sql}`), planOf('t', ['a'], more))
  return rows.map(row => row['a'])
}

function typesOf({ metadata }: Written): string[] {
  return metadata.schema.slice(1).map(({ type, converted_type: logical }) => `${type} ${logical ?? 'none'}`)
}

function mixedColumns({ metadata }: Written): unknown {
  return JSON.parse(metadata.key_value_metadata?.find(({ key }) => key === MIXED_KEY)?.value ?? 'null')
}

describe('the type of a column', () => {
  test.each([
    [[], true, true, 'text'],
    [['integer'], true, true, 'integer'],
    [['real'], true, true, 'real'],
    [['real', 'integer'], true, true, 'real'],
    [['integer', 'real'], false, true, 'mixed'],
    [['text'], true, true, 'text'],
    [['text'], true, false, 'bytes'],
    [['blob'], true, true, 'bytes'],
    [['text', 'blob'], true, true, 'mixed'],
    [['integer', 'text'], true, true, 'mixed'],
  ] as const)(
    'for classes %j, exact: %j, valid: %j is %s',
    (classes, areIntegersExact, isTextValid, kind) => {
      expect(decideKind({ classes, areIntegersExact, isTextValid })).toBe(kind)
    },
  )
})

describe('a Parquet file holds what SQLite holds', () => {
  test('one column of each class, with NULLs, beside the rowid', async () => {
    const connection = databaseOf(`
      CREATE TABLE "t""x"("an integer", real REAL, text, "sp ace.dot", "nothing");
      INSERT INTO "t""x" VALUES (1, 1.5, 'é🎉', x'00ff', NULL), (NULL, NULL, NULL, NULL, NULL), (-7, -0.0, '', x'', NULL);
      UPDATE "t""x" SET rowid = 1000 WHERE rowid = 3`)
    const columns = ['an integer', 'real', 'text', 'sp ace.dot', 'nothing']
    const file = await written(connection, planOf('t"x', columns, { rowid: 'rowid' }))
    expect(file.result.rows).toBe(3)
    expect(file.rows).toEqual([
      {
        rowid: 1n,
        'an integer': 1n,
        real: 1.5,
        text: 'é🎉',
        'sp ace.dot': new Uint8Array([0, 255]),
        nothing: null,
      },
      { rowid: 2n, 'an integer': null, real: null, text: null, 'sp ace.dot': null, nothing: null },
      { rowid: 1000n, 'an integer': -7n, real: 0, text: '', 'sp ace.dot': new Uint8Array(), nothing: null },
    ])
    expect(typesOf(file)).toEqual([
      'INT64 none',
      'INT64 none',
      'DOUBLE none',
      'BYTE_ARRAY UTF8',
      'BYTE_ARRAY none',
      'BYTE_ARRAY UTF8',
    ])
    expect(mixedColumns(file)).toEqual([])
  })

  test('the greatest and the least integer', async () => {
    const values = [MAX_INTEGER, -MAX_INTEGER - 1n, 0n, 2n ** 53n + 1n]
    expect(await valuesOf(`INSERT INTO t VALUES ${values.map(value => `(${value})`).join()}`)).toEqual(values)
  })

  test('infinities, and integers beside reals as doubles', async () => {
    expect(await valuesOf('INSERT INTO t VALUES (9e999), (-9e999), (3), (0.1), (5e-324)')).toEqual([
      Infinity,
      -Infinity,
      3,
      0.1,
      5e-324,
    ])
  })

  test('an integer beside reals that no double equals is kept, in JSON', async () => {
    const file = await written(
      databaseOf(
        'CREATE TABLE t(a, b); INSERT INTO t VALUES (9223372036854775807, 1), (1.0, 2), (9007199254740993, 3)',
      ),
      planOf('t', ['a', 'b']),
    )
    expect(mixedColumns(file)).toEqual(['a'])
    expect(file.rows.map(row => row['a'])).toEqual([
      '{"$integer":"9223372036854775807"}',
      '1.0',
      '{"$integer":"9007199254740993"}',
    ])
  })

  test('a column of every class is text that holds JSON', async () => {
    const sql = `INSERT INTO t VALUES (1), (1.0), (-0.0), (1e300), (9e999), (-9e999), ('1'), ('a' || char(0) || '"'), (NULL),
      (x''), (x'0aff'), (CAST(x'61ff' AS TEXT)), (char(0xFFFD))`
    expect(await valuesOf(sql)).toEqual([
      '1',
      '1.0',
      '-0.0',
      '1e+300',
      '{"$real":"Infinity"}',
      '{"$real":"-Infinity"}',
      '"1"',
      String.raw`"a\u0000\""`,
      null,
      '{"$blob":""}',
      '{"$blob":"Cv8="}',
      '{"$text":"Yf8="}',
      '"\uFFFD"',
    ])
  })

  test('text with NUL is whole', async () => {
    expect(await valuesOf(`INSERT INTO t VALUES ('a' || char(0) || 'b'), (char(0))`)).toEqual(['a\0b', '\0'])
  })

  test('text that is not valid UTF-8 makes the column bytes; the replacement character itself does not', async () => {
    expect(await valuesOf(`INSERT INTO t VALUES ('é'), (CAST(x'ff' AS TEXT))`)).toEqual([
      new Uint8Array(Buffer.from('é')),
      new Uint8Array([255]),
    ])
    expect(await valuesOf(`INSERT INTO t VALUES (char(0xFFFD)), ('b')`)).toEqual(['\uFFFD', 'b'])
  })

  test.each(['UTF-16le', 'UTF-16be'])('text of a database in %s, valid or not', async encoding => {
    const connection = databaseOf(`PRAGMA encoding = '${encoding}';
      CREATE TABLE t(good, bad, mixed);
      INSERT INTO t VALUES ('é🎉' || char(0) || 'x', 'a', 'é🎉'), ('', CAST(x'00d8' || x'd800' AS TEXT), 1)`)
    const { rows } = await written(connection, planOf('t', ['good', 'bad', 'mixed']))
    expect(rows.map(({ good }) => good)).toEqual(['é🎉\0x', ''])
    expect(rows.map(({ mixed }) => mixed)).toEqual(['"é🎉"', '1'])
    const stored = connection.prepare('SELECT CAST(bad AS BLOB) AS bytes FROM t').all()
    expect(rows.map(({ bad }) => bad)).toEqual(stored.map(({ bytes }) => bytes))
  })

  test('an empty table is a valid file with its columns', async () => {
    const file = await written(databaseOf('CREATE TABLE t(a INTEGER, b)'), planOf('t', ['a', 'b']))
    expect(file.result.rows).toBe(0)
    expect(file.rows).toEqual([])
    expect(file.metadata.schema.slice(1).map(({ name }) => name)).toEqual(['a', 'b'])
  })

  test('only the rows that a condition holds for, also one that ends in a comment', async () => {
    const sql = 'INSERT INTO t VALUES (1), (2), (3)'
    expect(await valuesOf(sql, { where: 'a > 1 -- not the first' })).toEqual([2n, 3n])
    expect(await valuesOf(sql, { where: '0 OR a = 1' })).toEqual([1n])
  })

  test('the class of what a condition leaves out does not count', async () => {
    expect(await valuesOf(`INSERT INTO t VALUES (1), ('x')`, { where: `typeof(a) = 'integer'` })).toEqual([
      1n,
    ])
  })

  test('a column by its expression', async () => {
    const columns = [{ name: 'masked', sql: `substr("a", 1, 1) || '***'` }]
    const { rows } = await written(
      databaseOf(`CREATE TABLE t(a); INSERT INTO t VALUES ('secret')`),
      planOf('t', [], { columns }),
    )
    expect(rows).toEqual([{ masked: 's***' }])
  })

  test('2,000 columns, which with the rowid are more than a query can return', async () => {
    const columns = Array.from({ length: 2_000 }, (_column, i) => `c${i}`)
    const connection = databaseOf(`CREATE TABLE t(${columns.join()}); CREATE INDEX i ON t(c0);
      INSERT INTO t(c0, c1998, c1999) VALUES (9, 'a', 'b'), (1, 'c', 'd')`)
    const { rows } = await written(connection, planOf('t', columns, { rowid: 'rowid' }))
    expect(rows.map(({ rowid, c0, c1998, c1999 }) => ({ rowid, c0, c1998, c1999 }))).toEqual([
      { rowid: 1n, c0: 9n, c1998: 'a', c1999: 'b' },
      { rowid: 2n, c0: 1n, c1998: 'c', c1999: 'd' },
    ])
  })

  test('any values, by the classes that they have', async () => {
    const value = fc.oneof(
      fc.constant(null),
      fc.bigInt({ min: -MAX_INTEGER - 1n, max: MAX_INTEGER }),
      fc.double({ noNaN: true }),
      fc.string({ unit: 'grapheme' }),
      fc.uint8Array({ maxLength: 20 }),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(value, { maxLength: 30 }), async values => {
        const connection = databaseOf('CREATE TABLE t(a)')
        const insert = connection.prepare('INSERT INTO t VALUES (?)')
        for (const each of values) insert.run(each)
        const select = connection.prepare(`SELECT a, typeof(a) AS class FROM t`)
        select.setReadBigInts(true)
        const stored = select.all()
        const classes = new Set(stored.map(row => row['class']).filter(name => name !== 'null'))
        const { rows } = await written(connection, planOf('t', ['a']))
        expect(rows).toHaveLength(values.length)
        if (classes.size === 1) expect(rows.map(row => row['a'])).toEqual(stored.map(row => row['a']))
        else expect(rows.map(row => row['a'] === null)).toEqual(stored.map(row => row['a'] === null))
      }),
      { numRuns: 100 },
    )
  })
})

describe('memory does not grow with the table', () => {
  test('200,000 rows are several row groups, and none is lost between them', async () => {
    const connection = databaseOf(`CREATE TABLE t(id INTEGER PRIMARY KEY, name, score);
      WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200000)
      INSERT INTO t SELECT i, 'name ' || (i % 1000), i / 7.0 FROM n`)
    const { metadata, rows, result } = await written(connection, planOf('t', ['id', 'name', 'score']))
    expect(result.rows).toBe(200_000)
    expect(metadata.num_rows).toBe(200_000n)
    expect(metadata.row_groups.length).toBeGreaterThan(1)
    const stored = connection.prepare('SELECT * FROM t')
    stored.setReadBigInts(true)
    const expected = stored.all()
    expect(rows.every((row, i) => row['id'] === expected[i]?.['id'])).toBe(true)
    expect(rows.every((row, i) => row['name'] === expected[i]?.['name'])).toBe(true)
    expect(rows.every((row, i) => row['score'] === expected[i]?.['score'])).toBe(true)
  })

  test('64 MiB of blobs are written in bounded groups and pieces', async () => {
    const connection = databaseOf(`CREATE TABLE t(id INTEGER PRIMARY KEY, a);
      WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 64)
      INSERT INTO t SELECT i, zeroblob(${MEBIBYTE}) FROM n`)
    const { metadata, pieces, result } = await written(connection, planOf('t', ['id', 'a']))
    expect(result.rows).toBe(64)
    const groups = metadata.row_groups.map(({ total_byte_size: size }) => Number(size))
    expect(groups.reduce((sum, size) => sum + size)).toBeGreaterThan(64 * MEBIBYTE)
    expect(Math.max(...groups)).toBeLessThanOrEqual(GROUP_BYTES_MAX)
    expect(Math.max(...pieces)).toBeLessThanOrEqual(PIECE_BYTES_MAX)
  })

  test('one value larger than a group is a group of its own', async () => {
    const connection = databaseOf(`CREATE TABLE t(a);
      INSERT INTO t VALUES (randomblob(10)), (randomblob(${GROUP_BYTES_MAX + 1})), (randomblob(10))`)
    const { metadata, pieces, rows } = await written(connection, planOf('t', ['a']))
    expect(metadata.row_groups.map(group => group.num_rows)).toEqual([1n, 1n, 1n])
    expect(Math.max(...pieces)).toBeLessThanOrEqual(PIECE_BYTES_MAX)
    const stored = connection.prepare('SELECT a FROM t').all()
    expect(
      stored.every(({ a }, i) => Buffer.compare(a as Uint8Array, rows[i]?.['a'] as Uint8Array) === 0),
    ).toBe(true)
  })

  test('the footer keeps no value of a group', async () => {
    const connection = databaseOf(`CREATE TABLE t(a, b);
      INSERT INTO t VALUES ('a text that is long enough to be seen', x'0102030405060708090a0b0c0d0e0f10')`)
    const { metadata } = await written(connection, planOf('t', ['a', 'b']))
    const chunks = metadata.row_groups.flatMap(({ columns }) => columns)
    expect(chunks.map(chunk => chunk.meta_data?.statistics?.max_value)).toEqual([undefined, undefined])
  })
})
