/**
 * The words of a schema's SQL. SQLite has accepted the statement already, so this only takes it apart; it never
 * has to judge whether it is right.
 */
import { foldName } from './parse-redaction.ts'

interface SqlWord {
  /** `name`: a bare or quoted one, or a keyword. `text`: in single quotes, which SQLite may take for a name too. */
  readonly kind: 'name' | 'text' | 'blob' | 'number' | 'sign'
  /** Without quotes; ASCII letters in lower case for names and texts. */
  readonly word: string
}

// Comments first; then what is quoted, in which anything may stand; a word may hold any non-ASCII character.
const WORD =
  /--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|[xX]'[0-9a-fA-F]*'|'(?:[^']|'')*'|"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\]|\d[\w.]*|[\w$\u0080-\uffff]+|[^\s]/g

function wordsOfSql(sql: string): SqlWord[] {
  return [...sql.matchAll(WORD)].flatMap(([raw]) => {
    const word = readWord(raw)
    return word === null ? [] : [word]
  })
}

function readWord(raw: string): SqlWord | null {
  if (raw.startsWith('--') || raw.startsWith('/*')) return null
  if (/^[xX]'/.test(raw)) return { kind: 'blob', word: raw.slice(2, -1) }
  const quote = raw[0] ?? ''
  if (raw.length > 1 && quote === '[') return { kind: 'name', word: foldName(raw.slice(1, -1)) }
  if (raw.length > 1 && (quote === '"' || quote === '`' || quote === "'"))
    return {
      kind: quote === "'" ? 'text' : 'name',
      word: foldName(raw.slice(1, -1).replaceAll(quote + quote, quote)),
    }
  if (/\d/.test(quote)) return { kind: 'number', word: raw }
  return /^[\w$\u0080-\uffff]/.test(raw) ? { kind: 'name', word: foldName(raw) } : { kind: 'sign', word: raw }
}

/** Everything that a statement may name, folded. A text in single quotes may hold names in turn (an FTS option). */
export function namesInSql(sql: string): Set<string> {
  const names = new Set<string>()
  for (const { kind, word } of wordsOfSql(sql)) {
    if (kind === 'name') names.add(word)
    if (kind !== 'text') continue
    names.add(word)
    // Bounded: what is quoted once more is no name of a table or column.
    for (const inner of word.match(/[\w$\u0080-\uffff]+/g) ?? []) names.add(inner)
  }
  return names
}

/** Whether a statement holds a literal that could be a value of a column: any text or blob, or a number of four digits and more. */
export function hasLiteral(sql: string): boolean {
  return wordsOfSql(sql).some(
    ({ kind, word }) =>
      (kind === 'text' && word !== '') || kind === 'blob' || (kind === 'number' && word.length > 3),
  )
}

/** The parts of a CREATE TABLE between its outer parentheses: a column or a constraint each. */
function partsOfTable(sql: string): SqlWord[][] {
  const words = wordsOfSql(sql)
  const open = words.findIndex(({ kind, word }) => kind === 'sign' && word === '(')
  const parts: SqlWord[][] = [[]]
  let depth = 0
  for (const word of words.slice(open + 1)) {
    if (word.kind === 'sign' && word.word === '(') depth++
    if (word.kind === 'sign' && word.word === ')' && --depth < 0) break
    if (word.kind === 'sign' && word.word === ',' && depth === 0) parts.push([])
    else parts.at(-1)?.push(word)
  }
  return parts
}

/** The columns that a CREATE VIRTUAL TABLE names, folded: its arguments but for options such as `content=''`. */
export function columnsOfVirtual(sql: string): string[] {
  return partsOfTable(sql).flatMap(part => {
    // An R-Tree's columns that are not indexed have a plus in front.
    const [first] = part.filter(({ word }) => word !== '+')
    const isOption = part[1]?.kind === 'sign' && part[1].word === '='
    return first?.kind === 'name' && !isOption ? [first.word] : []
  })
}

/** Whether a statement inserts into a table, by its folded name, without naming the columns. */
export function insertsByPosition(sql: string, table: string): boolean {
  const words = wordsOfSql(sql)
  return words.some(({ kind, word }, index) => {
    if (kind !== 'name' || word !== 'into' || words[index + 1]?.word !== table) return false
    const after = words[index + 2]
    const next = after?.word === 'as' ? words[index + 4] : after
    return !(next?.kind === 'sign' && next.word === '(')
  })
}

/**
 * Whether a statement reads columns in their order, whatever they are called: of one of `tables`, by their folded
 * names, in `x IN table`, or of any in a common table expression that names its columns anew.
 */
export function readsByPosition(sql: string, tables: ReadonlySet<string>): boolean {
  const words = wordsOfSql(sql)
  const isTable = (index: number): boolean => tables.has(words[index]?.word ?? '')
  return words.some(({ kind, word }, index) => {
    if (kind !== 'name') return false
    if (word === 'in') return isTable(index + 1) || (words[index + 2]?.word === '.' && isTable(index + 3))
    if (word !== 'as' || words[index - 1]?.word !== ')') return false
    const body = words.slice(index + 1).find(each => each.word !== 'not' && each.word !== 'materialized')
    return body?.word === '('
  })
}

/** Whether a statement puts rows together from several parts, some of which may come from no table. */
export function isCompound(sql: string): boolean {
  return wordsOfSql(sql).some(
    ({ kind, word }) => kind === 'name' && ['union', 'except', 'intersect', 'values'].includes(word),
  )
}

/** The columns that a statement joins by, folded: those of USING; null where NATURAL takes all of one name. */
export function joinedColumns(sql: string): Set<string> | null {
  const words = wordsOfSql(sql)
  const isNamed =
    (wanted: string): ((word: SqlWord) => boolean) =>
    word =>
      word.kind === 'name' && word.word === wanted
  if (words.some(isNamed('natural'))) return null
  const isUsing = isNamed('using')
  return new Set(
    words.flatMap((word, index) => (isUsing(word) ? namesInParentheses(words.slice(index + 1)) : [])),
  )
}

/** Whether a statement calls one of `names`, folded, as if it were a function. */
export function callsAny(sql: string, names: ReadonlySet<string>): boolean {
  const words = wordsOfSql(sql)
  return words.some(({ word }, index) => names.has(word) && words[index + 1]?.word === '(')
}

/** The names that stand in each CHECK of a CREATE TABLE, folded. */
export function namesByCheck(sql: string): Set<string>[] {
  return partsOfTable(sql).flatMap(part =>
    part.flatMap(({ kind, word }, index) =>
      kind === 'name' && word === 'check' ? [new Set(namesInParentheses(part.slice(index + 1)))] : [],
    ),
  )
}

/** The names that stand in any CHECK of a CREATE TABLE, folded. */
export function namesInChecks(sql: string): Set<string> {
  return new Set(namesByCheck(sql).flatMap(names => [...names]))
}

/** The names in the condition of a partial index, folded; empty for an index of all rows. */
export function namesInWhere(sql: string): Set<string> {
  const words = wordsOfSql(sql)
  let depth = 0
  const where = words.findIndex(({ kind, word }) => {
    if (kind === 'sign' && word === '(') depth++
    if (kind === 'sign' && word === ')') depth--
    return depth === 0 && kind === 'name' && word === 'where'
  })
  const condition = where < 0 ? [] : words.slice(where + 1)
  return new Set(condition.flatMap(({ kind, word }) => (kind === 'name' || kind === 'text' ? [word] : [])))
}

/** The names that a column's own definition mentions after its name, folded; empty when it is not found. */
export function namesInColumn(sql: string, column: string): Set<string> {
  const part = partsOfTable(sql).find(([first]) => first?.word === foldName(column))
  return new Set(
    (part ?? []).slice(1).flatMap(({ kind, word }) => (kind === 'name' || kind === 'text' ? [word] : [])),
  )
}

function namesInParentheses(words: readonly SqlWord[]): string[] {
  const names: string[] = []
  let depth = 0
  for (const { kind, word } of words) {
    if (kind === 'sign' && word === '(') depth++
    if (kind === 'sign' && word === ')') depth--
    if (depth <= 0) break
    if (kind === 'name' || kind === 'text') names.push(word)
  }
  return names
}
