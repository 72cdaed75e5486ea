/** What once was lost, or is easily, each by itself. */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, test } from 'vitest'
import { buildDatabase, type DatabaseForm, openDatabase } from '../support/databases.ts'
import { withCopy } from '../support/intact.ts'
import { failedWith } from '../support/product.ts'
import { testWith } from '../support/requirements.ts'
import { expectSameContent, Workplace } from './build-round-trip.ts'

const FORMATS = ['json', 'ndjson', 'csv', 'sql'] as const

interface Case {
  readonly what: string
  readonly sql: string
  readonly form?: DatabaseForm
}

const CASES: readonly Case[] = [
  {
    what: 'the sign of -0.0',
    sql: 'CREATE TABLE t (a); INSERT INTO t VALUES (-0.0), (0.0), (0); CREATE TABLE w (k PRIMARY KEY, a) WITHOUT ROWID; INSERT INTO w VALUES (1, -0.0)',
  },
  {
    what: 'reals that SQLite 3.40 rounds wrongly when it reads their digits',
    sql: `CREATE TABLE t (a); INSERT INTO t VALUES (-7.221872823493997e-301), (1.4887725075796825e-292), (4.393303775919584e-308),
      (5e-324), (-2.225073858507201e-308), (1e-280), (9.999999999999999e-281), (1.7976931348623157e308), (2.894481882415391e-291)`,
  },
  {
    what: 'CRLF in texts',
    sql: `CREATE TABLE t (a, b); INSERT INTO t VALUES ('a' || char(13, 10) || 'b''c', 1), (char(13, 10), 2), ('\\r' || char(13, 10), 3), (char(13, 13, 10, 13), 4)`,
  },
  {
    what: 'CRLF in texts of UTF-16',
    form: { encoding: 'UTF-16le' },
    sql: `CREATE TABLE t (a, b); INSERT INTO t VALUES ('a' || char(13, 10) || 'b''c', 1), ('\\r' || char(13, 10), 2)`,
  },
  {
    what: 'characters that SQLite does not turn into UTF-16',
    form: { encoding: 'UTF-16le' },
    sql: "CREATE TABLE t (a); INSERT INTO t VALUES (CAST(x'ffff6100' AS TEXT)), (CAST(x'6200feff' AS TEXT)), (CAST(x'3fd8ffdf' AS TEXT))",
  },
  {
    what: 'the same the other way round',
    form: { encoding: 'UTF-16be' },
    sql: "CREATE TABLE t (a); INSERT INTO t VALUES (CAST(x'0061ffff' AS TEXT)), (CAST(x'fffe0061' AS TEXT)), (CAST(x'feff0061' AS TEXT))",
  },
  {
    what: 'a table called like one that our SQL makes for a moment',
    sql: 'CREATE TABLE n (id INTEGER PRIMARY KEY AUTOINCREMENT); INSERT INTO n VALUES (5); CREATE TABLE chame_backup_sequence (a); INSERT INTO chame_backup_sequence VALUES (1)',
  },
  {
    what: 'a counter whose table is gone',
    sql: 'CREATE TABLE n (id INTEGER PRIMARY KEY AUTOINCREMENT); INSERT INTO n VALUES (5); DROP TABLE n',
  },
  { what: 'nothing at all', sql: 'PRAGMA user_version = 3' },
  {
    what: 'rowids at both ends',
    sql: 'CREATE TABLE t (a); INSERT INTO t (rowid, a) VALUES (-9223372036854775808, 1), (9223372036854775807, 2), (0, 3)',
  },
  {
    what: 'an index, a view and a trigger of a table whose last rowid is beyond 2^53',
    sql: `CREATE TABLE t (a); CREATE INDEX i ON t (a); CREATE VIEW v AS SELECT a FROM t; CREATE TRIGGER r AFTER DELETE ON t BEGIN SELECT 1; END;
      INSERT INTO t (rowid, a) VALUES (976527016464256931, 1)`,
  },
  { what: 'names that are empty', sql: 'CREATE TABLE "" ("", b); INSERT INTO "" VALUES (1, 2)' },
  {
    what: 'INTEGER PRIMARY KEY DESC, which is no rowid',
    sql: 'CREATE TABLE t (id INTEGER PRIMARY KEY DESC, a); INSERT INTO t (rowid, id, a) VALUES (7, 3, 4), (9, NULL, 5)',
  },
]

describe.each(CASES)('$what', ({ sql, form }) => {
  test('is kept by every format', async () => {
    for (const format of FORMATS) {
      using place = new Workplace()
      buildDatabase(place.source, sql, form)
      await place.expectSame({ format })
    }
  })

  testWith(['sqlite3'], 'is kept when sqlite3 loads the SQL', async () => {
    using place = new Workplace()
    buildDatabase(place.source, sql, form)
    await expectLoads(place)
  })
})

async function expectLoads(place: Workplace): Promise<void> {
  const { exportPath } = await place.export({ format: 'sql' })
  const { status, stderr } = spawnSync('sqlite3', [place.target], { input: readFileSync(exportPath) })
  expect(String(stderr)).toBe('')
  expect(status).toBe(0)
  expectSameContent(place.source, place.target)
}

const MEBIBYTE = 1 << 20

test('values of many megabytes are kept by every format, whatever is in them', async () => {
  for (const format of FORMATS) {
    using place = new Workplace()
    const connection = openDatabase(place.source)
    connection.exec('CREATE TABLE t (a, b); CREATE TABLE w (k PRIMARY KEY, a) WITHOUT ROWID')
    const insert = connection.prepare('INSERT INTO t VALUES (?, CAST(? AS TEXT))')
    insert.run('small', Buffer.from('x'))
    insert.run('not UTF-8', Buffer.alloc(6 * MEBIBYTE, 0x80))
    insert.run('text', Buffer.alloc(9 * MEBIBYTE, 'line "1",\r\n'))
    insert.run(Buffer.alloc(9 * MEBIBYTE, 1), Buffer.from('a\0b'))
    connection.exec("INSERT INTO w SELECT a, b FROM t WHERE a = 'not UTF-8'")
    connection.close()
    await place.expectSame({ format })
  }
})

test('many rows, read in many steps by two processes, are kept in their order by every format', async () => {
  for (const format of FORMATS) {
    using place = new Workplace()
    const connection = openDatabase(place.source)
    connection.exec(`CREATE TABLE t (a, b); CREATE TABLE w (k PRIMARY KEY, a, b) WITHOUT ROWID;
      CREATE TABLE s (rowid, _rowid_, oid); BEGIN;
      WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 25000)
      INSERT INTO t (rowid, a, b) SELECT (i - 12000) * 3000000000, CASE
          WHEN i % 4001 = 0 THEN CAST(x'61ff' AS TEXT) WHEN i % 3001 = 0 THEN 'a' || char(0) || '''b"' WHEN i % 2003 = 0 THEN 'c' || char(13, 10)
          WHEN i % 5003 = 0 THEN zeroblob(400000) WHEN i % 1999 = 0 THEN CAST(zeroblob(30000) AS TEXT) WHEN i % 2 THEN i / 7.0 ELSE 'text ' || i END, i FROM n;
      INSERT INTO w SELECT rowid, a, b FROM t; INSERT INTO s SELECT a, b, 1 FROM t; COMMIT`)
    connection.close()
    await place.expectSame({ format })
    expect(withCopy(place.target, idsOf)).toEqual(withCopy(place.source, idsOf))
  }
})

/** In the order in which a query without one gives them. */
function idsOf(connection: DatabaseSync): unknown {
  return connection.prepare('SELECT group_concat(b) t, (SELECT group_concat(_rowid_) FROM s) s FROM t').get()
}

test('a range without a row that is asked for, behind one that cannot be held, leaves no separator', async () => {
  for (const format of FORMATS) {
    using place = new Workplace()
    const connection = openDatabase(place.source)
    // The first rows say that more of them fit into a range than do.
    connection.exec(`CREATE TABLE t (v); WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 14000)
      INSERT INTO t SELECT iif(i <= 64, 1, printf('%.1000c', 'x')) FROM n`)
    connection.close()
    const { exportPath, rows } = await place.export({
      format,
      where: { t: 'rowid <= 10000 OR rowid > 12500' },
    })
    expect(rows).toBe(11_500)
    const imported = await place.database.importData({ from: exportPath, to: place.target })
    expect(imported).toMatchObject({ success: true, rows })
  }
})

test('a large table with a generated column that only its application computes is exported', async () => {
  using place = new Workplace()
  const connection = openDatabase(place.source)
  connection.function('own', { deterministic: true }, value => value)
  connection.exec(`CREATE TABLE t (v, g AS (own(v))); WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 6000)
    INSERT INTO t (v) SELECT printf('%.1000c', 'x') FROM n`)
  connection.close()
  expect(await place.export({ format: 'json' })).toMatchObject({ rows: 6_000 })
})

test('a table of very many columns is kept by every format', async () => {
  for (const format of FORMATS) {
    using place = new Workplace()
    const columns = Array.from({ length: 1999 }, (_, i) => `"c ${i}"`)
    buildDatabase(
      place.source,
      `CREATE TABLE t (${columns.join()}); INSERT INTO t (rowid, "c 0", "c 1998") VALUES (-3, 'x', 1.0), (8, x'00', NULL)`,
    )
    await place.expectSame({ format })
  }
})

test('CRLF in names is kept by every format', async () => {
  for (const format of FORMATS) {
    using place = new Workplace()
    buildDatabase(
      place.source,
      'CREATE TABLE "a\r\nb" ("c\r\nd" DEFAULT \'e\r\nf\');\r\nINSERT INTO "a\r\nb" DEFAULT VALUES; CREATE VIEW v AS\r\nSELECT * FROM "a\r\nb"',
    )
    await place.expectSame({ format })
  }
})

test.each([' ', '5', '-', '.', 'e', 'X', "'", '(', '"', '\n', '\ud800', ',,', ''])(
  'CSV with the delimiter %j, which could not be told from values, is refused',
  async delimiter => {
    using place = new Workplace()
    buildDatabase(place.source, 'CREATE TABLE t (a)')
    const result = await place.database.exportData({ format: 'csv', csv: { delimiter } })
    expect(failedWith('INVALID_ARGUMENT', result).message).toContain('Not a delimiter')
  },
)

test('what stands behind a statement in the schema, but for space, is kept when its SQL is loaded', async () => {
  using place = new Workplace()
  buildDatabase(
    place.source,
    'CREATE TABLE t (a ANY) STRICT -- why\n; CREATE TABLE "s -- t" (a INT) STRICT ; CREATE INDEX i ON t (a) /* x */; CREATE INDEX j ON t (a) WHERE a > 0 -- no end',
  )
  const { exportPath } = await place.export({ format: 'sql' })
  const target = new DatabaseSync(place.target)
  target.exec(readFileSync(exportPath, 'utf8'))
  expect(target.prepare('SELECT trim(sql, char(32, 10)) AS sql FROM sqlite_schema').all()).toMatchObject([
    { sql: 'CREATE TABLE t (a ANY) STRICT -- why' },
    { sql: 'CREATE TABLE "s -- t" (a INT) STRICT' },
    { sql: 'CREATE INDEX i ON t (a) /* x */' },
    { sql: 'CREATE INDEX j ON t (a) WHERE a > 0 -- no end' },
  ])
  target.close()
})

test('a comment in the schema that has no end hides nothing of what follows it in SQL', async () => {
  using place = new Workplace()
  buildDatabase(place.source, 'CREATE TABLE t (a INT) STRICT /* open')
  const connection = new DatabaseSync(place.source)
  connection.exec('INSERT INTO t VALUES (1); CREATE INDEX i ON t (a) /* "open; */ /* \'again')
  connection.exec("CREATE VIEW v AS SELECT '/* no comment' AS a -- nor /* this")
  connection.close()
  const { exportPath } = await place.export({ format: 'sql' })
  const target = new DatabaseSync(place.target)
  target.exec(readFileSync(exportPath, 'utf8'))
  expect(target.prepare('SELECT name, count(a) n FROM sqlite_schema, t GROUP BY 1').all()).toMatchObject([
    { name: 'i', n: 1 },
    { name: 't', n: 1 },
    { name: 'v', n: 1 },
  ])
  target.close()
})
