import { test } from 'vitest'
import { openDatabase } from '../support/databases.ts'
import { Workplace } from './build-round-trip.ts'

/** Several steps of rows each, so that reading begins again at keys of every kind. */
const ROWS = `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4000)`

const TABLES: readonly [string, string][] = [
  [
    'are numbers and texts',
    `CREATE TABLE t (a, b TEXT, c, PRIMARY KEY (a, b)) WITHOUT ROWID; INSERT INTO t ${ROWS} SELECT i % 7, 'k' || i, i FROM n`,
  ],
  [
    'are reals, blobs and integers beyond 2^53',
    `CREATE TABLE t (a PRIMARY KEY, b) WITHOUT ROWID; INSERT INTO t ${ROWS} SELECT CASE i % 3 WHEN 0 THEN i / 7.0 WHEN 1 THEN CAST(i AS BLOB) ELSE 9007199254740993 + i END, i FROM n`,
  ],
  [
    'descend',
    `CREATE TABLE t (a, b, PRIMARY KEY (a DESC, b)) WITHOUT ROWID; INSERT INTO t ${ROWS} SELECT i % 50, i FROM n`,
  ],
  [
    'ignore case',
    `CREATE TABLE t (a TEXT COLLATE NOCASE PRIMARY KEY, b) WITHOUT ROWID; INSERT INTO t ${ROWS} SELECT CASE i % 2 WHEN 0 THEN 'Ab' ELSE 'aB' END || i, i FROM n`,
  ],
  [
    'are ordered otherwise than their column',
    `CREATE TABLE t (a TEXT, b, PRIMARY KEY (a COLLATE NOCASE)) WITHOUT ROWID; INSERT INTO t ${ROWS} SELECT CASE i % 2 WHEN 0 THEN 'KEY' ELSE 'key' END || i, i FROM n`,
  ],
  [
    'are texts with NUL',
    `CREATE TABLE t (a PRIMARY KEY, b) WITHOUT ROWID; INSERT INTO t ${ROWS} SELECT 'k' || char(0) || i, i FROM n`,
  ],
  [
    'are no valid UTF-8',
    `CREATE TABLE t (a PRIMARY KEY, b) WITHOUT ROWID; INSERT INTO t ${ROWS} SELECT CAST(x'ff' || i AS TEXT), i FROM n`,
  ],
  [
    'have names that need quotes',
    `CREATE TABLE "t ""1" ("a b", "order", PRIMARY KEY ("a b", "order")) WITHOUT ROWID; INSERT INTO "t ""1" ${ROWS} SELECT i % 3, i FROM n`,
  ],
]

test.each(TABLES)(
  'every row of a table without rowids is exported once where its keys %s',
  async (_what, sql) => {
    for (const format of ['json', 'sql', 'csv'] as const) {
      using place = new Workplace()
      const connection = openDatabase(place.source)
      connection.exec(sql)
      connection.close()
      await place.expectSame({ format })
    }
  },
)
