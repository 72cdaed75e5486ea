/** Where hostile databases are exported, and what must never be, whatever was exported. */
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { DataExported, ErrorCode, ExportDataRequest, Failure } from '../../src/index.ts'
import { protect } from '../support/product.ts'
import { temporaryDirectory } from '../support/temporary.ts'

/** Codes that say that the product itself failed, or that tell a lie about a file that holds still. */
export const NEVER: ReadonlySet<ErrorCode> = new Set([
  'UNEXPECTED',
  'ENGINE_FAILED',
  'DATABASE_LOCKED',
  'INSUFFICIENT_SPACE',
  'PERMISSION_DENIED',
  'READ_ONLY',
  'CANCELLED',
  'INVALID_ARGUMENT',
])

export interface Place {
  readonly path: string
  readonly output: string
  readonly export: (request?: ExportDataRequest) => Promise<DataExported | Failure>
}

/** Quick to give up, so that a hang is an answer. */
export function openPlace(config: Readonly<Record<string, unknown>> = {}): Place {
  const directory = temporaryDirectory()
  const path = join(directory, 'app.db')
  const output = join(directory, 'out', 'export')
  const file = join(directory, 'config.json')
  writeFileSync(file, JSON.stringify({ waitForLockMs: 2_000, stallAfterMs: 20_000, ...config }))
  const database = protect(path, { config: file, disposable: true })
  return { path, output, export: request => database.exportData({ output, ...request }) }
}

export interface Document {
  readonly tables: Readonly<Record<string, readonly Readonly<Record<string, unknown>>[]>>
  readonly summary: Pick<DataExported, 'tables' | 'rows' | 'lost'>
}

/** What must never be, whatever was exported. */
export function broken(result: DataExported | Failure, { output, path }: Place): string[] {
  const left = readdirSync(join(output, '..')).filter(name => name !== 'export')
  const found = left.map(name => `${name} was left behind`)
  const beside = readdirSync(join(path, '..')).filter(name =>
    /^app\.db-(?!wal|shm|journal)|^app\.db-(wal|shm)$/.test(name),
  )
  found.push(...beside.map(name => `${name} was left beside the database`))
  if (!result.success) {
    if (existsSync(output)) found.push('a failure left a file under the final name')
    if (NEVER.has(result.code)) found.push(`${result.code}: ${result.message}`)
    if (/\n\s+at /.test(result.message)) found.push(`a stack trace: ${result.message}`)
    if (result.hint === undefined) found.push(`no hint with ${result.code}`)
    return found
  }
  const document = JSON.parse(readFileSync(output, 'utf8')) as Document
  for (const [name, count] of Object.entries(document.summary.tables)) {
    const rows = document.tables[name] ?? []
    if (rows.length !== count) found.push(`${name} has ${rows.length} rows, and ${count} are claimed`)
    const [key] = ['rowid', '_rowid_', 'oid'].filter(
      each => rows[0] !== undefined && Object.hasOwn(rows[0], each),
    )
    if (key !== undefined && new Set(rows.map(row => JSON.stringify(row[key]))).size !== rows.length)
      found.push(`${name} has rows twice`)
  }
  if (JSON.stringify(document.summary.lost) !== JSON.stringify(result.lost))
    found.push('what is lost differs')
  rmSync(output)
  return found
}

export function classOf(result: DataExported | Failure): string {
  if (!result.success) return result.code
  return result.lost.length > 0 ? 'in part' : 'whole'
}
