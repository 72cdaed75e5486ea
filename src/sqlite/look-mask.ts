/** Which columns of an image are not shown, and why. */
import type { DatabaseSync } from 'node:sqlite'
import { foldName } from '../export/redact/parse-redaction.ts'
import { namesInColumn, namesInSql } from '../export/redact/sql-words.ts'
import type { WantedRedaction } from '../export/redact/plan.ts'
import { judgeTable } from '../export/sensitive/scan.ts'
import type { MaskedColumn } from '../look/model.ts'
import type { SchemaDescription, TableDescription } from './describe-tables.ts'
import { findSensitive, tiedTo } from './export-redaction.ts'
import type { SensitiveOrder } from './look-requests.ts'
import { sampleColumns } from './sample-columns.ts'
import { quoteName } from './sql.ts'

export class Masks {
  readonly #columns = new Map<string, MaskedColumn>()

  add(masked: MaskedColumn): void {
    const key = keyOf(masked.table, masked.column)
    if (!this.#columns.has(key)) this.#columns.set(key, masked)
  }

  of(table: string, column: string): MaskedColumn | null {
    return this.#columns.get(keyOf(table, column)) ?? null
  }

  get all(): MaskedColumn[] {
    return [...this.#columns.values()]
  }

  /** Those of one table. */
  in(table: string): MaskedColumn[] {
    return this.all.filter(masked => foldName(masked.table) === foldName(table))
  }
}

/** Finds them by name and by content, as an export would, and what holds the same: ties, generated columns, virtual tables. */
export function findMasks(
  connection: DatabaseSync,
  schema: SchemaDescription,
  { words, notSensitive }: SensitiveOrder,
): Masks {
  const exceptions = new Set(notSensitive.map(({ table, column }) => keyOf(table, column)))
  const isMeant = ({ table, column }: { table: string; column: string }): boolean =>
    !exceptions.has(keyOf(table, column))
  const masks = new Masks()
  const found = findSensitive(connection, schema.tables, words).filter(isMeant)
  for (const { table, column, why } of found) masks.add({ table, column, why })
  const wanted = new Map<string, Map<string, WantedRedaction>>()
  for (const { table, column } of found) {
    const columns = wanted.get(table) ?? new Map<string, WantedRedaction>()
    wanted.set(table, columns.set(column, { how: 'omit', isExplicit: false }))
  }
  for (const { table, column } of tiedTo(wanted, connection, schema))
    masks.add({ table, column, why: 'It holds the same values as another sensitive column.' })
  if (schema.tables.some(table => isCounted(table, schema, masks)))
    masks.add({
      table: 'sqlite_sequence',
      column: 'seq',
      why: 'It has the greatest value of a sensitive column.',
    })
  for (const table of schema.tables) {
    if (table.kind === 'ordinary') maskGenerated(table, schema, masks, isMeant)
    if (table.kind !== 'virtual') continue
    for (const { column, why } of judgeVirtual(connection, table.name, words))
      if (isMeant({ table: table.name, column })) masks.add({ table: table.name, column, why })
  }
  return masks
}

/** Whether the masked key of a table is one that SQLite counts. */
function isCounted(
  { name, columns, isRowidColumn }: TableDescription,
  schema: SchemaDescription,
  masks: Masks,
): boolean {
  const key = isRowidColumn ? columns.find(({ primaryKey }) => primaryKey > 0) : undefined
  if (key === undefined || masks.of(name, key.name) === null) return false
  return namesInSql(statementOf(name, schema)).has('autoincrement')
}

function statementOf(table: string, { objects }: SchemaDescription): string {
  const found = objects.find(({ type, name }) => type === 'table' && foldName(name) === foldName(table))
  return found?.sql ?? ''
}

type IsMeant = (column: { table: string; column: string }) => boolean

/** What is computed from a masked column gives it away. One whose definition tells no name is not trusted. */
function maskGenerated(
  { name: table, columns }: TableDescription,
  schema: SchemaDescription,
  masks: Masks,
  isMeant: IsMeant,
): void {
  const generated = columns.filter(({ isGenerated }) => isGenerated)
  if (generated.length === 0) return
  const sql = statementOf(table, schema)
  // One may be computed from another, in any order.
  for (const _ of generated)
    for (const { name: column } of generated) {
      const masked = masks.in(table)
      const names = namesInColumn(sql, column)
      const isTelling = names.size === 0 || masked.some(each => names.has(foldName(each.column)))
      if (masked.length > 0 && isTelling && isMeant({ table, column }))
        masks.add({ table, column, why: 'It is computed from a sensitive column.' })
    }
}

/** An export makes virtual tables anew, so there only their ordinary sources are judged. */
function judgeVirtual(
  connection: DatabaseSync,
  table: string,
  words: readonly string[],
): readonly { readonly column: string; readonly why: string }[] {
  const columns = virtualColumns(connection, table)
  if (columns === null) return []
  const names = columns.map(({ name }) => name)
  let samples: unknown[][]
  try {
    samples = sampleColumns(connection, table, names)
  } catch {
    // What cannot be read shows nothing either.
    samples = []
  }
  const sampled = columns.map(({ name, declaredType }, index) => ({
    column: name,
    declaredType,
    values: samples[index] ?? [],
  }))
  return judgeTable(table, sampled, { words })
}

/** Without hidden ones; null where the table cannot be opened here, for want of a tokenizer or by damage. */
export function virtualColumns(
  connection: DatabaseSync,
  table: string,
): readonly { readonly name: string; readonly declaredType: string }[] | null {
  try {
    return connection
      .prepare(`PRAGMA table_xinfo(${quoteName(table)})`)
      .all()
      .filter(row => row['hidden'] === 0)
      .map(row => ({ name: String(row['name']), declaredType: String(row['type']) }))
  } catch {
    return null
  }
}

function keyOf(table: string, column: string): string {
  return JSON.stringify([foldName(table), foldName(column)])
}
