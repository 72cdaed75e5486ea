/** Databases made to exhaust the memory of whoever reads them: small themselves, and sound to look at. */
import { readFileSync, writeFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { buildHostile } from './hostile.ts'

/** Nearly as large as a value may be. */
const HUGE = 499_999_000

/** Puts a statement into the schema that SQLite would not have run to the end. */
function become(name: string, sql: string): string {
  return `PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = '${sql.replaceAll("'", "''")}' WHERE name = '${name}';`
}

const rows = `CREATE TABLE t (a, b); INSERT INTO t VALUES (${HUGE}, 1), (${HUGE - 1}, 2), (${HUGE - 2}, 3);`

/** Operations as greedy.test.ts names them. */
type Operations = readonly string[]

export interface Greed {
  readonly build: (path: string) => void
  /** What of it can be read, where that is not the table `t`. */
  readonly readable?: string
  /** Where whoever reads it is ended, because there is no end of what it wants. Elsewhere it is refused, or modest. */
  readonly endedAt?: Operations
  /** What keeps the processor busy for long before it is ended. */
  readonly slowAt?: Operations
  /** Left out of runs that are not full. */
  readonly isSlow?: boolean
}

/** By what they have in them. */
export const GREEDY: Readonly<Record<string, Greed>> = {
  'an index on an expression that makes a gigabyte': {
    build: path =>
      buildHostile(
        path,
        `${rows} CREATE INDEX i ON t (a + 1); ${become('i', 'CREATE INDEX i ON t (hex(zeroblob(a)))')}`,
      ),
    endedAt: ['import'],
  },
  'a partial index whose condition makes a gigabyte': {
    build: path =>
      buildHostile(
        path,
        `${rows} CREATE INDEX i ON t (b) WHERE a > 0; ${become('i', 'CREATE INDEX i ON t (b) WHERE length(hex(zeroblob(a))) > 0')}`,
      ),
    endedAt: ['import'],
    isSlow: true,
  },
  'a generated column of a gigabyte': {
    build: path =>
      buildHostile(
        path,
        `${rows} ${become('t', 'CREATE TABLE t (a, b, c TEXT NOT NULL AS (hex(zeroblob(a))))')}`,
      ),
    endedAt: ['rows', 'query', 'import'],
    isSlow: true,
  },
  'a generated column of thirty values of a gigabyte': {
    build: path =>
      buildHostile(
        path,
        `${rows} ${become('t', `CREATE TABLE t (a, b, ${Array.from({ length: 30 }, (_, i) => `c${i} TEXT NOT NULL AS (hex(zeroblob(a - ${i})))`).join(', ')})`)}`,
      ),
    endedAt: ['rows', 'query', 'import'],
    slowAt: ['import'],
  },
  'a default of a gigabyte': {
    build: path =>
      buildHostile(
        path,
        `${rows} ${become('t', `CREATE TABLE t (a, b, c TEXT NOT NULL DEFAULT (hex(zeroblob(${HUGE}))))`)}`,
      ),
    isSlow: true,
  },
  'a view without an end that is sorted': {
    build: path =>
      buildHostile(
        path,
        `CREATE TABLE t (a); CREATE VIEW v AS WITH RECURSIVE n (x) AS (SELECT 1 UNION SELECT x + 1 FROM n)
        SELECT x AS rowid, x || hex(zeroblob(500)) AS body FROM n ORDER BY body;
        CREATE VIRTUAL TABLE f USING fts4(content="v", body);`,
      ),
    readable: 'v',
    endedAt: [
      'create, quick check',
      'create, full check',
      'verify',
      'look inside',
      'rows',
      'query',
      'import',
      'restore',
    ],
    slowAt: ['create, full check', 'look inside', 'rows', 'query', 'import', 'restore'],
  },
  'a view that joins everything to one text': {
    build: path =>
      buildHostile(
        path,
        `CREATE TABLE t (a); CREATE VIEW v AS WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n)
        SELECT 1 AS rowid, group_concat(hex(zeroblob(5000000))) AS body FROM n;
        CREATE VIRTUAL TABLE f USING fts4(content="v", body);`,
      ),
    readable: 'v',
    endedAt: ['look inside', 'query', 'rows'],
    slowAt: ['create, full check', 'verify', 'look inside', 'rows', 'restore'],
  },
  'a thousand tables of two thousand columns': {
    build: path => {
      const columns = Array.from({ length: 1_990 }, (_, i) => i.toString(36))
        .map(name => `"${name}"`)
        .join()
      const statements = Array.from({ length: 1_000 }, (_, i) => `CREATE TABLE t${i} (${columns});`)
      buildHostile(path, `PRAGMA synchronous = OFF; BEGIN; ${statements.join('')} COMMIT;`)
    },
    readable: 't1',
    isSlow: true,
  },
  'a constraint of two million terms': {
    build: path =>
      buildHostile(
        path,
        `${rows} ${become('t', `CREATE TABLE t (a, b, CHECK (a IN (${'1,'.repeat(2_000_000)}1)))`)}`,
      ),
    isSlow: true,
  },
  'JSON nine hundred deep and four megabytes long, and an index on it eight times': {
    build: path =>
      buildHostile(
        path,
        `CREATE TABLE t (a); INSERT INTO t VALUES ('${'['.repeat(900)}${'1,'.repeat(2_000_000)}1${']'.repeat(900)}');
        CREATE INDEX i ON t (json_array(${Array<string>(8).fill('json(a)').join()}));`,
      ),
    isSlow: true,
  },
  'a record that says it has two gigabytes': {
    build: path => {
      buildHostile(path, "CREATE TABLE t (a, b); INSERT INTO t VALUES ('hello', 'world')")
      const bytes = readFileSync(path)
      const at = bytes.indexOf('helloworld') - 5
      Buffer.from([0x87, 0xff, 0xff, 0xff, 0x7f]).copy(bytes, at)
      writeFileSync(path, bytes)
    },
  },
  'a value of two gigabytes in a record of ten bytes': {
    build: path => {
      buildHostile(path, "CREATE TABLE t (a, b); INSERT INTO t VALUES ('hello', 'world')")
      const bytes = readFileSync(path)
      const at = bytes.indexOf('helloworld') - 3
      Buffer.from([0x05, 0x8f, 0xff, 0xff, 0xff, 0x7d]).copy(bytes, at)
      writeFileSync(path, bytes)
    },
    isSlow: true,
  },
  'a full-text table whose index says what is not there': {
    build: path => {
      const connection = new DatabaseSync(path, { defensive: false })
      connection.exec(`PRAGMA page_size = 512; CREATE VIRTUAL TABLE f USING fts5(a); INSERT INTO f VALUES ('one two'), ('three');
      PRAGMA writable_schema = ON;
      UPDATE f_data SET block = unhex('0000000082ffffff7f82ffffff7f82ffffff7f') WHERE id = 10;
      UPDATE f_data SET block = unhex('ffffffffffffffff7fffffffffffffffff7f') WHERE id = 1;`)
      connection.close()
    },
    readable: 'f',
  },
  'a full-text table of one term a thousand million times': {
    build: path => {
      const connection = new DatabaseSync(path, { defensive: false })
      connection.exec(`PRAGMA page_size = 512; CREATE VIRTUAL TABLE f USING fts4(a); INSERT INTO f VALUES ('one two'), ('three');
      UPDATE f_segdir SET root = unhex('00ffffffff7f616161') ;`)
      connection.close()
    },
    readable: 'f',
    isSlow: true,
  },
  'an r-tree whose node says it has sixty thousand cells': {
    build: path => {
      const connection = new DatabaseSync(path, { defensive: false })
      connection.exec(`CREATE VIRTUAL TABLE r USING rtree(id, a, b); INSERT INTO r VALUES (1, 2, 3);
      UPDATE r_node SET data = unhex('0028ffff') || zeroblob(60000);`)
      connection.close()
    },
    readable: 'r',
    isSlow: true,
  },
}
