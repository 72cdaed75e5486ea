/** Rows of a table or a view in an image, some at a time. */
import type { DatabaseSync, SQLInputValue } from 'node:sqlite'
import { BackupError } from '../errors.ts'
import { foldName, isSameName } from '../export/redact/parse-redaction.ts'
import type { Cell, MaskedColumn } from '../look/model.ts'
import { describeSchema, type SchemaDescription, type TableDescription } from './describe-tables.ts'
import { cellSql, TakenRows, maskedSql, parseCell, registerCells } from './look-cells.ts'
import { explainStatement, revealing } from './look-errors.ts'
import { isRevealing, isRevealingView, LookGuard } from './look-guard.ts'
import { findMasks, type Masks } from './look-mask.ts'
import { withImage } from './look-open.ts'
import type { RowsAnswer, RowsOrder } from './look-requests.ts'
import { quoteName } from './sql.ts'
import { countRows } from './tables.ts'

export function readRows(order: RowsOrder): Promise<RowsAnswer> {
  return withImage(order.path, connection => {
    const schema = describeSchema(connection)
    registerCells(connection, schema.settings.encoding)
    const masks = order.includeSensitive ? null : findMasks(connection, schema, order)
    const source = findSource(order, schema, masks)
    const total = source.table !== null && order.countRows ? countRows(connection, source.name) : null
    // What we write ourselves of an ordinary table reads what it masks, to tell NULL from a value; nothing else does.
    const isOurs = source.table !== null && source.table.kind !== 'virtual'
    const guard = new LookGuard(connection, schema, isOurs ? null : masks)
    const masked = isOurs ? (masks?.in(source.name) ?? []) : []
    try {
      const columns = columnsOf(connection, source, guard)
      const rows = new TakenRows<readonly Cell[]>(order.limit)
      const { sql, parameters } = statementFor(order, source, columns, masked)
      const statement = connection.prepare(sql)
      statement.setReturnArrays(true)
      guard.running(() => {
        for (const row of statement.iterate(...parameters))
          if (!rows.add((row as unknown as string[]).map(parseCell))) break
      })
      return {
        table: source.name,
        columns,
        rows: rows.rows,
        masked: [...masked, ...guard.masked],
        total: order.search === null ? total : null,
        hasMore: rows.full !== null,
      }
    } catch (error) {
      throw explainStatement(error, JSON.stringify(source.name), guard)
    }
  })
}

interface Source {
  readonly name: string
  /** Null for a view. */
  readonly table: TableDescription | null
}

function findSource({ table: wanted }: RowsOrder, schema: SchemaDescription, masks: Masks | null): Source {
  const table = schema.tables.find(({ name }) => isSameName(name, wanted))
  if (table !== undefined) {
    if (masks !== null && isRevealing(table, schema)) throw revealing(table.name)
    return { name: table.name, table }
  }
  const view = schema.objects.find(({ type, name }) => type === 'view' && isSameName(name, wanted))
  if (view !== undefined) {
    if (masks !== null && isRevealingView(view.sql, masks)) throw revealing(view.name)
    return { name: view.name, table: null }
  }
  const names = [...schema.tables, ...schema.objects.filter(({ type }) => type === 'view')].map(
    ({ name }) => name,
  )
  throw new BackupError('INVALID_ARGUMENT', `There is no table ${JSON.stringify(wanted)} in the backup`, {
    hint: `It has: ${names.slice(0, 20).join(', ')}${names.length > 20 ? ', …' : ''}.`,
  })
}

/** Of a table SQLite tells them cheaply; a view it has to expand. */
function columnsOf(connection: DatabaseSync, { name, table }: Source, guard: LookGuard): readonly string[] {
  if (table !== null && table.kind !== 'virtual') return table.columns.map(column => column.name)
  const statement = connection.prepare(`SELECT * FROM ${quoteName(name)} LIMIT 0`)
  // Only what the rows themselves read counts as masked.
  guard.masked.clear()
  return statement.columns().map(column => column.name)
}

interface Statement {
  readonly sql: string
  readonly parameters: readonly SQLInputValue[]
}

function statementFor(
  order: RowsOrder,
  source: Source,
  columns: readonly string[],
  masked: readonly MaskedColumn[],
): Statement {
  const hidden = new Set(masked.map(({ column }) => foldName(column)))
  const isHidden = (column: string): boolean => hidden.has(foldName(column))
  const values = columns.map(column => (isHidden(column) ? maskedSql : cellSql)(quoteName(column)))
  const { search, limit, offset } = order
  const searched = columns.filter(column => !isHidden(column)).map(searchSql)
  const where = search === null ? '' : ` WHERE ${anyOf(searched)}`
  return {
    sql: `SELECT ${values.join(',')} FROM ${quoteName(source.name)}${where}${orderSql(order, source, columns, isHidden)} LIMIT ?1 OFFSET ?2`,
    parameters: [
      limit + 1,
      offset,
      ...(search === null ? [] : [`%${search.replaceAll(/[\\%_]/g, '\\$&')}%`]),
    ],
  }
}

function searchSql(column: string): string {
  const name = quoteName(column)
  // Bytes of a blob that happen to be letters are no text.
  return String.raw`(typeof(${name})<>'blob' AND ${name} LIKE ?3 ESCAPE '\')`
}

/** SQLite bounds how deep an expression may be, and a chain of ORs is as deep as it is long. */
function anyOf(conditions: readonly string[]): string {
  if (conditions.length === 0) return '?3 IS NULL'
  if (conditions.length === 1) return conditions[0] as string
  const half = conditions.length >> 1
  return `(${anyOf(conditions.slice(0, half))} OR ${anyOf(conditions.slice(half))})`
}

function orderSql(
  { orderBy, descending, includeSensitive }: RowsOrder,
  { name, table }: Source,
  columns: readonly string[],
  isHidden: (column: string) => boolean,
): string {
  const keys = table === null ? [] : keysOf(table)
  const way = descending ? ' DESC' : ''
  if (orderBy === null) return keys.length === 0 ? '' : ` ORDER BY ${keys.map(key => key + way).join(',')}`
  const column = columns.find(each => isSameName(each, orderBy))
  if (column === undefined) {
    throw new BackupError('INVALID_ARGUMENT', `${name} has no column ${JSON.stringify(orderBy)}`, {
      hint: `It has: ${columns.slice(0, 20).join(', ')}${columns.length > 20 ? ', …' : ''}.`,
    })
  }
  if (isHidden(column) && !includeSensitive) {
    throw new BackupError(
      'INVALID_ARGUMENT',
      `The order of a sensitive column is not shown: ${name}.${column}`,
      {
        hint: 'Order by another column, or ask for sensitive columns too (includeSensitive).',
      },
    )
  }
  return ` ORDER BY ${[quoteName(column), ...keys].map(key => key + way).join(',')}`
}

/** By which the rows of a table have one order, always the same. */
function keysOf({ kind, rowid, columns }: TableDescription): string[] {
  if (rowid !== null) return [rowid]
  if (kind === 'virtual') return []
  return columns
    .filter(({ primaryKey }) => primaryKey > 0)
    .toSorted((a, b) => a.primaryKey - b.primaryKey)
    .map(({ name }) => quoteName(name))
}
