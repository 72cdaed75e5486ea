import { quoteName } from '../../sqlite/sql.ts'
import type { TablePlan } from '../model.ts'
import { type DatabaseEncoding, type RowEncoder, rowExpressions, valuesOf } from './encoder.ts'
import { doubledSql, realSql, sqlText } from './expression.ts'
import { castText, decodePlain } from './text.ts'

/** Reals below this are read wrongly by SQLite before 3.43: it divides twice, and rounds each time. */
const SMALL = 1e-280
/** 2^240 lifts them above it, and its inverse brings back every bit. Digits enough for any SQLite to read it exactly. */
const LIFT = '1766847064778384329583297500742918515827483896875618958121606201292619776.0'
const LOWER = '5.65979942426669523e-73'
/** `sqlite3` drops a CR before an LF from what it loads, in the middle of a text too. */
const CRLF = '\r\n'
/** What stands for CR until `replace` puts it back. */
const CR_MARK = '\\r'

/** Rows as INSERT statements, one a line. */
export function sqlEncoder(table: TablePlan): RowEncoder {
  const names = valuesOf(table.rowid, table.columns).map(({ name }) => quoteName(name))
  const expressions = rowExpressions(table, {
    open: `INSERT INTO ${quoteName(table.name)}(${names.join(',')}) VALUES(`,
    before: (_name, index) => (index === 0 ? '' : ','),
    close: ');\n',
    text: textSql,
    others: sql => ({ integer: sql, real: numberSql(sql), null: `'NULL'` }),
    blob: { before: "X'", as: 'hex', after: "'" },
  })
  return { ...expressions, separator: '', suspicious: ['\0', CRLF], text: encodeText }
}

function textSql(sql: string): string {
  const quote = sqlText("'")
  return `concat(${quote},${doubledSql(sql, "'")},${quote})`
}

/** Three digits more than tell a real from all others: older SQLite errs in the last of those that it reads. */
function numberSql(sql: string): string {
  const digits = (real: string): string => `format('%!.20g',${real})`
  return realSql(sql, {
    finite: `iif(abs(${sql})<${SMALL},concat(${digits(`${sql}*${LIFT}`)},'*${LOWER}'),${digits(sql)})`,
    infinite: `'9.0e+999'`,
    negativeInfinite: `'-9.0e+999'`,
  })
}

function encodeText(bytes: Uint8Array, encoding: DatabaseEncoding): string {
  const text = decodePlain(bytes, encoding)
  if (text === null) return castText(bytes)
  if (!text.includes(CRLF)) return sqlText(text)
  if (text.includes(CR_MARK)) return castText(bytes)
  return `replace(${sqlText(text.replaceAll('\r', CR_MARK))},'${CR_MARK}',char(13))`
}
