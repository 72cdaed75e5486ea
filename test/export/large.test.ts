/** Tables that are cut into many ranges, which processes read side by side: the export is the same, however it is written. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync, zstdDecompressSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { buildDatabase } from '../support/databases.ts'
import { backUp, protect, succeeded } from '../support/product.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { runCli } from './cli.ts'

/** More ranges than are looked for at once, and more bytes than one process is given alone. */
const ROWS = 200_000

function build(): string {
  const path = join(temporaryDirectory(), 'app.db')
  const sql = `CREATE TABLE t (a, b);
    INSERT INTO t WITH n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${ROWS}) SELECT i, printf('row %060d', i) FROM n`
  buildDatabase(path, sql)
  return path
}

/** Each row once, in order. */
function expectRows(text: string): void {
  const found = text.matchAll(/,"a":(\d+),/g).map(([, number]) => Number(number))
  const wrong = found
    .map((number, i) => ({ number, expected: i + 1 }))
    .find(row => row.number !== row.expected)
  expect(wrong).toBeUndefined()
  expect(text.match(/,"a":/g)).toHaveLength(ROWS)
}

test('a large table has each row once and in order, from a live database and from a backup', async () => {
  const path = build()
  const database = protect(path)
  const plain = succeeded(await database.exportData({ format: 'ndjson' }))
  expectRows(readFileSync(plain.exportPath, 'utf8'))
  const { filename } = await backUp(path)
  for (const from of [undefined, filename]) {
    const request = { format: 'ndjson', compress: 'zstd', ...(from === undefined ? {} : { from }) } as const
    const packed = succeeded(await database.exportData(request))
    expect(packed.rows).toBe(ROWS)
    expectRows(zstdDecompressSync(readFileSync(packed.exportPath)).toString())
  }
})

test('so it has on standard output', async () => {
  const path = build()
  const { stdout } = await runCli(['export', '--path', path, '--format', 'ndjson', '--output', '-'])
  expectRows(stdout)
})

test('a table without rowids, which one process reads alone, is not read faster than it can be written', async () => {
  const path = join(temporaryDirectory(), 'app.db')
  buildDatabase(
    path,
    `CREATE TABLE t (a INTEGER PRIMARY KEY, b) WITHOUT ROWID;
     INSERT INTO t WITH n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) SELECT i, hex(randomblob(400)) FROM n`,
  )
  const request = { format: 'ndjson', compress: 'gzip', includeSensitive: true } as const
  const { exportPath, rows } = succeeded(await protect(path).exportData(request))
  expect(rows).toBe(20_000)
  const text = gunzipSync(readFileSync(exportPath)).toString()
  expect(text.match(/^\{"table":"t"/gm)).toHaveLength(20_000)
})
