/** Databases made to harm whoever reads them: each is sound to look at, and keeps SQLite busy or leads it astray. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'

/** Makes a database of `sql`, whose schema nobody checks. */
export function buildHostile(path: string, sql: string): void {
  for (const suffix of ['', '-wal', '-shm', '-journal']) rmSync(`${path}${suffix}`, { force: true })
  const connection = new DatabaseSync(path, { defensive: false })
  connection.exec('PRAGMA page_size = 512')
  connection.function('of_the_app', { deterministic: true }, value => value as null)
  connection.exec(sql)
  connection.close()
}

/** For a = 10 it compares a megabyte at each of four million places; in SQL text, quotes doubled. */
const SLOW = "instr(hex(zeroblob(a * 200000)), hex(zeroblob(a * 50000)) || ''1'')"

/** What would keep SQLite's check of it busy for hours. */
export const BUSY: Readonly<Record<string, string>> = {
  'an index on an expression that takes hours to evaluate': `
    CREATE TABLE t (a);
    INSERT INTO t VALUES (10);
    CREATE INDEX i ON t (a + 1);
    PRAGMA writable_schema = ON;
    UPDATE sqlite_schema SET sql = 'CREATE INDEX i ON t (${SLOW})' WHERE name = 'i';`,
  'a full-text table over a view without an end': `
    CREATE VIEW endless AS WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x AS rowid, 'a' AS body FROM n;
    CREATE VIRTUAL TABLE f USING fts4(content="endless", body);`,
}

/**
 * A table whose b-tree is fifteen pages deep, every one of which names the next one sixty times: to count its
 * rows is to visit more pages than there are atoms. With one level it has one row, sixty-one times.
 */
export function endlessTree(path: string, levels: number = 15): void {
  buildHostile(path, "CREATE TABLE t (a); INSERT INTO t VALUES ('leaf')")
  const pageSize = 512
  const leaf = readFileSync(path)
  const bytes = Buffer.concat([leaf, Buffer.alloc(levels * pageSize)])
  leaf.copy(bytes, (1 + levels) * pageSize, pageSize, 2 * pageSize)
  for (let level = 0; level < levels; level++)
    writeInterior(bytes.subarray((1 + level) * pageSize), 3 + level, pageSize)
  bytes.writeUInt32BE(2 + levels, 28)
  writeFileSync(path, bytes)
}

/** An interior page of a table's b-tree, all of whose children are one page. */
function writeInterior(page: Buffer, child: number, pageSize: number): void {
  const cells = 60
  const cellBytes = 5
  page.fill(0, 0, pageSize)
  page[0] = 0x05
  page.writeUInt16BE(cells, 3)
  page.writeUInt16BE(pageSize - cells * cellBytes, 5)
  page.writeUInt32BE(child, 8)
  for (let cell = 0; cell < cells; cell++) {
    const at = pageSize - (cell + 1) * cellBytes
    page.writeUInt16BE(at, 12 + 2 * cell)
    page.writeUInt32BE(child, at)
    page[at + 4] = cell + 1
  }
}

/** A schema that cannot be read without functions, modules or collations that only an application has, or that refers in circles. */
export const UNKNOWN: Readonly<Record<string, string>> = {
  'an index on a function of its application':
    'CREATE TABLE t (a); INSERT INTO t VALUES (1); CREATE INDEX i ON t (of_the_app(a)); CREATE TABLE other (b)',
  'a generated column by a function of its application':
    'CREATE TABLE t (a, b AS (of_the_app(a)) STORED); INSERT INTO t (a) VALUES (1)',
  'a constraint with a function of its application':
    'CREATE TABLE t (a CHECK (of_the_app(a) IS NOT 2)); INSERT INTO t VALUES (1)',
  'a trigger and a view that call what is not there': `
    CREATE TABLE t (a);
    CREATE VIEW v AS SELECT no_such_function(a) FROM no_such_table;
    CREATE TRIGGER r AFTER INSERT ON t BEGIN SELECT no_such_function(1); END;`,
  'a view of itself': `
    CREATE TABLE t (a); CREATE VIEW v AS SELECT 1 AS x;
    PRAGMA writable_schema = ON;
    UPDATE sqlite_schema SET sql = 'CREATE VIEW v AS SELECT x FROM v' WHERE name = 'v';`,
  'a virtual table of a module that is not there': `
    CREATE TABLE t (a);
    PRAGMA writable_schema = ON;
    INSERT INTO sqlite_schema VALUES ('table', 'm', 'm', 0, 'CREATE VIRTUAL TABLE m USING no_such_module(x)');`,
  'a view that doubles fifty times': `
    CREATE TABLE t (a); CREATE VIEW v0 AS SELECT a AS x FROM t;
    ${Array.from({ length: 50 }, (_, i) => `CREATE VIEW v${i + 1} AS SELECT a.x AS x FROM v${i} a, v${i} b;`).join('\n')}`,
}

/** A schema that was written by hand. */
export const TRICKED: Readonly<Record<string, string>> = {
  'two tables on one page': `
    CREATE TABLE t (a); CREATE TABLE u (a);
    PRAGMA writable_schema = ON;
    UPDATE sqlite_schema SET rootpage = (SELECT rootpage FROM sqlite_schema WHERE name = 't') WHERE name = 'u';`,
  'a table on the schema’s own page': `
    CREATE TABLE t (a);
    PRAGMA writable_schema = ON;
    UPDATE sqlite_schema SET rootpage = 1 WHERE name = 't';`,
  'a table whose statement is no SQL': `
    CREATE TABLE t (a);
    PRAGMA writable_schema = ON;
    UPDATE sqlite_schema SET sql = 'CREATE TABLE t (a' || char(0, 10) || '; DROP TABLE t' WHERE name = 't';`,
  'a table beyond the end of the file': `
    CREATE TABLE t (a);
    PRAGMA writable_schema = ON;
    UPDATE sqlite_schema SET rootpage = 4000 WHERE name = 't';`,
  'a schema table of its own name': `
    CREATE TABLE t (a);
    PRAGMA writable_schema = ON;
    UPDATE sqlite_schema SET name = 'sqlite_schema', tbl_name = 'sqlite_schema', sql = 'CREATE TABLE sqlite_schema (a)';`,
  'an index on a table of columns that are not there': `
    CREATE TABLE t (a); CREATE INDEX i ON t (a);
    PRAGMA writable_schema = ON;
    UPDATE sqlite_schema SET sql = 'CREATE INDEX i ON t (nowhere)' WHERE name = 'i';`,
}
