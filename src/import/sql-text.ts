/** Reading single statements of SQL: names, literals, and what they are. */
import { isUtf8 } from 'node:buffer'
import { Malformed } from './malformed.ts'

/** Quotes end at the next one. A pattern for doubled ones would have to remember each of them, and there may be millions. */
const PIECE =
  /"[^"]*"|'[^']*'|`[^`]*`|\[[^\]]*\]|--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|[\w$\u0080-\uffff]+|\s+|[\s\S]/gu

/** All of `sql`, cut into tokens, spaces and comments. */
function* piecesOf(sql: string): Generator<string> {
  let start = 0
  let end = 0
  let quote = ''
  for (const { 0: piece, index } of sql.matchAll(PIECE)) {
    const opened = piece.length > 1 && QUOTES.has(piece[0] ?? '') ? (piece[0] ?? '') : ''
    // A quote right behind one of its kind is a doubled one.
    if (index > 0 && (opened === '' || opened !== quote)) {
      yield sql.slice(start, end)
      start = index
    }
    quote = opened
    end = index + piece.length
  }
  if (end > 0) yield sql.slice(start, end)
}

const QUOTES: ReadonlySet<string> = new Set(['"', "'", '`'])

function isToken(piece: string): boolean {
  return !/^(?:\s|--|\/\*)/.test(piece)
}

/** The tokens of `sql`, at most `count` of them, without space and comments. */
export function tokensOf(sql: string, count: number): string[] {
  return piecesOf(sql).filter(isToken).take(count).toArray()
}

/** What a token says as a name or as a string: without its quotes. */
export function unquote(token: string): string {
  const first = token[0] ?? ''
  if (first === '[') return token.slice(1, -1)
  if (!QUOTES.has(first)) return token
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
  const pieces = piecesOf(sql).map(token => {
    if (!isToken(token)) return token
    const isIt = isNext && unquote(token).toLowerCase() === collation.toLowerCase()
    isNext = token.toUpperCase() === 'COLLATE'
    return isIt ? 'BINARY' : token
  })
  return pieces.toArray().join('')
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
  const pieces = piecesOf(bytes.toString('latin1')).map(piece => {
    if (piece[0] !== "'" || isUtf8(Buffer.from(piece, 'latin1'))) return piece
    return `CAST(X'${Buffer.from(unquote(piece), 'latin1').toString('hex')}' AS TEXT)`
  })
  const again = Buffer.from(pieces.toArray().join(''), 'latin1')
  if (!isUtf8(again)) throw new Malformed('bytes outside of a string are not UTF-8')
  return again.toString('utf8')
}
