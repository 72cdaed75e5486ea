/** Telling from an export's first bytes what it is. */
import { FORMATS, type ExportFormat } from '../export/model.ts'
import { Malformed, shown } from '../import/malformed.ts'

export type ImportFormat = Exclude<ExportFormat, 'parquet'>

const SQLITE = 'SQLite format 3\0'
const SQL_WORDS = /^(?:PRAGMA|BEGIN|CREATE|INSERT|DELETE|ANALYZE)\b/i

/** The format of a single file. `start` are its first bytes, decompressed. */
export function formatOf(start: Buffer): ImportFormat {
  const bytes = start.toString('latin1')
  if (bytes.startsWith(SQLITE)) {
    throw new Malformed('it is a SQLite database, which needs no import: restore it, or copy it')
  }
  if (bytes.startsWith('PAR1')) throw new Malformed('parquet cannot be imported')
  const text = start.toString('utf8').replace(/^\ufeff/, '')
  const begin = text.trimStart()
  if (begin.startsWith('{')) return isLineOfJson(begin) ? 'ndjson' : 'json'
  if (begin.startsWith('--') || begin.startsWith('/*') || SQL_WORDS.test(begin)) return 'sql'
  throw new Malformed(
    `it begins with ${shown(text.slice(0, 20))}, as none of ${FORMATS.filter(name => name !== 'parquet').join(', ')} does`,
  )
}

/** Whether the first line is a document of its own, and not the whole export in one line. */
function isLineOfJson(text: string): boolean {
  const end = text.indexOf('\n')
  try {
    const line: unknown = JSON.parse(end === -1 ? text : text.slice(0, end))
    return typeof line === 'object' && line !== null && !Object.hasOwn(line, 'tables')
  } catch {
    return false
  }
}
