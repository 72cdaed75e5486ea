/** Preparing a statement costs as much as reading hundreds of rows with it. */
import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import type { TablePlan } from '../../src/export/model.ts'
import { rowSteps } from '../../src/sqlite/export-rows.ts'
import type { RowRange } from '../../src/sqlite/requests.ts'

const ROWS = 4_000n
const TABLE: TablePlan = {
  name: 'notes',
  kind: 'ordinary',
  columns: [
    { name: 'id', sql: '"id"', likely: 'integer' },
    { name: 'text', sql: '"text"', likely: 'text' },
  ],
  rowid: null,
  file: null,
  where: null,
}

test('what reads a table is prepared once, however many steps and ranges there are', () => {
  using connection = new DatabaseSync(':memory:')
  connection.exec('CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT)')
  connection.exec(
    `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${ROWS}) INSERT INTO notes SELECT i, hex(zeroblob(250)) FROM n`,
  )
  let asked = 0
  connection.setAuthorizer(() => {
    asked++
    return 0
  })
  const half = ROWS / 2n
  const first = steps(connection, { first: 1n, last: half })
  const askedByThen = asked
  const second = steps(connection, { first: half + 1n, last: ROWS })
  expect(first).toBeGreaterThan(3)
  expect(second).toBeGreaterThan(3)
  expect(askedByThen).toBeGreaterThan(0)
  expect(asked).toBe(askedByThen)
})

/** Reads a range; answers how many steps it took. */
function steps(connection: DatabaseSync, range: RowRange): number {
  let count = 0
  const reading = rowSteps({
    connection,
    encoding: 'UTF-8',
    table: TABLE,
    by: 'id',
    format: { kind: 'sql' },
    range,
    databaseBytes: 1 << 30,
    write: () => {},
  })
  while (reading.next().done !== true) count++
  return count
}
