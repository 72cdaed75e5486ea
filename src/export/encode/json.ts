import type { TablePlan } from '../model.ts'
import { type DatabaseEncoding, type RowEncoder, type RowForm, rowExpressions } from './encoder.ts'
import { realSql } from './expression.ts'
import { bufferOf, decodeText } from './text.ts'

/** The largest integer that every reader of JSON gets right. */
const INTEGER_MAX = Number.MAX_SAFE_INTEGER

/** Rows as JSON objects, one a line: `{"id":1,"name":"Ada"}`; or over several lines, for people. */
export function jsonEncoder(
  table: TablePlan,
  { isPretty }: { readonly isPretty: boolean } = { isPretty: false },
): RowEncoder {
  const expressions = rowExpressions(table, formOf('{', '}'))
  const rest = { separator: ',\n', suspicious: [], text: encodeText }
  if (!isPretty) return { ...expressions, ...rest }
  // A line end within a text is escaped, so these are between the values.
  const lay = (object: string): string =>
    `concat('      ',replace(json_pretty(${object},'  '),char(10),char(10)||'      '))`
  return { row: lay(expressions.row), carefulRow: lay(expressions.carefulRow), parts: null, ...rest }
}

/** Rows as lines of their own: `{"table":"users","row":{"id":1,"name":"Ada"}}`. */
export function ndjsonEncoder(table: TablePlan): RowEncoder {
  const expressions = rowExpressions(table, formOf(`{"table":${JSON.stringify(table.name)},"row":{`, '}}\n'))
  return { ...expressions, separator: '', suspicious: [], text: encodeText }
}

function formOf(open: string, close: string): RowForm {
  return {
    open,
    before: (name, index) => `${index === 0 ? '' : ','}${JSON.stringify(name)}:`,
    close,
    text: sql => `json_quote(${sql})`,
    others: sql => ({
      integer: `iif(${sql} BETWEEN -${INTEGER_MAX} AND ${INTEGER_MAX},${sql},concat('{"$integer":"',${sql},'"}'))`,
      real: realSql(sql, {
        finite: `json_quote(${sql})`,
        infinite: `'{"$real":"Infinity"}'`,
        negativeInfinite: `'{"$real":"-Infinity"}'`,
      }),
      null: `'null'`,
    }),
    blob: { before: '{"$blob":"', as: 'base64', after: '"}' },
  }
}

function encodeText(bytes: Uint8Array, encoding: DatabaseEncoding): string {
  const text = decodeText(bytes, encoding)
  return text === null ? `{"$text":"${bufferOf(bytes).toString('base64')}"}` : JSON.stringify(text)
}
