import type { CsvDialect, TablePlan } from '../model.ts'
import { type DatabaseEncoding, type RowEncoder, rowExpressions, valuesOf } from './encoder.ts'
import { doubledSql, realSql, sqlText } from './expression.ts'
import { castText, decodePlain } from './text.ts'

/** RFC 4180. */
const LINE_END = '\r\n'
/**
 * What spreadsheets take for the beginning of a formula, some of them behind what they leave out or in the wide form
 * of it, and the apostrophe itself, so that it can be told from ours.
 */
const FORMULA_STARTS: readonly string[] = ['=', '+', '-', '@', '＝', '＋', '－', '＠', '\t', '\r', '\n', "'"]

/**
 * Rows as RFC 4180 lines. Text is always quoted and nothing else is, so that the number 1, the text "1", NULL
 * and the empty text stay apart.
 */
export function csvEncoder(table: TablePlan, dialect: CsvDialect): RowEncoder {
  const quoted = (sql: string): string => `concat('"',${doubledSql(sql, '"')},'"')`
  const safe = (sql: string): string =>
    `concat('"',iif(substr(${sql},1,1) IN (${FORMULA_STARTS.map(codeSql).join(',')}),'''',''),${doubledSql(sql, '"')},'"')`
  const expressions = rowExpressions(table, {
    open: '',
    before: (_name, index) => (index === 0 ? '' : dialect.delimiter),
    close: LINE_END,
    text: dialect.excel_safe ? safe : quoted,
    others: sql => ({
      integer: sql,
      real: realSql(sql, {
        finite: `quote(${sql})`,
        infinite: `'Infinity'`,
        negativeInfinite: `'-Infinity'`,
      }),
      null: sqlText(dialect.null),
    }),
    blob: { before: "X'", as: 'hex', after: "'" },
  })
  return {
    ...expressions,
    separator: '',
    suspicious: ['\0'],
    text: (bytes, encoding) => encodeText(bytes, encoding, dialect),
  }
}

/** The line of column names, which a spreadsheet may take for formulas like any other text. */
export function csvHeader(table: TablePlan, dialect: CsvDialect): string {
  const names = valuesOf(table.rowid, table.columns).map(({ name }) => quoteSafely(name, dialect))
  return names.join(dialect.delimiter) + LINE_END
}

function codeSql(character: string): string {
  return `char(${character.charCodeAt(0)})`
}

function encodeText(bytes: Uint8Array, encoding: DatabaseEncoding, dialect: CsvDialect): string {
  const text = decodePlain(bytes, encoding)
  return text === null ? castText(bytes) : quoteSafely(text, dialect)
}

function quoteSafely(text: string, { excel_safe }: CsvDialect): string {
  const safe = excel_safe && FORMULA_STARTS.includes(text[0] ?? '') ? `'${text}` : text
  return `"${safe.replaceAll('"', '""')}"`
}
