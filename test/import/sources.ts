/** Databases with everything in them that is easily lost on the way. */
import { buildDatabase, type DatabaseForm } from '../support/databases.ts'

export interface Source {
  readonly name: string
  readonly form?: DatabaseForm
  readonly sql: string
}

const VALUES = `
  CREATE TABLE "values" (id INTEGER PRIMARY KEY, v);
  INSERT INTO "values" (v) VALUES (NULL), (''), (0), (1), (1.0), (-0.5), ('1'), ('1.0'), (9223372036854775807),
    (-9223372036854775808), (9007199254740993), (1e300), (5e-324), (1.7976931348623157e308), (0.1), (9e999), (-9e999),
    (x''), (x'00'), (x'00ff80'), ('null'), ('NULL'), ('X''00'''), ('a,"b"' || char(13, 10) || 'c'), (char(10)), ('''='),
    ('\\'), ('\\n\\u0041"'), (char(0)), ('a' || char(0) || 'b'), ('größer 😀 ' || char(8232)), (char(65279) || 'x'),
    (CAST(x'80' AS TEXT)), (CAST(x'edA080' AS TEXT)), (CAST(x'610080ff' AS TEXT)), ('{"$blob":"AA=="}'), (zeroblob(70000));
`

export const SOURCES: readonly Source[] = [
  { name: 'values of every kind', sql: VALUES },
  {
    name: 'settings',
    form: { pageSize: 8192, autoVacuum: 'incremental', journalMode: 'delete' },
    sql: `${VALUES} PRAGMA user_version = -5; PRAGMA application_id = 1130918221`,
  },
  {
    name: 'UTF-16 text',
    form: { encoding: 'UTF-16le', pageSize: 512, autoVacuum: 'full' },
    sql: `CREATE TABLE t (a TEXT, b); INSERT INTO t VALUES ('größer 😀', 1), ('', 2.0), (char(0) || 'x', CAST(x'00d8' AS TEXT)), (NULL, x'0102')`,
  },
  {
    name: 'tables of every kind',
    sql: `
      CREATE TABLE plain (a, b); INSERT INTO plain (rowid, a, b) VALUES (-3, 1, 2), (7, 'x', NULL), (9223372036854775807, 3, 4);
      CREATE TABLE shadowing (rowid, _rowid_ TEXT); INSERT INTO shadowing (oid, rowid, _rowid_) VALUES (5, 'a', 'b');
      CREATE TABLE without (k TEXT PRIMARY KEY, v) WITHOUT ROWID; INSERT INTO without VALUES ('1', 1), ('2', 2.5);
      CREATE TABLE strict_one (i INTEGER, r REAL, t TEXT, b BLOB, x ANY) STRICT;
      INSERT INTO strict_one VALUES (1, 2, '3', x'04', '5'), (1, 2.5, '3', x'04', 5), (1, 2, '3', x'04', 5.0);
      CREATE TABLE affine (i INTEGER, r REAL, n NUMERIC, t TEXT);
      INSERT INTO affine VALUES (1.5, 1, 1e300, 1), ('x', 'y', 'z', 2.0), (x'01', x'02', x'03', x'04');
      CREATE TABLE generated (a, v AS (a + 1), s AS (a || 'x') STORED); INSERT INTO generated (a) VALUES (1), ('q');
      CREATE TABLE counted (id INTEGER PRIMARY KEY AUTOINCREMENT, a);
      INSERT INTO counted (id, a) VALUES (1000, 'x'); DELETE FROM counted; INSERT INTO counted (a) VALUES ('y');
      UPDATE sqlite_sequence SET seq = 5000; CREATE TABLE empty (a, b);
      CREATE TABLE defaults (a DEFAULT (lower(hex(randomblob(8)))), b DEFAULT CURRENT_TIMESTAMP); INSERT INTO defaults DEFAULT VALUES;
      CREATE INDEX partial ON plain (lower(a)) WHERE b IS NOT NULL; CREATE UNIQUE INDEX uniq ON affine (t DESC);
      ANALYZE`,
  },
  {
    name: 'virtual tables',
    sql: `
      CREATE VIRTUAL TABLE f5 USING fts5 (a, b, prefix = '2'); INSERT INTO f5 VALUES ('hello world', 'x'), ('it''s', 'y');
      CREATE VIRTUAL TABLE f4 USING fts4 (a); INSERT INTO f4 VALUES ('hello world');
      CREATE VIRTUAL TABLE rt USING rtree (id, x0, x1); INSERT INTO rt VALUES (1, 2, 3), (2, 3, 4);
      CREATE TABLE doc (id INTEGER PRIMARY KEY, t); CREATE VIRTUAL TABLE ex USING fts5 (t, content = doc, content_rowid = id);
      INSERT INTO doc VALUES (1, 'one two'); INSERT INTO ex (rowid, t) VALUES (1, 'one two')`,
  },
  {
    name: 'references in cycles, views and triggers',
    sql: `
      PRAGMA foreign_keys = OFF;
      CREATE TABLE p (id INTEGER PRIMARY KEY, c REFERENCES q (id)); CREATE TABLE q (id INTEGER PRIMARY KEY, c REFERENCES p (id));
      INSERT INTO p VALUES (1, 1), (2, NULL); INSERT INTO q VALUES (1, 2);
      CREATE TABLE log (what); CREATE VIEW v AS SELECT * FROM p; CREATE VIEW of_nothing AS SELECT * FROM gone;
      CREATE TRIGGER t1 AFTER INSERT ON p BEGIN INSERT INTO log VALUES (CASE WHEN 1 THEN 'a;b' END); END;
      CREATE TRIGGER t2 INSTEAD OF INSERT ON v BEGIN SELECT load_extension('x'); INSERT INTO log VALUES (2); END`,
  },
  {
    name: 'odd names',
    sql: `
      CREATE TABLE "a ""quoted"" table" ("sel ect", "1", "0", "x""y", "größe", "__proto__", "$blob", [a]]);
      INSERT INTO "a ""quoted"" table" VALUES (1, 2, 3, 4, 5, 6, 7, 8);
      CREATE TABLE __proto__ (constructor, "toString"); INSERT INTO __proto__ VALUES (1, 'x');
      CREATE TABLE "42" (a); INSERT INTO "42" VALUES (1); CREATE TABLE "select" ("from" PRIMARY KEY) WITHOUT ROWID;
      CREATE TABLE "../x
y" ("c'd"); INSERT INTO "../x
y" VALUES ('e'); CREATE INDEX "i ""1""" ON "select" ("from"); CREATE VIEW "v;w" AS SELECT ';' AS "END;"`.replace(
      '[a]])',
      '"a]")',
    ),
  },
]

export function buildSource(path: string, { sql, form }: Source): void {
  buildDatabase(path, sql, form)
}
