/** What is decided on before an export that redacts: the types, and which objects of the schema have to go. */
import type { LeftOut, RedactedColumn, RedactionWay, SchemaObject, TableKind } from '../model.ts'
import { foldName } from './parse-redaction.ts'
import { hasLiteral, insertsByPosition, isCompound, namesInSql, readsByPosition } from './sql-words.ts'
import type { SqliteValue } from './values.ts'

/** A table of the source, with the columns that a statement can name. */
export interface RedactableTable {
  readonly name: string
  readonly kind: TableKind
  readonly columns: readonly { readonly name: string; readonly declaredType?: string }[]
}

export interface WantedRedaction {
  readonly how: RedactionWay
  /** Whether somebody asked for it, or the scan found the column. */
  readonly isExplicit: boolean
}

/** By table, then by column, as the schema spells them. */
export type WantedRedactions = ReadonlyMap<string, ReadonlyMap<string, WantedRedaction>>

/** A SQL function that redacts. It is deterministic, and may be called by the exporter's statements only. */
export interface RedactionFunction {
  /** `chame_redact_0` and so on. */
  readonly name: string
  readonly redact: (value: SqliteValue) => SqliteValue
}

export interface ColumnRedaction {
  /** What is really done, which the schema may have changed from what was wanted. */
  readonly how: RedactionWay
  /** SQL that gives the value; null for a column that is not in the export (and for a generated one). */
  readonly expression: string | null
}

export interface RedactionPlan {
  /** By table, then by column: the redacted ones only. */
  readonly columns: ReadonlyMap<string, ReadonlyMap<string, ColumnRedaction>>
  /** The schema of the export: tables without their omitted columns, and nothing that is in `leftOut`. */
  readonly objects: readonly SchemaObject[]
  /** Tables in it have no rows in the export either. */
  readonly leftOut: readonly LeftOut[]
  readonly redacted: readonly RedactedColumn[]
  /** What the expressions call. */
  readonly functions: readonly RedactionFunction[]
}

/** Folded names of the redacted columns of one table. */
export interface RedactedNames {
  /** Folded name of the table. */
  readonly table: string
  readonly omitted: ReadonlySet<string>
  readonly replaced: ReadonlySet<string>
}

/** A reason to leave out something with this SQL on a redacted table; null when there is none. */
export function reasonToLeaveOut(
  sql: string,
  { omitted, replaced }: Omit<RedactedNames, 'table'>,
): string | null {
  const names = namesInSql(sql)
  const gone = [...omitted].find(column => names.has(column))
  if (gone !== undefined) return `it uses the column ${gone}, which is left out`
  const other = [...replaced].find(column => names.has(column))
  return other !== undefined && hasLiteral(sql)
    ? `it compares the redacted column ${other} with a value, which could be one of its own`
    : null
}

/**
 * Views and triggers that use a redacted column, may hold a value of one, or rest on something that is left
 * out itself. A view that reads a table counts as that table for what reads the view.
 *
 * @param goneNames folded names of tables that are left out.
 */
export function leaveOutDependents(
  objects: readonly SchemaObject[],
  redacted: readonly RedactedNames[],
  goneNames: ReadonlySet<string>,
): LeftOut[] {
  const gone = new Set(goneNames)
  const leftOut = new Map<string, LeftOut>()
  const candidates = objects.filter(({ type }) => type === 'view' || type === 'trigger')
  const mentions = new Map(candidates.map(object => [object, namesInSql(object.sql)]))
  const reads = redacted.map(names => ({
    names,
    carriers: carriersOf(names.table, mentions),
    showing: viewsShowing(names, mentions),
  }))
  for (let before = -1; before !== leftOut.size;) {
    before = leftOut.size
    for (const [object, names] of mentions) {
      if (leftOut.has(keyOf(object))) continue
      const why = reasonOf(object, names, { gone, reads })
      if (why === null) continue
      leftOut.set(keyOf(object), { type: object.type, name: object.name, why })
      if (object.type === 'view') gone.add(foldName(object.name))
    }
  }
  return [...leftOut.values()]
}

interface Surroundings {
  readonly gone: ReadonlySet<string>
  readonly reads: readonly {
    readonly names: RedactedNames
    readonly carriers: ReadonlySet<string>
    /** Views that show a redacted column, under whatever name. */
    readonly showing: ReadonlySet<string>
  }[]
}

function reasonOf(
  object: SchemaObject,
  names: ReadonlySet<string>,
  { gone, reads }: Surroundings,
): string | null {
  const missing = [...gone].find(name => names.has(name) || foldName(object.table) === name)
  if (missing !== undefined && missing !== foldName(object.name))
    return `it uses ${missing}, which is left out`
  const uses = (name: string): boolean =>
    name !== foldName(object.name) && (names.has(name) || foldName(object.table) === name)
  for (const { names: redacted, carriers, showing } of reads) {
    const shown = [...showing].find(uses)
    if (shown !== undefined && hasLiteral(object.sql))
      return `it compares what ${shown} shows of a redacted column with a value, which could be one of its own`
    if (![...carriers].some(carrier => names.has(carrier) || foldName(object.table) === carrier)) continue
    const why = reasonToLeaveOut(object.sql, redacted) ?? reasonByPosition(object, redacted, carriers)
    if (why !== null) return why
  }
  return null
}

/** Values may stand for a redacted column without its name: in the order of the columns. */
function reasonByPosition(
  { type, sql }: SchemaObject,
  { table, omitted }: RedactedNames,
  carriers: ReadonlySet<string>,
): string | null {
  if (insertsByPosition(sql, table) && (omitted.size > 0 || hasLiteral(sql)))
    return `it fills ${table} without naming its columns, some of which are redacted`
  if (readsByPosition(sql, carriers) && (omitted.size > 0 || hasLiteral(sql)))
    return `it reads ${table} without naming its columns, some of which are redacted`
  return type === 'view' && isCompound(sql) && hasLiteral(sql)
    ? `it puts values of its own beside those of ${table}, some of which are redacted`
    : null
}

/** A table and the views that read it, at first or second hand. */
function carriersOf(table: string, mentions: ReadonlyMap<SchemaObject, ReadonlySet<string>>): Set<string> {
  const carriers = new Set([table])
  for (let before = 0; before !== carriers.size;) {
    before = carriers.size
    for (const [{ type, name }, names] of mentions)
      if (type === 'view' && [...carriers].some(carrier => names.has(carrier))) carriers.add(foldName(name))
  }
  return carriers
}

function viewsShowing(
  { table, replaced }: RedactedNames,
  mentions: ReadonlyMap<SchemaObject, ReadonlySet<string>>,
): Set<string> {
  const showing = new Set<string>()
  const shows = (sql: string, names: ReadonlySet<string>): boolean =>
    [...showing].some(view => names.has(view)) ||
    (names.has(table) && (sql.includes('*') || [...replaced].some(column => names.has(column))))
  for (let before = -1; before !== showing.size;) {
    before = showing.size
    for (const [{ type, name, sql }, names] of mentions)
      if (type === 'view' && shows(sql, names)) showing.add(foldName(name))
  }
  return showing
}

/** Names are unique among tables, indexes and views, and among triggers. */
export function keyOf({
  type,
  name,
}: {
  readonly type: SchemaObject['type']
  readonly name: string
}): string {
  return `${type === 'trigger' ? 'trigger' : 'table'}:${foldName(name)}`
}
