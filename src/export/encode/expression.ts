/** Pieces of the SQL expressions that encode rows. */
import type { StorageClass } from '../model.ts'

/** SQLite's functions take a thousand arguments at most; far fewer keep an expression's stack small. */
const ARGUMENTS_MAX = 100

/** A value in SQL: text, quoted. */
export function sqlText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}

/** A column by its name; what we make of one calls a function of ours, which costs more than what it would save. */
const COLUMN = /^"/

/** SQL for a text in which each `quote` stands twice. Most texts have none, and looking for it is faster than replacing. */
export function doubledSql(sql: string, quote: string): string {
  const replaced = `replace(${sql},${sqlText(quote)},${sqlText(quote + quote)})`
  // Of a text with a NUL it sees what stands before that: such a text is read again anyway.
  return COLUMN.test(sql) ? `iif(${sql} GLOB ${sqlText(`*${quote}*`)},${replaced},${sql})` : replaced
}

/** SQL that joins `parts`, each an expression; NULL counts as the empty text. */
export function concatSql(parts: readonly string[]): string {
  if (parts.length <= ARGUMENTS_MAX) return `concat(${parts.join(',')})`
  const groups: string[] = []
  for (let start = 0; start < parts.length; start += ARGUMENTS_MAX) {
    groups.push(concatSql(parts.slice(start, start + ARGUMENTS_MAX)))
  }
  return concatSql(groups)
}

/** What a REAL may be, as SQL expressions: `finite` is none of the others, and not 0. */
export interface ByReal {
  readonly finite: string
  readonly infinite: string
  readonly negativeInfinite: string
}

/** SQL for a REAL. SQLite prints -0.0 as 0.0, although it keeps the two apart; only the angle tells them. */
export function realSql(sql: string, { finite, infinite, negativeInfinite }: ByReal): string {
  const rare = `CASE WHEN ${sql}>0 THEN ${infinite} WHEN ${sql}<0 THEN ${negativeInfinite} WHEN atan2(${sql},-1)<0 THEN '-0.0' ELSE '0.0' END`
  return `iif(abs(${sql}) BETWEEN ${Number.MIN_VALUE} AND ${Number.MAX_VALUE},${finite},${rare})`
}

/** An expression for each storage class that a value may have. */
export type ByClass = Readonly<Record<StorageClass, string>>

const CLASSES: readonly StorageClass[] = ['text', 'integer', 'null', 'real', 'blob']

/** SQL that encodes the value of `sql`, whatever its storage class is; `likely` is tried first. */
export function byClass(sql: string, forms: ByClass, likely: StorageClass = 'text'): string {
  const order = [likely, ...CLASSES.filter(name => name !== likely)]
  const cases = order.slice(0, -1).map(name => `WHEN '${name}' THEN ${forms[name]}`)
  return `CASE typeof(${sql}) ${cases.join(' ')} ELSE ${forms[order.at(-1) as StorageClass]} END`
}

/** What the values of a column most often are, by its affinity: sqlite.org/datatype3.html#determination_of_column_affinity. */
export function likelyClass(declaredType: string): StorageClass {
  if (/INT/i.test(declaredType)) return 'integer'
  if (/CHAR|CLOB|TEXT/i.test(declaredType)) return 'text'
  if (declaredType === '' || /BLOB/i.test(declaredType)) return 'blob'
  return /REAL|FLOA|DOUB/i.test(declaredType) ? 'real' : 'integer'
}
