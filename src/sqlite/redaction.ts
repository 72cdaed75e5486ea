/** Plans what an export redacts and how, on the source's own connection and in scratch databases. */
import type { DatabaseSync } from 'node:sqlite'
import type { LeftOut, RedactedColumn, SchemaObject } from '../export/model.ts'
import { loadFaker } from '../export/redact/fake.ts'
import { guessFakeKind } from '../export/redact/fake-kinds.ts'
import { foldName, isSameName } from '../export/redact/parse-redaction.ts'
import {
  type ColumnRedaction,
  keyOf,
  leaveOutDependents,
  type RedactableTable,
  type RedactedNames,
  type RedactionPlan,
  reasonToLeaveOut,
  type WantedRedactions,
} from '../export/redact/plan.ts'
import { columnsOfVirtual, namesInChecks, namesInSql, namesInWhere } from '../export/redact/sql-words.ts'
import {
  leaveOutVirtual,
  reasonAgainstVirtual,
  type VirtualTable,
  virtualTablesOf,
} from '../export/redact/virtual.ts'
import { judgeColumn } from '../export/sensitive/scan.ts'
import { type TableFacts, tableFacts } from './redact-facts.ts'
import { registerRedactions } from './redact-functions.ts'
import { redactTable, type TableRedaction } from './redact-table.ts'
import { columnKey, tiedColumns } from './redact-ties.ts'
import { type Schema, type Tie, type WantedColumn, widenWanted } from './redact-wanted.ts'
import { sampleColumns } from './sample-columns.ts'

export interface RedactionOptions {
  /** Of hashes and made-up values: with the same key, equal values are equal in several exports. 32 random bytes. */
  readonly key: Uint8Array
  /** Words of the caller's own that make a name sensitive; null where nothing is redacted but what was asked for. */
  readonly words: readonly string[] | null
}

/** What of the source is exported: its schema objects, and every table with its columns. */
export interface RedactableSchema {
  readonly objects: readonly SchemaObject[]
  /** Those of the whole database, where that is more: what is not exported may have fed what is. */
  readonly allObjects?: readonly SchemaObject[]
  readonly tables: readonly RedactableTable[]
}

/**
 * Decides what is done with every wanted column, with those that hold the same by a foreign key or a generated
 * column, and with everything in the schema that would carry their values. What it plans loads: NOT NULL,
 * UNIQUE, CHECK and foreign keys hold. Virtual tables are judged by their own content too, so call it also when
 * nothing is wanted.
 *
 * Registers its functions on `connection`; another one that runs the expressions needs registerRedactions().
 * Needs the PRAGMAs table_xinfo, index_list, index_xinfo and foreign_key_list. Errors: INVALID_ARGUMENT when the
 * constraints of a table allow no way.
 */
export async function planRedactions(
  connection: DatabaseSync,
  source: RedactableSchema,
  wanted: WantedRedactions,
  options: RedactionOptions,
): Promise<RedactionPlan> {
  const schema = readSchema(connection, source)
  const columns = widenWanted(wanted, schema)
  const tables = await redactTables({ connection, source, schema, columns, options })
  return assemble({ connection, source, schema, wanted, tables, options })
}

function readSchema(connection: DatabaseSync, { objects, tables }: RedactableSchema): Schema {
  const facts = tables
    .filter(({ kind }) => kind === 'ordinary')
    .map(({ name }) => tableFacts(connection, name))
  const statements = new Map(
    objects.filter(({ type }) => type === 'table').map(({ name, sql }) => [foldName(name), sql]),
  )
  return { tables: facts, ties: tiedColumns(facts), sqlOf: table => statements.get(foldName(table)) ?? '' }
}

interface Planning {
  readonly connection: DatabaseSync
  readonly source: RedactableSchema
  readonly schema: Schema
  readonly columns: ReadonlyMap<string, WantedColumn>
  readonly options: RedactionOptions
}

async function redactTables(planning: Planning): Promise<Map<string, TableRedaction>> {
  const { connection, source, schema, columns, options } = planning
  const isFaked = [...columns.values()].some(({ how }) => how === 'fake')
  const tools = { key: options.key, faker: isFaked ? await loadFaker() : null }
  let functions = 0
  const redactions = new Map<string, TableRedaction>()
  for (const [table, wanted] of Map.groupBy(columns.values(), column => column.table)) {
    const facts = schema.tables.find(({ name }) => name === table)
    const object = source.objects.find(({ type, name }) => type === 'table' && isSameName(name, table))
    if (facts === undefined || object === undefined) continue
    const redaction = redactTable({
      connection,
      facts,
      object,
      indexes: source.objects.filter(
        ({ type, table: owner }) => type === 'index' && isSameName(owner, table),
      ),
      wanted,
      tools,
      fakeKindOf: column => fakeKindOf(connection, column),
      isShaped: tie => isChecked(tie, schema),
      nextFunctionName: () => `chame_redact_${functions++}`,
    })
    registerRedactions(connection, redaction.functions)
    redactions.set(table, redaction)
  }
  return redactions
}

function fakeKindOf(
  connection: DatabaseSync,
  { table, column, tie, how }: WantedColumn,
): ReturnType<typeof guessFakeKind> {
  if (how !== 'fake') return 'word'
  const from = tie ?? { table, column }
  return guessFakeKind(from.column, sampleColumns(connection, from.table, [from.column])[0] ?? [])
}

function isChecked(tie: Tie, { ties, sqlOf }: Schema): boolean {
  const members = ties.get(columnKey(tie.table, tie.column)) ?? []
  return members.some(({ table, column }) => namesInChecks(sqlOf(table)).has(foldName(column.name)))
}

interface Assembly extends Omit<Planning, 'columns'> {
  readonly wanted: WantedRedactions
  readonly tables: ReadonlyMap<string, TableRedaction>
}

function assemble(assembly: Assembly): RedactionPlan {
  const { source, wanted, tables, schema } = assembly
  const names = [...tables].map(([table, { columns }]) => redactedNames(table, columns))
  const outside = [...wanted]
    .filter(
      ([table, columns]) => columns.size > 0 && !schema.tables.some(({ name }) => isSameName(name, table)),
    )
    .map(([table, columns]) => namesOf(table, [...columns.keys()]))
  const virtual = leaveOutVirtualTables(assembly, [...names, ...outside])
  const indexes = leaveOutIndexes(source.objects, names, schema.tables)
  const goneTables = new Set(virtual.map(({ name }) => foldName(name)))
  const dependents = leaveOutDependents(source.objects, names, goneTables)
  const hasRedacted = tables.size > 0 || virtual.length > 0
  const statistics = hasRedacted ? leaveOutStatistics(source.tables) : []
  const leftOut = [...virtual, ...indexes, ...dependents, ...statistics]
  const gone = new Set(leftOut.map(keyOf))
  return {
    columns: new Map([...tables].map(([table, { columns }]) => [table, columns])),
    objects: source.objects
      .filter(object => !gone.has(keyOf(object)))
      .map(object => rewritten(object, tables)),
    leftOut,
    redacted: [...tables].flatMap(([table, { columns }]) =>
      [...columns].map(([column, { how }]): RedactedColumn => ({ table, column, how })),
    ),
    functions: [...tables.values()].flatMap(({ functions }) => functions),
  }
}

function rewritten(object: SchemaObject, tables: ReadonlyMap<string, TableRedaction>): SchemaObject {
  if (object.type !== 'table') return object
  const sql = [...tables].find(([table]) => isSameName(table, object.name))?.[1].sql
  return sql === undefined ? object : { ...object, sql }
}

function redactedNames(table: string, columns: ReadonlyMap<string, ColumnRedaction>): RedactedNames {
  const of = (isOmitted: boolean): Set<string> =>
    new Set(
      [...columns].filter(([, { how }]) => (how === 'omit') === isOmitted).map(([name]) => foldName(name)),
    )
  return { table: foldName(table), omitted: of(true), replaced: of(false) }
}

function namesOf(table: string, columns: readonly string[]): RedactedNames {
  return { table: foldName(table), omitted: new Set(columns.map(foldName)), replaced: new Set() }
}

function leaveOutVirtualTables(assembly: Assembly, names: readonly RedactedNames[]): LeftOut[] {
  const { objects, allObjects = objects, tables } = assembly.source
  const asked = new Set(objects.map(keyOf))
  return virtualTablesOf(allObjects, tables).flatMap(virtual => {
    // Of one that is not exported itself some parts may be.
    if (!asked.has(keyOf(virtual.object)) && virtual.shadows.length === 0) return []
    const why = reasonAgainstVirtual(virtual, allObjects, names) ?? reasonInContent(virtual, assembly)
    return why === null ? [] : leaveOutVirtual(virtual, why)
  })
}

/** A virtual table that the application fills itself: its columns' names, and what its shadow tables hold. */
function reasonInContent(
  { object, shadows }: VirtualTable,
  { connection, source, options }: Assembly,
): string | null {
  if (options.words === null) return null
  const rules = { words: options.words }
  for (const name of columnsOfVirtual(object.sql)) {
    const found = judgeColumn({ table: object.name, column: name, declaredType: '', values: [] }, rules)
    if (found !== null) return `its column ${name} is sensitive: ${found.why}`
  }
  for (const shadow of shadows) {
    const columns = source.tables.find(({ name }) => name === shadow)?.columns.map(({ name }) => name) ?? []
    for (const [index, values] of sampleColumns(connection, shadow, columns).entries()) {
      const column = columns[index] ?? ''
      const found = judgeColumn({ table: shadow, column, declaredType: '', values }, rules)
      if (found?.by === 'content') return `its content is sensitive: ${found.why}`
    }
  }
  return null
}

function leaveOutIndexes(
  objects: readonly SchemaObject[],
  names: readonly RedactedNames[],
  tables: readonly TableFacts[],
): LeftOut[] {
  return objects.flatMap(({ type, name, table, sql }): LeftOut[] => {
    const redacted = names.find(entry => entry.table === foldName(table))
    if (type !== 'index' || redacted === undefined) return []
    const computed = computedOver(sql, name, { redacted, tables })
    const why =
      reasonToLeaveOut(sql, { omitted: redacted.omitted, replaced: new Set() }) ??
      (computed === null ? null : `it is computed from the redacted column ${computed}`)
    return why === null ? [] : [{ type, name, why }]
  })
}

/** A plain index is made anew of the redacted values; an expression may fail on them, and a condition hold for more. */
function computedOver(
  sql: string,
  index: string,
  { redacted, tables }: { readonly redacted: RedactedNames; readonly tables: readonly TableFacts[] },
): string | null {
  const facts = tables.flatMap(({ indexes }) => indexes).find(({ name }) => isSameName(name, index))
  const names = facts?.hasExpression === true ? namesInSql(sql) : namesInWhere(sql)
  return [...redacted.replaced].find(column => names.has(column)) ?? null
}

/** `sqlite_stat4` holds samples of the indexed values themselves; `sqlite_stat1` only counts. */
function leaveOutStatistics(tables: readonly RedactableTable[]): LeftOut[] {
  return tables
    .filter(({ name }) => /^sqlite_stat[34]$/i.test(name))
    .map(({ name }): LeftOut => ({ type: 'table', name, why: 'it holds samples of indexed values' }))
}
