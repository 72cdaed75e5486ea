/** Decides which virtual tables go, because they index, copy or are fed what is redacted. */
import type { LeftOut, SchemaObject } from '../model.ts'
import { foldName } from './parse-redaction.ts'
import type { RedactableTable, RedactedNames } from './plan.ts'
import { namesInSql } from './sql-words.ts'

/** The option of full-text tables that names the table or view with the texts; empty where nobody has them. */
const HAS_CONTENT = /[(,]\s*content\s*=\s*(?:'[^']+'|"[^"]+"|`[^`]+`|\[[^\]]+\]|\w+)/i

export interface VirtualTable {
  readonly object: SchemaObject
  /** Its shadow tables, as the schema spells them. */
  readonly shadows: readonly string[]
}

export function virtualTablesOf(
  objects: readonly SchemaObject[],
  tables: readonly RedactableTable[],
): VirtualTable[] {
  const virtual = objects.filter(({ type, sql }) => type === 'table' && isVirtual(sql))
  const names = virtual.map(({ name }) => foldName(name)).sort((one, other) => other.length - one.length)
  const shadows = tables.filter(({ kind }) => kind === 'shadow')
  return virtual.map(object => ({
    object,
    shadows: shadows
      // The longest name that fits is its owner: `a_b` owns `a_b_data`, not `a`.
      .filter(
        ({ name }) => names.find(owner => foldName(name).startsWith(`${owner}_`)) === foldName(object.name),
      )
      .map(({ name }) => name),
  }))
}

/**
 * Why a virtual table goes; null when it stays. It goes when one of its own columns or of its shadow tables is
 * to be redacted; when it names a redacted column, which it then indexes or copies; and when a trigger that
 * mentions a redacted column writes to it.
 */
export function reasonAgainstVirtual(
  { object, shadows }: VirtualTable,
  objects: readonly SchemaObject[],
  redacted: readonly RedactedNames[],
): string | null {
  const own = [object.name, ...shadows].map(foldName)
  if (redacted.some(({ table }) => own.includes(table))) return 'it holds what is redacted'
  const names = namesWithViews(object.sql, objects)
  const all = redacted.flatMap(({ table, omitted, replaced }) =>
    [...omitted, ...replaced].map(column => ({ table, column })),
  )
  // What has its content elsewhere indexes that; what has its own may be filled from anywhere.
  const isElsewhere = HAS_CONTENT.test(object.sql)
  const indexed = all.find(({ table, column }) => names.has(column) && (!isElsewhere || names.has(table)))
  if (indexed !== undefined) return `it indexes ${indexed.column}, which is redacted in ${indexed.table}`
  for (const trigger of objects.filter(({ type }) => type === 'trigger')) {
    const inTrigger = namesInSql(trigger.sql)
    if (!own.some(name => inTrigger.has(name))) continue
    const fed = all.find(
      ({ table, column }) =>
        inTrigger.has(column) && (inTrigger.has(table) || foldName(trigger.table) === table),
    )
    if (fed !== undefined)
      return `the trigger ${trigger.name} writes the redacted ${fed.table}.${fed.column} to it`
  }
  return null
}

/** What a statement names, with what the views that it names read in turn: the content of an FTS table may be a view. */
function namesWithViews(sql: string, objects: readonly SchemaObject[]): Set<string> {
  const names = namesInSql(sql)
  const views = objects.filter(({ type }) => type === 'view')
  const taken = new Set<SchemaObject>()
  for (let before = -1; before !== taken.size;) {
    before = taken.size
    for (const view of views) {
      if (taken.has(view) || !names.has(foldName(view.name))) continue
      taken.add(view)
      for (const name of namesInSql(view.sql)) names.add(name)
    }
  }
  return names
}

/** The virtual table itself with its shadow tables. */
export function leaveOutVirtual({ object, shadows }: VirtualTable, why: string): LeftOut[] {
  return [
    { type: 'table', name: object.name, why },
    ...shadows.map((name): LeftOut => ({ type: 'table', name, why: `it belongs to ${object.name}` })),
  ]
}

function isVirtual(sql: string): boolean {
  return /^\s*create\s+virtual\s/i.test(sql)
}
