/** Exports of a database and what they are held against. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { expect } from 'vitest'
import { type DataExported, Database, type ExportDataRequest } from '../../src/index.ts'
import { quoteName } from '../../src/sqlite/sql.ts'
import { expectEqualDatabases } from '../import/equality.ts'
import { withCopy } from '../support/intact.ts'
import { succeeded } from '../support/product.ts'

/** A directory for one run of a property, gone after it. */
export class Workplace implements Disposable {
  readonly directory: string = mkdtempSync(join(tmpdir(), 'chame-export-'))
  readonly source: string = join(this.directory, 'source.db')
  readonly target: string = join(this.directory, 'target.db')
  readonly database: Database

  constructor(engine: 'here' | 'process' = 'here') {
    const { source: path, directory } = this
    this.database = new Database({ path, backupDir: join(directory, 'backups'), engine, disposable: true })
  }

  async export(request: ExportDataRequest): Promise<DataExported> {
    return succeeded(await this.database.exportData({ includeSensitive: true, ...request }))
  }

  /** Exports the database and imports the export: the result must be the same database. */
  async expectSame(request: ExportDataRequest): Promise<void> {
    const { exportPath, rows } = await this.export(request)
    const imported = succeeded(await this.database.importData({ from: exportPath, to: this.target }))
    expect(imported.rows).toBe(rows)
    expectSameContent(this.source, this.target)
  }

  [Symbol.dispose](): void {
    rmSync(this.directory, { recursive: true, force: true })
  }
}

/** Equal in everything that SQL can tell, and in every bit of every REAL. */
export function expectSameContent(source: string, target: string): void {
  expectEqualDatabases(source, target)
  expect(withCopy(target, realsOf)).toEqual(withCopy(source, realsOf))
}

/** The bits of each table's REALs, sorted. */
function realsOf(connection: DatabaseSync): Record<string, string[]> {
  const tables = connection
    .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND rootpage <> 0 ORDER BY name")
    .all()
    .map(({ name }) => String(name))
  return Object.fromEntries(tables.map(table => [`t:${table}`, realsIn(connection, table)]))
}

function realsIn(connection: DatabaseSync, table: string): string[] {
  const statement = connection.prepare(`SELECT * FROM ${quoteName(table)}`)
  statement.setReturnArrays(true)
  // Integers are bigints then, and so never taken for reals.
  statement.setReadBigInts(true)
  const rows = statement.all() as unknown as unknown[][]
  return rows.flatMap(row => row.filter(value => typeof value === 'number').map(bitsOf)).toSorted()
}

function bitsOf(real: number): string {
  const bytes = Buffer.alloc(8)
  bytes.writeDoubleBE(real)
  return bytes.toString('hex')
}
