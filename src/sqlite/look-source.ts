/** What is in an image: its tables and views, as far as SQLite understands them. */
import type { DatabaseSync } from 'node:sqlite'
import { isSameName } from '../export/redact/parse-redaction.ts'
import type { LookedColumn, LookedIndex, LookedKind, LookedTable } from '../look/model.ts'
import { describeSchema, type SchemaDescription, type TableDescription } from './describe-tables.ts'
import { isRevealing, isRevealingView } from './look-guard.ts'
import { findMasks, type Masks, virtualColumns } from './look-mask.ts'
import { withImage } from './look-open.ts'
import type { LookAnswer, LookOrder } from './look-requests.ts'
import { quoteName } from './sql.ts'
import { countRows } from './tables.ts'

export function look(order: LookOrder): Promise<LookAnswer> {
  return withImage(order.path, connection => {
    const schema = describeSchema(connection)
    const masks = findMasks(connection, schema, order)
    const { settings, sqliteVersion } = schema
    return { settings, sqliteVersion, tables: describe(connection, schema, masks, order) }
  })
}

function describe(
  connection: DatabaseSync,
  schema: SchemaDescription,
  masks: Masks,
  order: LookOrder,
): LookedTable[] {
  const { objects } = schema
  // A trigger has the name of its table as whoever made it has spelled it.
  const triggersOf = (name: string): string[] =>
    objects
      .filter(object => object.type === 'trigger' && isSameName(object.table, name))
      .map(object => object.name)
  const tables = schema.tables.map((table): LookedTable => {
    const { name, kind } = table
    const isCounted = order.countRows && kind !== 'virtual'
    return {
      name,
      kind: kind === 'ordinary' ? 'table' : (kind satisfies LookedKind),
      rows: isCounted ? countRows(connection, name) : null,
      columns: columnsOf(connection, table, masks),
      sql: objects.find(object => object.type === 'table' && object.name === name)?.sql ?? '',
      indexes: kind === 'virtual' ? [] : indexesOf(connection, name, schema),
      triggers: triggersOf(name),
      readable: !isRevealing(table, schema),
    }
  })
  const views = objects
    .filter(({ type }) => type === 'view')
    .map(({ name, sql }): LookedTable => ({
      name,
      kind: 'view',
      rows: null,
      columns: null,
      sql,
      indexes: [],
      triggers: triggersOf(name),
      readable: !isRevealingView(sql, masks),
    }))
  return [...tables, ...views]
}

function columnsOf(
  connection: DatabaseSync,
  table: TableDescription,
  masks: Masks,
): readonly LookedColumn[] | null {
  const { name, kind } = table
  const sensitiveOf = (column: string): LookedColumn['sensitive'] => {
    const masked = masks.of(name, column)
    return masked === null ? null : { why: masked.why }
  }
  if (kind !== 'virtual')
    return table.columns.map(column => ({
      name: column.name,
      type: column.declaredType,
      notNull: column.notNull,
      primaryKey: column.primaryKey,
      generated: column.isGenerated,
      sensitive: sensitiveOf(column.name),
    }))
  const columns = virtualColumns(connection, name)
  if (columns === null) return null
  return columns.map(column => ({
    name: column.name,
    type: column.declaredType,
    notNull: false,
    primaryKey: 0,
    generated: false,
    sensitive: sensitiveOf(column.name),
  }))
}

function indexesOf(connection: DatabaseSync, table: string, { objects }: SchemaDescription): LookedIndex[] {
  return pragma(connection, 'index_list', table).map(row => {
    const name = String(row['name'])
    return {
      name,
      unique: row['unique'] === 1,
      columns: pragma(connection, 'index_xinfo', name)
        .filter(column => column['key'] === 1)
        .map(column => (typeof column['name'] === 'string' ? column['name'] : null)),
      sql: objects.find(object => object.type === 'index' && object.name === name)?.sql ?? null,
    }
  })
}

function pragma(connection: DatabaseSync, name: string, argument: string): Record<string, unknown>[] {
  return connection.prepare(`PRAGMA ${name}(${quoteName(argument)})`).all()
}
