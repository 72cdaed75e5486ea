/** Reads what a user says of a redaction: `users.email=mask`. */
import { BackupError } from '../../errors.ts'
import { REDACTIONS, type RedactionWay } from '../model.ts'
import { nearest } from './nearest.ts'

export interface RedactionRequest {
  readonly table: string
  readonly column: string
  readonly how: RedactionWay
}

/** A table as far as a request names it. */
export interface NamedTable {
  readonly name: string
  readonly columns: readonly { readonly name: string }[]
}

const NAME = String.raw`"(?:[^"]|"")+"|[^".=]+`
const REDACTION = new RegExp(String.raw`^\s*(${NAME})\.(${NAME})=\s*([^=]+?)\s*$`, 'u')

/**
 * Reads `table.column=how`. A name with a dot, `=` or `"` in it stands in double quotes, as in SQL.
 * Errors: INVALID_ARGUMENT.
 */
export function parseRedaction(text: string): RedactionRequest {
  const match = REDACTION.exec(text)
  if (match === null)
    throw new BackupError('INVALID_ARGUMENT', `Not a redaction: ${text}`, {
      hint: 'Write it as table.column=how, such as users.email=mask. Put names that hold a dot in double quotes: "my.table"."my.column"=hash.',
    })
  const [, table = '', column = '', how = ''] = match
  const way = REDACTIONS.find(known => known === how.toLowerCase())
  if (way === undefined)
    throw new BackupError('INVALID_ARGUMENT', `Unknown way to redact ${table}.${column}: ${how}`, {
      hint: `Choose one of ${REDACTIONS.join(', ')}.`,
    })
  return { table: unquote(table), column: unquote(column), how: way }
}

/** Reads `table.column`. Errors: INVALID_ARGUMENT. */
export function parseColumn(text: string): Pick<RedactionRequest, 'table' | 'column'> {
  const { table, column } = parseRedaction(`${text}=omit`)
  return { table, column }
}

/**
 * The request with its names as the schema spells them; SQLite's names ignore the case of ASCII letters.
 * Errors: INVALID_ARGUMENT, which names what comes near.
 */
export function resolveRedaction(request: RedactionRequest, tables: readonly NamedTable[]): RedactionRequest {
  const table = tables.find(({ name }) => isSameName(name, request.table))
  if (table === undefined)
    throw new BackupError('INVALID_ARGUMENT', `There is no table ${request.table} to redact`, {
      hint: suggestion(
        request.table,
        tables.map(({ name }) => name),
        'tables',
      ),
    })
  const column = table.columns.find(({ name }) => isSameName(name, request.column))
  if (column === undefined)
    throw new BackupError('INVALID_ARGUMENT', `Table ${table.name} has no column ${request.column}`, {
      hint: suggestion(
        request.column,
        table.columns.map(({ name }) => name),
        'columns',
      ),
    })
  return { table: table.name, column: column.name, how: request.how }
}

/** Whether SQLite takes two names for the same: it folds ASCII letters only. */
export function isSameName(one: string, other: string): boolean {
  return foldName(one) === foldName(other)
}

/** A name with its ASCII letters in lower case: the key to look it up by. */
export function foldName(name: string): string {
  return name.replaceAll(/[A-Z]+/g, letters => letters.toLowerCase())
}

function suggestion(wanted: string, names: readonly string[], what: string): string {
  const near = nearest(wanted, names)
  if (near.length > 0) return `Did you mean ${near.join(' or ')}?`
  const some = names.slice(0, 10).join(', ')
  return names.length === 0
    ? `There are no ${what}.`
    : `The ${what}: ${some}${names.length > 10 ? ', …' : ''}.`
}

function unquote(name: string): string {
  return name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name.trim()
}
