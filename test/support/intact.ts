import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect } from 'vitest'
import { type LedgerState, ledgerProblems, readLedger } from './ledger.ts'

/** Passes a copy of the database (with its `-wal` and `-journal`, if any) to `use`, so that looking leaves no side files. */
export function withCopy<T>(path: string, use: (connection: DatabaseSync) => T): T {
  const directory = mkdtempSync(join(tmpdir(), 'chame-look-'))
  try {
    const copy = join(directory, 'copy.db')
    for (const suffix of ['', '-wal', '-journal']) {
      if (existsSync(`${path}${suffix}`)) copyFileSync(`${path}${suffix}`, `${copy}${suffix}`)
    }
    const connection = new DatabaseSync(copy)
    try {
      return use(connection)
    } finally {
      connection.close()
    }
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

/** Asserts that a ledger passes SQLite's integrity check and is exactly the commit it says it is; returns which. */
export function assertIntact(path: string): LedgerState {
  return withCopy(path, connection => {
    expect(connection.prepare('PRAGMA integrity_check').all(), path).toEqual([{ integrity_check: 'ok' }])
    expect(ledgerProblems(connection), path).toEqual([])
    return readLedger(connection)
  })
}

/** Every row of every table, and the schema: what two databases with the same content have in common. */
export function contentOf(path: string): Record<string, unknown[]> {
  return withCopy(path, connection => {
    const schema = connection
      .prepare('SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY 1, 2')
      .all()
    const tables = schema.filter(({ type, sql }) => type === 'table' && sql !== null)
    return {
      schema,
      ...Object.fromEntries(
        tables.map(({ name }) => [
          String(name),
          connection.prepare(`SELECT * FROM "${String(name).replaceAll('"', '""')}"`).all(),
        ]),
      ),
    }
  })
}
