/** What a caller's wishes come to: which format, packed how, written how. Pure. */
import { BackupError } from '../../errors.ts'
import { csvFraming, PARQUET_FRAMING } from '../../export/framing/csv.ts'
import type { Framing } from '../../export/framing/framing.ts'
import { jsonFraming, NDJSON_FRAMING } from '../../export/framing/json.ts'
import { SQL_FRAMING } from '../../export/framing/sql.ts'
import type { CsvDialect, ExportFormat } from '../../export/model.ts'
import type { RowFormat } from '../../sqlite/requests.ts'
import { type Compression, compressionSuffix } from '../../storage/compress.ts'
import type { ExportDataRequest } from '../reports.ts'

/** `file`: all in one; `directory` and `zip`: a file for each table. */
export type Packing = 'file' | 'directory' | 'zip'

/** How an export is written. */
export interface ExportForm {
  readonly format: ExportFormat
  readonly packing: Packing
  readonly compression: Compression | null
  readonly framing: Framing
  readonly rows: RowFormat
  /** Null for other formats than CSV. */
  readonly dialect: CsvDialect | null
  /** What comes behind the name of the whole; nothing for a directory. */
  readonly suffix: string
}

/** Throws `INVALID_ARGUMENT` for options that do not go together. */
export function resolveForm(request: ExportDataRequest): ExportForm {
  const format = request.format ?? 'json'
  requireSense(format, request)
  const isSplit = format === 'csv' || format === 'parquet'
  const packing: Packing = !isSplit ? 'file' : request.zip === true ? 'zip' : 'directory'
  const compression = request.compress ?? null
  const dialect = format === 'csv' ? dialectOf(request) : null
  return {
    format,
    packing,
    compression,
    dialect,
    framing: framingOf(format, dialect, request),
    rows: rowsOf(format, dialect, request),
    suffix: { file: `.${format}${compressionSuffix(compression)}`, zip: '.zip', directory: '' }[packing],
  }
}

function requireSense(format: ExportFormat, request: ExportDataRequest): void {
  const { zip, compress, pretty, csv, output, salvage } = request
  const isSplit = format === 'csv' || format === 'parquet'
  if (zip === true && !isSplit)
    throw refused(`A ${format} export is one file already`, 'Leave out zip, or choose csv.')
  if (zip === true && compress !== undefined)
    throw refused('A ZIP is compressed already', 'Leave out compress.')
  if (format === 'parquet' && compress !== undefined)
    throw refused('Parquet files are compressed already', 'Leave out compress.')
  if (salvage === true && format === 'parquet')
    throw refused(
      'Parquet needs to know all of a table before its first row',
      'To salvage, choose another format.',
    )
  if (pretty === true && format !== 'json')
    throw refused(`There is no pretty form of ${format}`, 'Leave out pretty.')
  if (csv !== undefined && format !== 'csv')
    throw refused(`Delimiter, null and excel-safe are for csv, not for ${format}`, 'Leave them out.')
  if (output === '-' && isSplit && zip !== true)
    throw refused(
      `A ${format} export has several files`,
      'Standard output takes one: ask for a ZIP, or name a directory.',
    )
}

function framingOf(format: ExportFormat, dialect: CsvDialect | null, { pretty }: ExportDataRequest): Framing {
  if (dialect !== null) return csvFraming(dialect)
  if (format === 'json') return jsonFraming({ isPretty: pretty === true })
  if (format === 'ndjson') return NDJSON_FRAMING
  return format === 'sql' ? SQL_FRAMING : PARQUET_FRAMING
}

function rowsOf(format: ExportFormat, dialect: CsvDialect | null, { pretty }: ExportDataRequest): RowFormat {
  if (dialect !== null) return { kind: 'csv', dialect }
  if (format === 'json') return { kind: 'json', isPretty: pretty === true }
  return { kind: format === 'ndjson' ? 'ndjson' : format === 'sql' ? 'sql' : 'parquet' }
}

/** One character that neither the grammar of CSV nor a value without quotes needs: a number, `X'0A'`, `CAST(…)`. */
const DELIMITER = /^[^\p{L}\p{N}\p{Cs}"'+\-.() \r\n\0]$/u
/** What would be taken for a value, and what needs quotes. */
const NO_NULL = /^(?:[+-]?[0-9.]|X'|CAST\()|["\r\n\0]|^-?Infinity$/i

function dialectOf({ csv }: ExportDataRequest): CsvDialect {
  const delimiter = csv?.delimiter ?? ','
  const token = csv?.null ?? ''
  if (!DELIMITER.test(delimiter))
    throw refused(
      `Not a delimiter: ${JSON.stringify(delimiter)}`,
      'It is one character that no value without quotes can hold, such as a comma, a semicolon, a tab or a bar.',
    )
  if (NO_NULL.test(token) || token.includes(delimiter))
    throw refused(
      `Not fit to stand for NULL: ${JSON.stringify(token)}`,
      'It must look like no value, and hold no quote, delimiter or line end.',
    )
  return { delimiter, null: token, excel_safe: csv?.excelSafe === true }
}

function refused(message: string, hint: string): BackupError {
  return new BackupError('INVALID_ARGUMENT', message, { hint })
}
