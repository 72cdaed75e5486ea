/** Damaged databases, and what is expected of them: which pages hold what, and what an export says. */
import { readFileSync, writeFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import type { DataExported, ExportDataRequest } from '../../src/index.ts'
import { protect, succeeded } from '../support/product.ts'

export const PAGE_BYTES = 1024

/** Numbers of the pages of a table or an index, from 1, in the order of what is in them. */
export function pagesOf(
  path: string,
  name: string,
  type: 'leaf' | 'internal' | 'overflow' = 'leaf',
): number[] {
  const connection = new DatabaseSync(path, { readOnly: true })
  try {
    return connection
      .prepare('SELECT pageno FROM dbstat WHERE name = ? AND pagetype = ? ORDER BY path')
      .all(name, type)
      .map(row => Number(row['pageno']))
  } finally {
    connection.close()
  }
}

/** Writes garbage over whole pages. */
export function damage(path: string, pages: readonly number[], filler = 0xa5): void {
  const bytes = readFileSync(path)
  for (const page of pages) bytes.fill(filler, (page - 1) * PAGE_BYTES, page * PAGE_BYTES)
  writeFileSync(path, bytes)
}

/** Writes bytes into a page. */
export function overwrite(path: string, page: number, offset: number, content: readonly number[]): void {
  const bytes = readFileSync(path)
  Buffer.from(content).copy(bytes, (page - 1) * PAGE_BYTES + offset)
  writeFileSync(path, bytes)
}

export interface Salvaged {
  readonly result: DataExported
  /** Rows by table, as they stand in the export. */
  readonly rows: Readonly<Record<string, readonly Readonly<Record<string, unknown>>[]>>
}

/** Exports what can be read, as JSON. */
export async function salvage(path: string, request: ExportDataRequest = {}): Promise<Salvaged> {
  const result = succeeded(
    await protect(path).exportData({ includeSensitive: true, ...request, salvage: true }),
  )
  const document = JSON.parse(readFileSync(result.exportPath, 'utf8')) as {
    readonly tables: Salvaged['rows']
    readonly summary: Pick<DataExported, 'tables' | 'rows' | 'lost'>
  }
  const { tables, rows, lost } = result
  const counted = Object.entries(document.tables).map(([name, list]) => [name, list.length])
  const isTrue =
    JSON.stringify(document.summary) === JSON.stringify({ tables, rows, lost }) &&
    JSON.stringify(tables) === JSON.stringify(Object.fromEntries(counted))
  if (!isTrue) throw new Error('The summary, the result and the rows in the export do not agree')
  return { result, rows: document.tables }
}
