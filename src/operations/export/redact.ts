/** Making an export harmless: what is found to be sensitive, what the caller and the configuration say. */
import { createHash, randomBytes } from 'node:crypto'
import { foldName, parseColumn, parseRedaction } from '../../export/redact/parse-redaction.ts'
import { sqlText } from '../../export/encode/expression.ts'
import type { RedactedColumn } from '../../export/model.ts'
import type { Selected, SelectedTable } from '../../export/select.ts'
import { fromSqlite } from '../../snapshot/sqlite-failure.ts'
import type { SchemaDescription } from '../../sqlite/describe-tables.ts'
import type { RedactionAnswer } from '../../sqlite/requests.ts'
import { begin, type Context } from '../context.ts'
import type { ExportDataRequest } from '../reports.ts'
import type { ExportSource } from './source.ts'

/** What is exported, made harmless. */
export interface Redacted extends Selected {
  readonly redacted: readonly RedactedColumn[]
}

/** Throws `INVALID_ARGUMENT` for a column that is not there, or that no way to redact it fits. */
export async function redactSelected(
  selected: Selected,
  source: ExportSource,
  request: ExportDataRequest,
  context: Context,
): Promise<Redacted> {
  const { exporting } = context.settings
  const includeSensitive = request.includeSensitive === true
  // What the configuration says is for the safe case; the caller's own wishes hold always.
  const ways = includeSensitive ? request.redact : { ...exporting.redact, ...request.redact }
  if (ways === undefined) return { ...selected, redacted: [] }
  begin(context, 'find-sensitive')
  const shadows = source.rows.schema.tables.filter(({ kind }) => kind === 'virtual').map(({ name }) => name)
  try {
    const answer = await source.rows.redact({
      tables: [...selected.tables.map(({ plan }) => plan.name), ...shadows],
      objects: selected.objects,
      explicit: Object.entries(ways).map(([column, how]) => parseRedaction(`${column}=${how}`)),
      includeSensitive,
      notSensitive: exporting.notSensitive.map(parseColumn),
      words: exporting.sensitiveWords,
      key: keyOf(exporting.redactionKey),
    })
    return withoutCounters(apply(answer, selected), source.rows.schema)
  } catch (error) {
    throw fromSqlite(error, source.path)
  }
}

/** With a key of the user's own, equal values are equal in all his exports; without one, in this export only. */
function keyOf(secret: string | undefined): Uint8Array {
  return secret === undefined ? randomBytes(32) : createHash('sha256').update(secret).digest()
}

function apply({ columns, objects, leftOut, redacted }: RedactionAnswer, selected: Selected): Redacted {
  const gone = new Set(leftOut.filter(({ type }) => type === 'table').map(({ name }) => foldName(name)))
  const sqlOf = new Map(columns.map(({ table, column, sql }) => [keyOfColumn(table, column), sql]))
  const tables = selected.tables
    .filter(({ plan }) => !gone.has(foldName(plan.name)))
    .map((table): SelectedTable => {
      const { plan } = table
      const kept = plan.columns.flatMap(column => {
        const sql = sqlOf.get(keyOfColumn(plan.name, column.name))
        return sql === null ? [] : [{ ...column, sql: sql ?? column.sql }]
      })
      return { ...table, plan: { ...plan, columns: kept } }
    })
  return { tables, objects, leftOut: [...selected.leftOut, ...leftOut], redacted }
}

/** The counter of AUTOINCREMENT is the largest rowid that there was: a value of the column, where that is redacted. */
function withoutCounters(redacted: Redacted, { tables }: SchemaDescription): Redacted {
  const columns = new Set(redacted.redacted.map(({ table, column }) => keyOfColumn(table, column)))
  const counted = tables
    .filter(
      table =>
        table.isRowidColumn &&
        table.columns.some(
          ({ name, primaryKey }) => primaryKey > 0 && columns.has(keyOfColumn(table.name, name)),
        ),
    )
    .map(({ name }) => sqlText(name))
  if (counted.length === 0) return redacted
  return {
    ...redacted,
    tables: redacted.tables.map((table): SelectedTable => {
      if (table.plan.name !== 'sqlite_sequence') return table
      const others = `name NOT IN (${counted.join(', ')})`
      const where = table.plan.where === null ? others : `(${table.plan.where}) AND ${others}`
      return { ...table, plan: { ...table.plan, where } }
    }),
  }
}

function keyOfColumn(table: string, column: string): string {
  return JSON.stringify([foldName(table), foldName(column)])
}
