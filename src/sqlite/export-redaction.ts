/** What is sensitive in the open export, and what is done about it. */
import type { DatabaseSync } from 'node:sqlite'
import { foldName, resolveRedaction } from '../export/redact/parse-redaction.ts'
import type { RedactionWay } from '../export/model.ts'
import type { WantedRedaction, WantedRedactions } from '../export/redact/plan.ts'
import {
  judgeColumn,
  judgeTable,
  type SampledColumn,
  type SensitiveFinding,
  type SensitiveRules,
} from '../export/sensitive/scan.ts'
import type { SchemaDescription, TableDescription } from './describe-tables.ts'
import { tableFacts } from './redact-facts.ts'
import { tiedColumns } from './redact-ties.ts'
import { widenWanted } from './redact-wanted.ts'
import { planRedactions } from './redaction.ts'
import type { RedactionAnswer, RedactionOrder } from './requests.ts'
import { sampleColumns } from './sample-columns.ts'

/** Judges every column that has data of its own: those of virtual tables are judged with them. */
export function findSensitive(
  connection: DatabaseSync,
  tables: readonly TableDescription[],
  words: readonly string[],
): SensitiveFinding[] {
  return tables
    .filter(({ kind }) => kind === 'ordinary')
    .flatMap(({ name, columns }) => {
      // Generated columns are not exported, and what they compute may be made to take hours.
      const names = columns.filter(({ isGenerated }) => !isGenerated).map(column => column.name)
      const samples = sampleColumns(connection, name, names)
      const sampled = columns.map(({ name: column, declaredType }) => ({
        column,
        declaredType,
        values: samples[names.indexOf(column)] ?? [],
      }))
      const found = judgeTable(name, sampled, { words })
      const others = sampled.filter(({ column }) => !found.some(each => each.column === column))
      const orphans = orphansIn(connection, name, tables)
      return [...found, ...judgeOrphans(name, orphans, others, { words })]
    })
}

interface Orphan {
  readonly column: string
  readonly parent: string
  /** Null names the parent's PRIMARY KEY. */
  readonly to: string | null
}

/** The columns that refer to a table which is not there: dropped, or lost with a part of the schema. */
function orphansIn(connection: DatabaseSync, table: string, tables: readonly TableDescription[]): Orphan[] {
  const known = new Set(tables.map(({ name }) => foldName(name)))
  return tableFacts(connection, table)
    .foreignKeys.filter(({ parent }) => !known.has(foldName(parent)))
    .flatMap(({ from, parent, to }) =>
      from.map((column, index): Orphan => ({ column, parent, to: to[index] ?? null })),
    )
}

/** They hold what is there no more, so they are judged as that would be. */
function judgeOrphans(
  table: string,
  orphans: readonly Orphan[],
  columns: readonly SampledColumn[],
  rules: SensitiveRules,
): SensitiveFinding[] {
  return orphans.flatMap(({ column, parent, to }) => {
    const own = columns.find(each => foldName(each.column) === foldName(column))
    if (own === undefined) return []
    const found = judgeColumn({ ...own, table: parent, column: to ?? 'id' }, rules)
    return found?.by !== 'name'
      ? []
      : [{ ...found, table, column: own.column, why: `It refers to ${parent}. ${found.why}` }]
  })
}

/**
 * Plans the redactions and registers what their expressions call. Tables that are not exported count too: others
 * may hold the same by a foreign key, or index it.
 */
export async function redactExport(
  connection: DatabaseSync,
  schema: SchemaDescription,
  { tables: names, objects, explicit, includeSensitive, notSensitive, words, key }: RedactionOrder,
): Promise<RedactionAnswer> {
  const selected = new Set(names.map(foldName))
  const tables = schema.tables.filter(({ name }) => selected.has(foldName(name)))
  const wanted = new Map<string, Map<string, WantedRedaction>>()
  const want = (table: string, column: string, redaction: WantedRedaction): void => {
    const columns = wanted.get(table) ?? new Map<string, WantedRedaction>()
    wanted.set(table, columns.set(column, redaction))
  }
  const exceptions = new Set(notSensitive.map(({ table, column }) => keyOf(table, column)))
  const findings = includeSensitive ? [] : findSensitive(connection, schema.tables, words)
  for (const { table, column } of findings) {
    if (!exceptions.has(keyOf(table, column))) want(table, column, { how: 'omit', isExplicit: false })
  }
  for (const request of explicit) {
    const { table, column, how } = resolveRedaction(request, schema.tables)
    want(table, column, { how, isExplicit: true })
  }
  for (const { table, column, how } of tiedTo(wanted, connection, schema)) {
    if (wanted.get(table)?.has(column) !== true) want(table, column, { how, isExplicit: false })
  }
  const plan = await planRedactions(connection, { objects, tables, allObjects: schema.objects }, wanted, {
    key,
    words: includeSensitive ? null : words,
  })
  return {
    columns: [...plan.columns].flatMap(([table, columns]) =>
      [...columns].map(([column, { expression }]) => ({ table, column, sql: expression })),
    ),
    objects: plan.objects,
    leftOut: plan.leftOut,
    redacted: plan.redacted,
  }
}

/** What is wanted, with all that holds the same anywhere in the database. */
export function tiedTo(
  wanted: WantedRedactions,
  connection: DatabaseSync,
  { tables, objects }: SchemaDescription,
): Iterable<{ readonly table: string; readonly column: string; readonly how: RedactionWay }> {
  const facts = tables
    .filter(({ kind }) => kind === 'ordinary')
    .map(({ name }) => tableFacts(connection, name))
  const statements = new Map(
    objects.filter(({ type }) => type === 'table').map(({ name, sql }) => [foldName(name), sql]),
  )
  const sqlOf = (table: string): string => statements.get(foldName(table)) ?? ''
  return widenWanted(wanted, { tables: facts, ties: tiedColumns(facts), sqlOf }).values()
}

function keyOf(table: string, column: string): string {
  return JSON.stringify([foldName(table), foldName(column)])
}
