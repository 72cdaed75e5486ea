/** Reading single statements of SQL: names, literals, and what they are. */
import { isUtf8 } from 'node:buffer'
import { Malformed } from './malformed.ts'

const TOKEN =
  /"[^"]*(?:""[^"]*)*"|'[^']*(?:''[^']*)*'|`[^`]*(?:``[^`]*)*`|\[[^\]]*\]|--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|[\w$\u0080-\uffff]+|\s+|[\s\S]/gu

/** The tokens of `sql`, at most `count` of them, without space and comments. */
export function tokensOf(sql: string, count: number): string[] {
  const tokens: string[] = []
  for (const [token] of sql.matchAll(TOKEN)) {
    if (/^(?:\s|--|\/\*)/.test(token)) continue
    tokens.push(token)
    if (tokens.length === count) break
  }
  return tokens
}

/** What a token says as a name or as a string: without its quotes. */
export function unquote(token: string): string {
  const first = token[0] ?? ''
  if (first === '[') return token.slice(1, -1)
  if (!['"', "'", '`'].includes(first)) return token
  return token.slice(1, -1).replaceAll(first + first, first)
}

/** The name that `CREATE VIRTUAL TABLE` gives; null when `sql` is another statement. */
export function virtualTableName(sql: string): string | null {
  const [create, virtual, table, ...rest] = tokensOf(sql, 7)
  const isVirtual =
    create?.toUpperCase() === 'CREATE' &&
    virtual?.toUpperCase() === 'VIRTUAL' &&
    table?.toUpperCase() === 'TABLE'
  if (!isVirtual) return null
  const hasCondition = rest[0]?.toUpperCase() === 'IF' && rest[1]?.toUpperCase() === 'NOT'
  const name = hasCondition ? rest[3] : rest[0]
  return name === undefined ? null : unquote(name)
}

/** The same statement with SQLite's own order in place of the collation called `collation`. */
export function withoutCollation(sql: string, collation: string): string {
  let isNext = false
  return sql.replaceAll(TOKEN, token => {
    if (/^(?:\s|--|\/\*)/.test(token)) return token
    const isIt = isNext && unquote(token).toLowerCase() === collation.toLowerCase()
    isNext = token.toUpperCase() === 'COLLATE'
    return isIt ? 'BINARY' : token
  })
}

/** Whether `sql` is one statement, with or without a semicolon at its end. Not for triggers. */
export function isOneStatement(sql: string): boolean {
  const tokens = tokensOf(sql, Infinity)
  const first = tokens.indexOf(';')
  return first === -1 || first === tokens.length - 1
}

/**
 * The text of a statement. Strings that are not UTF-8, as `sqlite3 .dump` writes text that is none, become
 * `CAST(X'…' AS TEXT)`, which keeps their bytes in a database whose encoding is UTF-8.
 */
export function decodeStatement(bytes: Buffer, isDatabaseUtf8: boolean): string {
  if (bytes.includes(0)) throw new Malformed('a NUL byte: SQL text cannot contain one')
  if (isUtf8(bytes)) return bytes.toString('utf8')
  if (!isDatabaseUtf8) throw new Malformed('these bytes are not UTF-8')
  // Read as if each byte were a character, which keeps every one of them.
  const mended = bytes.toString('latin1').replaceAll(QUOTED, token => {
    const literal = Buffer.from(token, 'latin1')
    if (token[0] !== "'" || isUtf8(literal)) return token
    const content = token.slice(1, -1).replaceAll("''", "'")
    return `CAST(X'${Buffer.from(content, 'latin1').toString('hex')}' AS TEXT)`
  })
  const again = Buffer.from(mended, 'latin1')
  if (!isUtf8(again)) throw new Malformed('bytes outside of a string are not UTF-8')
  return again.toString('utf8')
}

const QUOTED = /'[^']*(?:''[^']*)*'|"[^"]*(?:""[^"]*)*"|`[^`]*(?:``[^`]*)*`|\[[^\]]*\]/g
