/** The database that is damaged to salvage what is left: built, refused, and counted. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import type { ErrorCode, ExportDataRequest } from '../../src/index.ts'
import { buildDatabase } from '../support/databases.ts'
import { failedWith, protect } from '../support/product.ts'
import { filesBelow, temporaryDirectory } from '../support/temporary.ts'
import { PAGE_BYTES, type Salvaged } from './damage.ts'

export const ROWS = 2_000
export const NUMBERS: string = `WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < ${ROWS})`
/** Texts of one length, so that every page has as many rows as the next. */
export const TEXT: string = "printf('row %05d ', x) || hex(zeroblob(20))"

/** Tables of some forty pages each. `t` by rowid, `w` by key. */
export function build(sql = '', pageSize: number = PAGE_BYTES): string {
  const path = join(temporaryDirectory(), 'app.db')
  buildDatabase(
    path,
    `CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT); ${NUMBERS} INSERT INTO t SELECT x, ${TEXT} FROM n;
     CREATE TABLE w (k INTEGER PRIMARY KEY, a TEXT) WITHOUT ROWID; ${NUMBERS} INSERT INTO w SELECT x, ${TEXT} FROM n;
     CREATE TABLE small (a); INSERT INTO small VALUES (1), (2), (3); ${sql}`,
    { journalMode: 'delete', pageSize },
  )
  return path
}

export function idsOf({ rows }: Salvaged, table = 't', column = 'id'): number[] {
  return (rows[table] ?? []).map(row => Number(row[column]))
}

/** Which of 1 to ROWS are not there; none may be there twice. */
export function missingFrom(ids: readonly number[]): number[] {
  const found = new Set(ids)
  expect(found.size).toBe(ids.length)
  return Array.from({ length: ROWS }, (_, i) => i + 1).filter(id => !found.has(id))
}

export function idsOn(path: string, page: number): number[] {
  const found = readFileSync(path)
    .subarray((page - 1) * PAGE_BYTES, page * PAGE_BYTES)
    .toString('latin1')
  return [...found.matchAll(/row (\d{5})/g)].map(match => Number(match[1])).toSorted((a, b) => a - b)
}

export async function refused(path: string, code: ErrorCode, request: ExportDataRequest = {}): Promise<void> {
  const before = filesBelow(join(path, '..'))
  const failure = failedWith(code, await protect(path).exportData(request))
  expect(failure.hint).toMatch(/salvage/)
  const added = filesBelow(join(path, '..')).filter(name => !before.includes(name))
  expect(added.filter(name => name !== 'backups' && name !== 'backups/exports')).toEqual([])
}
