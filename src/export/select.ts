/** Which parts of a database an export has. Pure: reads a description, returns a plan. */
import { BackupError } from '../errors.ts'
import type { SchemaDescription, TableDescription } from '../sqlite/describe-tables.ts'
import { quoteName } from '../sqlite/sql.ts'
import { likelyClass, sqlText } from './encode/expression.ts'
import type { LeftOut, SchemaObject, TableKind, TablePlan } from './model.ts'
import { foldName } from './redact/parse-redaction.ts'

export interface Selection {
  /** Only these tables, by name; all when absent. A virtual one brings its data. */
  readonly tables?: readonly string[] | undefined
  /** All but these. */
  readonly exclude?: readonly string[] | undefined
  /** Conditions in SQL, by table. */
  readonly where?: Readonly<Record<string, string>> | undefined
}

/** A table as it is exported, and how its rows are found. */
export interface SelectedTable {
  readonly plan: TablePlan
  /** The name of the rowid to read it by; null to read it in one go. */
  readonly by: string | null
}

export interface Selected {
  readonly tables: readonly SelectedTable[]
  readonly objects: readonly SchemaObject[]
  readonly leftOut: readonly LeftOut[]
}

/** SQLite's own tables come last: the rows of others change them. */
const ORDER: Readonly<Record<TableKind, number>> = { ordinary: 0, virtual: 1, shadow: 2, internal: 3 }

/** Throws `INVALID_ARGUMENT` for a table that is not there. */
export function selectTables(schema: SchemaDescription, selection: Selection): Selected {
  const names = schema.tables.map(({ name }) => name)
  const asked = [
    ...(selection.tables ?? []),
    ...(selection.exclude ?? []),
    ...Object.keys(selection.where ?? {}),
  ]
  for (const name of asked) requireKnown(name, names)
  requireRows(schema, Object.keys(selection.where ?? {}))
  const isSelected = selector(schema, selection)
  const selected = names.filter(isSelected)
  const where = new Map(Object.entries(selection.where ?? {}).map(([name, sql]) => [foldName(name), sql]))
  const tables = schema.tables
    .filter(({ name }) => isSelected(name))
    .toSorted((a, b) => ORDER[a.kind] - ORDER[b.kind])
    .flatMap(table =>
      planTable(table, where.get(foldName(table.name)) ?? ownRows(table, selected, names.length)),
    )
  const { kept, leftOut } = selectObjects(schema, isSelected)
  return { tables, objects: kept, leftOut }
}

function selector(schema: SchemaDescription, { tables, exclude }: Selection): (name: string) => boolean {
  const isWhole = tables === undefined && (exclude ?? []).length === 0
  if (isWhole) return () => true
  const lower = (names: readonly string[]): Set<string> => new Set(names.map(name => foldName(name)))
  const wanted = tables === undefined ? null : lower(tables)
  const unwanted = lower(exclude ?? [])
  const isNamed = (name: string): boolean =>
    (wanted === null || wanted.has(foldName(name))) && !unwanted.has(foldName(name))
  const virtual = schema.tables.filter(({ kind }) => kind === 'virtual').map(({ name }) => name)
  const kinds = new Map(schema.tables.map(({ name, kind }) => [name, kind]))
  return name => {
    if (kinds.get(name) === 'internal') return true
    if (kinds.get(name) !== 'shadow') return isNamed(name)
    const owner = virtual
      .filter(each => foldName(name).startsWith(`${foldName(each)}_`))
      .toSorted((a, b) => b.length - a.length)[0]
    return isNamed(owner ?? name) || (wanted?.has(foldName(name)) ?? false)
  }
}

/** What SQLite notes down about tables says nothing of those that are left out. */
function ownRows({ name, kind }: TableDescription, selected: readonly string[], all: number): string | null {
  if (kind !== 'internal' || selected.length === all) return null
  return `${name === 'sqlite_sequence' ? 'name' : 'tbl'} IN (${selected.map(sqlText).join(', ')})`
}

function planTable(table: TableDescription, where: string | null): SelectedTable[] {
  const { name, kind, rowid, isRowidColumn } = table
  if (kind === 'virtual') return []
  const columns = table.columns
    .filter(({ isGenerated }) => !isGenerated)
    .map(({ name: column, declaredType }) => ({
      name: column,
      sql: quoteName(column),
      likely: likelyClass(declaredType),
    }))
  const plan = { name, kind, columns, rowid: isRowidColumn ? null : rowid, file: null, where }
  return [{ plan, by: rowid }]
}

/** Of a part of the tables, views and triggers that name another one would not work, nor what names such a view. */
function selectObjects(
  schema: SchemaDescription,
  isSelected: (name: string) => boolean,
): { kept: SchemaObject[]; leftOut: LeftOut[] } {
  const missing = schema.tables.filter(({ name }) => !isSelected(name)).map(({ name }) => foldName(name))
  const views = new Set(
    schema.objects.filter(({ type }) => type === 'view').map(({ name }) => foldName(name)),
  )
  // Indexes and triggers go with their table, without a word.
  const objects = schema.objects.filter(
    ({ type, name, table }) => views.has(foldName(table)) || isSelected(type === 'table' ? name : table),
  )
  const dependents = objects.filter(({ type }) => type === 'view' || type === 'trigger')
  const words = new Map(dependents.map(object => [object, wordsOf(object.sql)]))
  const leftOut = new Map<SchemaObject, LeftOut>()
  for (let before = -1; before !== leftOut.size;) {
    before = leftOut.size
    for (const [object, named] of words) {
      const { type, name } = object
      const lacking = leftOut.has(object) ? undefined : missing.find(each => named.has(each))
      if (lacking === undefined) continue
      leftOut.set(object, { type, name, why: `it needs ${lacking}, which is not exported` })
      if (type === 'view') missing.push(foldName(name))
    }
  }
  return {
    kept: objects.filter(object => !leftOut.has(object)),
    leftOut: dependents.flatMap(object => leftOut.get(object) ?? []),
  }
}

/** Every name that may stand in a statement, in lower case. */
function wordsOf(sql: string): Set<string> {
  const words =
    sql.match(/"(?:[^"]|"")*"|'(?:[^']|'')*'|`(?:[^`]|``)*`|\[[^\]]*\]|[^\s()"'`[\],;.=<>+*/|&!~%-]+/g) ?? []
  return new Set(words.map(word => foldName(unquote(word))))
}

function unquote(word: string): string {
  const first = word[0] ?? ''
  if (first === '[') return word.slice(1, -1)
  return '"\'`'.includes(first) ? word.slice(1, -1).replaceAll(first + first, first) : word
}

/** A condition cannot be put to the tables in which a virtual one keeps its rows. */
function requireRows({ tables }: SchemaDescription, names: readonly string[]): void {
  const folded = new Set(names.map(name => foldName(name)))
  const virtual = tables.find(({ name, kind }) => kind === 'virtual' && folded.has(foldName(name)))
  if (virtual === undefined) return
  throw new BackupError(
    'INVALID_ARGUMENT',
    `${virtual.name} is a virtual table, which has no rows of its own to choose from`,
    { hint: 'Export it as a whole, or leave it out with --exclude (exclude).' },
  )
}

function requireKnown(name: string, names: readonly string[]): void {
  if (names.some(known => foldName(known) === foldName(name))) return
  throw new BackupError('INVALID_ARGUMENT', `There is no table ${JSON.stringify(name)} in the database`, {
    hint: names.length === 0 ? 'It has no tables.' : `It has: ${names.slice(0, 50).join(', ')}.`,
  })
}
