/** An export that takes long enough to be met in the middle, and what may be left of it. */
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect } from 'vitest'
import type { DataExported, ExportDataRequest, Failure, RunOptions } from '../../src/index.ts'
import { buildDatabase } from '../support/databases.ts'
import { protect, succeeded } from '../support/product.ts'
import { filesBelow, temporaryDirectory } from '../support/temporary.ts'

export const ROWS = 30_000
/** So many that a word to another process is there before it has written them, on a busy machine too. */
export const MANY_ROWS = 120_000
export const CLI: string = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))
export type Form = Pick<ExportDataRequest, 'format' | 'zip' | 'compress'>
export const FORMS: readonly Form[] = [
  {},
  { format: 'csv' },
  { format: 'csv', zip: true },
  { format: 'sql', compress: 'gzip' },
]

/** Megabytes of rows, so that an export of them can be met in the middle. */
export class Place {
  readonly directory: string = temporaryDirectory()
  readonly path: string = join(this.directory, 'data', 'app.db')
  readonly out: string = join(this.directory, 'out')
  readonly output: string = join(this.out, 'export')
  readonly rows: number

  constructor(journalMode: 'wal' | 'delete' = 'wal', count: number = ROWS) {
    this.rows = count
    for (const name of ['data', 'out']) mkdirSync(join(this.directory, name))
    const rows = `WITH n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < ${count})`
    buildDatabase(
      this.path,
      `CREATE TABLE t (a, b); INSERT INTO t ${rows} SELECT i, hex(randomblob(100)) FROM n`,
      {
        journalMode,
      },
    )
  }

  export(
    request: ExportDataRequest & RunOptions = {},
    engine: 'here' | 'process' = 'process',
  ): Promise<DataExported | Failure> {
    const database = protect(this.path, { engine, backupDir: join(this.directory, 'backups') })
    return database.exportData({ output: this.output, ...request })
  }

  get args(): string[] {
    return [
      'export',
      '--path',
      this.path,
      '--backup-dir',
      join(this.directory, 'backups'),
      '--output',
      this.output,
    ]
  }

  /** Nothing of an export is anywhere, but for what the next run removes. */
  expectNothing({ butLeftovers = false }: { readonly butLeftovers?: boolean } = {}): void {
    const left = [this.out, join(this.directory, 'backups')]
      .flatMap(filesIn)
      .filter(name => name !== 'exports' && !/^(?:audit\.(?:jsonl|head)|\.chame-audit\.lock)$/.test(name))
    expect(left.filter(name => !butLeftovers || !/^\.chame-work-[0-9a-f]{12}$/.test(name))).toEqual([])
    expect(filesIn(dirname(this.path)).filter(name => !/^app\.db(-wal|-shm)?$/.test(name))).toEqual([])
  }

  /** The next export is whole, and nothing else is left. */
  async expectNext(request: ExportDataRequest = {}): Promise<void> {
    expect(succeeded(await this.export(request)).rows).toBe(this.rows)
    expect(filesIn(this.out)).toEqual(['export'])
    expect(filesBelow(join(this.directory, 'backups')).filter(name => name !== 'exports')).toEqual([])
  }
}

export function filesIn(directory: string): string[] {
  return existsSync(directory) ? readdirSync(directory) : []
}

export function rowsIn(path: string): number {
  return (JSON.parse(readFileSync(path, 'utf8')) as { summary: { rows: number } }).summary.rows
}
