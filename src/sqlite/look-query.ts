/** A caller's own statement, on an image. */
import type { DatabaseSync, SQLOutputValue, StatementSync } from 'node:sqlite'
import { BackupError } from '../errors.ts'
import type { Cell } from '../look/model.ts'
import { describeSchema } from './describe-tables.ts'
import { cellOf, TakenRows } from './look-cells.ts'
import { explainStatement } from './look-errors.ts'
import { LookGuard } from './look-guard.ts'
import { findMasks } from './look-mask.ts'
import { QUERY_VALUE_BYTES_MAX, withImage } from './look-open.ts'
import type { QueryAnswer, QueryOrder } from './look-requests.ts'

export function query(order: QueryOrder): Promise<QueryAnswer> {
  return withImage(order.path, connection => {
    const schema = describeSchema(connection)
    const masks = order.includeSensitive ? null : findMasks(connection, schema, order)
    const guard = new LookGuard(connection, schema, masks)
    // Node before 25.8 knows no limits; there the memory is watched all the same.
    if ('limits' in connection) connection.limits.length = QUERY_VALUE_BYTES_MAX
    try {
      const statement = prepareOne(connection, order.sql)
      guard.requireNoOtherWay(order.sql)
      const rows = guard.running(() => readAll(statement, order.limit))
      return {
        columns: statement.columns().map(({ name }) => name),
        rows: rows.rows,
        masked: [...guard.masked],
        truncated: rows.full,
      }
    } catch (error) {
      throw explainStatement(error, 'The statement', guard)
    }
  })
}

/** SQLite compiles the first statement of a text and passes over the rest. */
function prepareOne(connection: DatabaseSync, sql: string): StatementSync {
  const statement = connection.prepare(sql)
  const rest = sql.slice(statement.sourceSQL.length)
  if (isNothing(rest)) return statement
  throw new BackupError('INVALID_ARGUMENT', 'One statement at a time is run, and here are more', {
    hint: `Leave out what follows the first: ${rest.trim().slice(0, 60)}`,
  })
}

/** Whether there is nothing but space, comments and semicolons. */
function isNothing(sql: string): boolean {
  const comments = /--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)/g
  return sql.replaceAll(comments, '').replaceAll(';', '').trim() === ''
}

function readAll(statement: StatementSync, limit: number): TakenRows<readonly Cell[]> {
  statement.setReadBigInts(true)
  statement.setReturnArrays(true)
  const rows = new TakenRows<readonly Cell[]>(limit)
  for (const row of statement.iterate())
    if (!rows.add((row as unknown as SQLOutputValue[]).map(cellOf))) break
  return rows
}
