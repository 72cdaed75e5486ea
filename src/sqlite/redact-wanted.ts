/** Widens what is to be redacted to the columns that hold the same: sources of generated ones, and foreign keys. */
import { foldName } from '../export/redact/parse-redaction.ts'
import type { WantedRedaction, WantedRedactions } from '../export/redact/plan.ts'
import { namesInColumn } from '../export/redact/sql-words.ts'
import type { RedactionWay } from '../export/model.ts'
import type { TableFacts } from './redact-facts.ts'
import { columnKey, type TiedColumn } from './redact-ties.ts'

/** Redacted columns that foreign keys tie, all in the same way. */
export interface Tie {
  /** The column that names the tie, by which a fake kind is guessed. */
  readonly table: string
  readonly column: string
  readonly collation: string | null
  /** Whether numbers in one column are text in another. */
  readonly isMixed: boolean
}

export interface WantedColumn extends WantedRedaction {
  readonly table: string
  readonly column: string
  readonly isGenerated: boolean
  readonly tie: Tie | null
}

export interface Schema {
  readonly tables: readonly TableFacts[]
  /** The CREATE statement of a table. */
  readonly sqlOf: (table: string) => string
  readonly ties: ReadonlyMap<string, readonly TiedColumn[]>
}

/** By {@link columnKey}. Names that no ordinary table has are passed over. */
export function widenWanted(wanted: WantedRedactions, schema: Schema): Map<string, WantedColumn> {
  const found = new Map<string, WantedColumn>()
  const queue = [...wanted].flatMap(([table, columns]) =>
    [...columns].map(([column, redaction]) => ({ table, column, ...redaction })),
  )
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    const { table: tableName, column: columnName, how, isExplicit } = next
    const table = schema.tables.find(({ name }) => foldName(name) === foldName(tableName))
    const column = table?.columns.find(({ name }) => foldName(name) === foldName(columnName))
    if (table === undefined || column === undefined) continue
    const key = columnKey(table.name, column.name)
    const known = found.get(key)
    // What was asked for goes before what follows from another column.
    if (known !== undefined && (known.isExplicit || !isExplicit)) continue
    const group = schema.ties.get(key) ?? []
    const isAlone = group.length === 0 || standsAlone(next, group, key)
    found.set(key, {
      table: table.name,
      column: column.name,
      how,
      isExplicit,
      isGenerated: column.isGenerated,
      tie: isAlone ? null : tieOf(group),
    })
    const implied = { how, isExplicit: false }
    if (column.isGenerated)
      for (const source of sourcesOf(table, schema.sqlOf(table.name), column.name))
        queue.push({ table: table.name, column: source, ...implied })
    if (!isAlone)
      for (const member of group) queue.push({ table: member.table, column: member.column.name, ...implied })
  }
  return alignTies(found, schema)
}

/** Somebody asked to empty the referring side only: NULL refers to nothing, so the other side need not change. */
function standsAlone(
  { how, isExplicit }: WantedRedaction,
  group: readonly TiedColumn[],
  key: string,
): boolean {
  const self = group.find(member => columnKey(member.table, member.column.name) === key)
  const empties = how === 'null' || how === 'omit'
  return (
    isExplicit &&
    empties &&
    self !== undefined &&
    !self.isParent &&
    !self.column.notNull &&
    self.column.pk === 0
  )
}

function tieOf(group: readonly TiedColumn[]): Tie {
  const head = group.find(({ isParent }) => isParent) ?? group[0]
  const numeric = group.filter(({ column }) => column.isNumeric).length
  return {
    table: head?.table ?? '',
    column: head?.column.name ?? '',
    collation: group.map(({ column }) => column.collation).find(collation => collation !== null) ?? null,
    isMixed: numeric > 0 && numeric < group.length,
  }
}

/** The generated columns of a table need what they are computed from. */
function sourcesOf(table: TableFacts, sql: string, column: string): string[] {
  const names = namesInColumn(sql, column)
  return table.columns
    .filter(({ name }) => name !== column && names.has(foldName(name)))
    .map(({ name }) => name)
}

/** Equal values must become equal ones: one way for all of a tie, the one that somebody asked for if it can. */
function alignTies(found: Map<string, WantedColumn>, { ties }: Schema): Map<string, WantedColumn> {
  for (const [key, column] of found) {
    if (column.tie === null) continue
    const members = (ties.get(key) ?? []).flatMap(
      member => found.get(columnKey(member.table, member.column.name)) ?? [],
    )
    const asked = members.find(
      ({ isExplicit, how, tie }) => tie !== null && isExplicit && KEEPS_EQUAL.has(how),
    )
    found.set(key, { ...column, how: column.tie.isMixed ? 'hash' : (asked?.how ?? 'hash') })
  }
  return found
}

const KEEPS_EQUAL: ReadonlySet<RedactionWay> = new Set<RedactionWay>(['mask', 'hash', 'fake'])
