/** What may hold a secret of a part of the schema that is lost, so that nothing tells it any more. Pure. */
import type { LeftOut, SchemaObject } from '../export/model.ts'
import { foldName } from '../export/redact/parse-redaction.ts'
import { hasLiteral } from '../export/redact/sql-words.ts'
import type { SchemaDescription, TableDescription } from './describe-tables.ts'
import type { RedactionOrder } from './requests.ts'

/** The tables in which FTS and R-Tree keep what they hold, by their columns, where the virtual table itself is lost. */
const SHADOWS: readonly RegExp[] = [
  /_content (?:id|docid),c0/,
  /_data id,block$/,
  /_idx segid,term,pgno$/,
  /_segments blockid,block$/,
  /_segdir level,idx,start_block,/,
  /_node nodeno,data$/,
  /_rowid rowid,nodeno/,
]

/**
 * Of what is asked for: virtual tables, which lost tables and triggers may have fed, and views and triggers that
 * compare something with a value of their own, or store one, which may be a lost column's.
 */
export function doubtfulParts(
  { tables }: SchemaDescription,
  order: Pick<RedactionOrder, 'tables' | 'objects'>,
): LeftOut[] {
  const asked = new Set(order.tables.map(foldName))
  return [
    ...tables
      .filter(table => asked.has(foldName(table.name)) && isVirtual(table))
      .map(({ name }): LeftOut => ({
        type: 'table',
        name,
        why: 'a part of the schema is lost, and it may have been filled from there',
      })),
    ...order.objects.filter(hasValues).map(({ type, name }): LeftOut => ({
      type,
      name,
      why: 'a part of the schema is lost, and a value in its statement may be from there',
    })),
  ]
}

function isVirtual({ name, kind, columns }: TableDescription): boolean {
  if (kind !== 'ordinary') return kind !== 'internal'
  const description = foldName(`${name} ${columns.map(column => column.name).join(',')}`)
  return SHADOWS.some(shadow => shadow.test(description))
}

function hasValues({ type, sql }: SchemaObject): boolean {
  return (type === 'view' || type === 'trigger') && hasLiteral(sql)
}
