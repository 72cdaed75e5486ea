import { spawnSync } from 'node:child_process'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, test } from 'vitest'
import { StatementCutter } from '../../src/import/sql-statements.ts'
import { buildDatabase } from '../support/databases.ts'
import { testWith } from '../support/requirements.ts'
import { readContent } from './build-export.ts'
import { Place } from './place.ts'
import { SOURCES, type Source } from './sources.ts'

/** What `.dump` writes, as bytes: text in it may be no UTF-8. */
function dump(path: string): Buffer {
  const { status, stdout, stderr } = spawnSync('sqlite3', [path, '.dump'], { maxBuffer: 1 << 28 })
  if (status !== 0) throw new Error(String(stderr))
  return stdout
}

/** `.dump` cuts text at its first NUL, and leaves out settings and the rowids of tables without a column for them. */
const DUMPED: readonly Source[] = SOURCES.map(source => ({
  ...source,
  form: { ...source.form, pageSize: 4096, autoVacuum: 'none', journalMode: 'delete' },
  sql: source.sql
    .replaceAll("(char(0)), ('a' || char(0) || 'b'), ", '')
    .replaceAll("(CAST(x'610080ff' AS TEXT)), ", '')
    .replaceAll("(char(0) || 'x', CAST(x'00d8' AS TEXT)), ", '')
    .replaceAll(
      'INSERT INTO plain (rowid, a, b) VALUES (-3, 1, 2), (7,',
      'INSERT INTO plain (rowid, a, b) VALUES (1, 1, 2), (2,',
    )
    .replaceAll('(9223372036854775807, 3, 4)', '(3, 3, 4)')
    .replaceAll('(oid, rowid, _rowid_) VALUES (5,', '(oid, rowid, _rowid_) VALUES (1,')
    .replaceAll(/PRAGMA (?:user_version|application_id)[^;]*;?/g, ''),
}))

describe.each(DUMPED)('what sqlite3 .dump writes of a database with $name', source => {
  testWith(['sqlite3'], 'is imported, and is as much as there is in it', async () => {
    const place = new Place()
    buildDatabase(place.source, source.sql, source.form)
    const imported = await place.imported(place.file('dump.sql', dump(place.source)))
    expect(imported).toMatchObject({ format: 'sql', notes: [], sensitive: null })
    const [before, after] = [place.source, place.target].map(path => readContent(path))
    // `.dump` has no encoding.
    if (source.form?.encoding === undefined) expect(after?.rows).toEqual(before?.rows)
    expect(after?.schema.objects.map(({ sql }) => sql).toSorted()).toEqual(
      before?.schema.objects.map(({ sql }) => sql).toSorted(),
    )
  })
})

const HEAD = `-- Chame Backup export
-- metadata: ${JSON.stringify({ format: 'sql', version: 1, database: 'x', created_at: '2026', created_by: 'x', backup: null, sqlite_version: '3', sensitive: false, redacted: [{ table: 't', column: 'p', how: 'omit' }], left_out: [] })}
PRAGMA page_size = 1024;
PRAGMA encoding = 'UTF-16be';
PRAGMA auto_vacuum = 1;
PRAGMA foreign_keys = OFF;
BEGIN TRANSACTION;
CREATE TABLE t (a, b);
CREATE TABLE chame_backup_sequence (id INTEGER PRIMARY KEY AUTOINCREMENT);
DROP TABLE chame_backup_sequence;
CREATE TABLE n (id INTEGER PRIMARY KEY AUTOINCREMENT)
;
ANALYZE sqlite_master;
`
const ROWS = `INSERT INTO t (rowid, a, b) VALUES (5, 'x;
-- no comment; /* nor this', X'00'), (9, 9.0e+999, -9.0e+999);
INSERT INTO "t" VALUES (CAST(X'd83d' AS TEXT), /* a comment; */ 1.0); -- behind;
INSERT INTO n VALUES (3);
DELETE FROM sqlite_stat1;
INSERT INTO "sqlite_stat1"("tbl","idx","stat") VALUES('t',NULL,'3');
DELETE FROM sqlite_sequence;
INSERT INTO sqlite_sequence (rowid, name, seq) VALUES (4, 'n', 77);
`
const TAIL = `CREATE INDEX i ON t (b) WHERE a > 1;
CREATE VIEW "v;w" AS SELECT ';' AS "x;";
CREATE TRIGGER tr AFTER INSERT ON t BEGIN SELECT CASE WHEN 1 THEN 2 END; INSERT INTO n VALUES (NULL); END;
PRAGMA user_version = 12;
PRAGMA application_id = -3;
COMMIT;
PRAGMA journal_mode = WAL;
-- summary: {"tables":{"t":3,"n":1,"sqlite_sequence":1,"sqlite_stat1":1},"rows":6,"lost":[]}
`

describe('our own SQL', () => {
  test('is imported with its settings, and what it says of itself', async () => {
    const place = new Place()
    const imported = await place.imported(place.file('export.sql', HEAD + ROWS + TAIL))
    expect(imported).toMatchObject({
      format: 'sql',
      tables: { t: 3, n: 1, sqlite_sequence: 1, sqlite_stat1: 1 },
      rows: 6,
      sensitive: false,
      redacted: [{ table: 't', column: 'p', how: 'omit' }],
      notes: [],
    })
    const { schema, rows } = readContent(place.target)
    expect(schema.settings).toEqual({
      page_size: 1024,
      encoding: 'UTF-16be',
      auto_vacuum: 1,
      user_version: 12,
      application_id: -3,
      journal_mode: 'wal',
    })
    expect(rows.get('t')?.map(([rowid]) => rowid?.bytes.toString('latin1').replaceAll('\0', ''))).toEqual([
      '5',
      '9',
      '10',
    ])
    expect(schema.objects).toHaveLength(5)
  })

  test('is imported behind a byte order mark, too, as some editors put it there', async () => {
    const place = new Place()
    const imported = await place.imported(place.file('export.sql', `\ufeff${HEAD}${ROWS}${TAIL}`))
    expect(imported).toMatchObject({ rows: 6, sensitive: false })
  })

  test('is refused when it was cut off at any line', async () => {
    const lines = (HEAD + ROWS + TAIL).split('\n').slice(0, -1)
    for (let count = 1; count < lines.length; count++) {
      const place = new Place()
      const from = place.file('export.sql', `${lines.slice(0, count).join('\n')}\n`)
      expect(await place.refused('EXPORT_INVALID', from), lines[count]).toMatch(/cut off|no SQL/)
    }
  })

  test('is refused when its rows are not those it tells of', async () => {
    const place = new Place()
    const from = place.file('export.sql', HEAD + ROWS.replace('INSERT INTO n VALUES (3);\n', '') + TAIL)
    expect(await place.refused('EXPORT_INVALID', from)).toContain(
      'table "n" has 0 rows, but the summary tells of 1',
    )
  })
})

test.each([
  ['ATTACH', "ATTACH 'evil.db' AS e;"],
  ['DETACH', 'DETACH main;'],
  ['a pragma', 'PRAGMA temp_store_directory = "/tmp";'],
  ['a pragma that reads', 'PRAGMA integrity_check;'],
  ['a journal mode that makes files of other names', 'PRAGMA journal_mode = OFF;'],
  ['a query', "SELECT load_extension('/tmp/evil.so');"],
  ['a function in a row', "INSERT INTO t VALUES (load_extension('/tmp/evil.so'));"],
  ['a row that is read from a table', 'INSERT INTO t SELECT sql FROM sqlite_schema;'],
  [
    'an endless row',
    'INSERT INTO t WITH RECURSIVE x (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM x) SELECT i FROM x;',
  ],
  ['a swollen row', 'INSERT INTO t VALUES (zeroblob(1000000000));'],
  ['a schema of its own', "INSERT INTO sqlite_schema VALUES ('table', 'x', 'x', 2, 'CREATE TABLE x (a)');"],
  [
    'an ordinary table in the schema',
    "INSERT INTO sqlite_schema(type,name,tbl_name,rootpage,sql)VALUES('table','x','x',0,'CREATE TABLE x (a)');",
  ],
  [
    'a foreign page in the schema',
    "INSERT INTO sqlite_schema(type,name,tbl_name,rootpage,sql)VALUES('table','x','x',2,'CREATE VIRTUAL TABLE x USING fts5(a)');",
  ],
  ['a change of the schema', "UPDATE sqlite_schema SET sql = 'x';"],
  ['deleting', 'DELETE FROM t;'],
  ['a table of a query', 'CREATE TABLE u AS SELECT * FROM t;'],
  ['a temporary table', 'CREATE TEMP TABLE u (a);'],
  ['a virtual table that is run', 'CREATE VIRTUAL TABLE u USING fts5 (a);'],
  ['a check that loads', "CREATE TABLE u (a CHECK (load_extension('x')));"],
  ['an index that loads', "CREATE INDEX u ON t (load_extension('x'));"],
  ['a trigger elsewhere', 'CREATE TRIGGER temp.u AFTER INSERT ON t BEGIN SELECT 1; END;'],
  ['VACUUM INTO', "VACUUM INTO '/tmp/evil.db';"],
  ['DROP', 'DROP TABLE t;'],
  ['ALTER', 'ALTER TABLE t RENAME TO u;'],
  ['a savepoint', 'SAVEPOINT x;'],
  ['explaining', 'EXPLAIN SELECT 1;'],
  ['REPLACE', 'REPLACE INTO t VALUES (1);'],
  ['an upsert of another kind', 'INSERT OR IGNORE INTO t VALUES (1);'],
  ['a command of the shell', '.shell touch /tmp/evil'],
  ['another one', '.load evil.so'],
  ['nonsense', 'HELLO;'],
  ['a syntax error', 'INSERT INTO t VALUES (;'],
  ['a missing table', 'INSERT INTO gone VALUES (1);'],
  ['a table twice', 'CREATE TABLE t (a);'],
  ['a dump that met an error', 'ROLLBACK; -- due to errors'],
])('SQL with %s is refused with its line, and nothing is made', async (_, statement) => {
  const place = new Place()
  const from = place.file(
    'evil.sql',
    `PRAGMA foreign_keys = OFF;\nBEGIN;\nCREATE TABLE t (a);\n${statement}\nCOMMIT;\n`,
  )
  expect(await place.refused('EXPORT_INVALID', from)).toContain('(line 4)')
})

test('a hostile trigger or view is taken over, but never run', async () => {
  const place = new Place()
  const sql = `CREATE TABLE t (a); CREATE TABLE u (a); CREATE TRIGGER x AFTER INSERT ON t BEGIN INSERT INTO u VALUES (load_extension('x')); END;
    CREATE VIEW v AS SELECT load_extension('x'); INSERT INTO t VALUES (1);`
  expect(await place.imported(place.file('x.sql', sql))).toMatchObject({ tables: { t: 1, u: 0 } })
})

test('what only its application has is no reason to lose the data', async () => {
  const place = new Place()
  const sql = `CREATE TABLE t (a CHECK (own(a)), b COLLATE mine); INSERT INTO t VALUES (1, 'x');
    CREATE INDEX i ON t (own(a)); CREATE INDEX j ON t (b);
    INSERT INTO sqlite_schema(type,name,tbl_name,rootpage,sql)VALUES('table','f','f',0,'CREATE VIRTUAL TABLE f USING fts5(x, tokenize=own)');
    CREATE TABLE 'f_content'(id INTEGER PRIMARY KEY, c0); INSERT INTO f_content VALUES (1, 'y');`
  const { notes, tables } = await place.imported(place.file('x.sql', sql))
  expect(tables).toMatchObject({ t: 1 })
  expect(notes.join('\n')).toContain('CREATE INDEX i ON t (own(a))')
  expect(notes.join('\n')).toContain('CREATE INDEX j ON t (b)')
  const connection = new DatabaseSync(place.target)
  const schema = connection.prepare('SELECT name, sql FROM sqlite_schema').all()
  expect(schema.map(({ name }) => name)).toEqual(['t', 'f_content', 'f'])
  expect(schema[0]?.['sql']).toBe('CREATE TABLE t (a CHECK (own(a)), b COLLATE mine)')
  connection.close()
})

test('a value of ten million apostrophes is imported, and as many in the schema are refused', async () => {
  const apostrophes = "''".repeat(10_000_000)
  const bytes = Buffer.from(
    `CREATE TABLE t (a); INSERT INTO t VALUES ('${apostrophes}'), ('\xff${apostrophes}');`,
    'latin1',
  )
  const place = new Place()
  await place.imported(place.file('x.sql', bytes))
  using connection = new DatabaseSync(place.target)
  expect(connection.prepare('SELECT octet_length(a) AS bytes FROM t').all()).toEqual([
    { bytes: 10_000_000 },
    { bytes: 10_000_001 },
  ])
  const other = new Place()
  const entry = `INSERT INTO sqlite_schema(type,name,tbl_name,rootpage,sql)VALUES('table','${apostrophes}','f',0,'x');`
  expect(await other.refused('EXPORT_INVALID', other.file('x.sql', entry))).toContain('only virtual tables')
})

test('a table that is in the order of a collation which only its application has is refused', async () => {
  const place = new Place()
  const from = place.file('x.sql', 'CREATE TABLE t (a COLLATE mine PRIMARY KEY);')
  expect(await place.refused('EXPORT_INVALID', from)).toContain('cannot be made without the collation "mine"')
})

test('a row that is stored with what only its application computes is refused', async () => {
  const place = new Place()
  const from = place.file('x.sql', 'CREATE TABLE t (a, b AS (own(a)) STORED); INSERT INTO t(a) VALUES (1);')
  expect(await place.refused('EXPORT_INVALID', from)).toContain('it needs the function own')
})

test('statements are cut where SQLite cuts them, however the bytes come', () => {
  const statements = [
    'CREATE TABLE "a;b" (x DEFAULT \'c;d\', [e;f], `g;h`);',
    "INSERT INTO t VALUES ('it''s; fine', /* ; */ 2);",
    'CREATE TEMP TRIGGER x AFTER INSERT ON t BEGIN SELECT 1; SELECT CASE 1 WHEN 1 THEN 2 END; END;',
    'create /* x */ trigger y after insert on t begin select ";end;"; end;',
    'SELECT 1 -- ; not here\n;',
  ]
  const text = Buffer.from(`;;\n${statements.join(' ;\n')}\n-- a comment;\n`)
  for (const size of [1, 2, 3, 7, text.length]) {
    const cut: string[] = []
    const comments: string[] = []
    const cutter = new StatementCutter({
      statement: bytes => cut.push(bytes.toString().trim()),
      comment: bytes => comments.push(bytes.toString()),
    })
    for (let at = 0; at < text.length; at += size) cutter.write(text.subarray(at, at + size))
    cutter.end()
    expect(cut).toEqual(statements)
    expect(comments).toEqual([' a comment;'])
  }
})

test('a comment of several lines between two statements hides neither of them', async () => {
  const place = new Place()
  const sql = 'CREATE TABLE a (x);\n/* of\n   several; lines\n*/\nCREATE TABLE b (x);\n/*\n*/\n'
  const { tables } = await place.imported(place.file('x.sql', sql))
  expect(tables).toEqual({ a: 0, b: 0 })
})
