/** Columns that foreign keys tie: what is done to one has to be done to all, or joins break. */
import { foldName } from '../export/redact/parse-redaction.ts'
import type { ColumnFacts, TableFacts } from './redact-facts.ts'

export interface TiedColumn {
  readonly table: string
  readonly column: ColumnFacts
  /** Whether another column refers to it. */
  readonly isParent: boolean
}

/** For each column in a foreign key, by its key of {@link columnKey}, all that it is tied to, itself among them. */
export function tiedColumns(tables: readonly TableFacts[]): Map<string, readonly TiedColumn[]> {
  const byName = new Map(tables.map(table => [foldName(table.name), table]))
  const groups = new Map<string, Map<string, TiedColumn>>()
  for (const child of tables)
    for (const { from, parent: parentName, to } of child.foreignKeys) {
      const parent = byName.get(foldName(parentName))
      if (parent === undefined) continue
      const keys = parent.columns.filter(({ pk }) => pk > 0).sort((one, other) => one.pk - other.pk)
      for (const [index, name] of from.entries()) {
        const target = to[index] ?? keys[index]?.name
        const one = columnOf(child, name)
        const other = target === undefined ? undefined : columnOf(parent, target)
        if (one === undefined || other === undefined) continue
        join(
          groups,
          { table: child.name, column: one, isParent: false },
          { table: parent.name, column: other, isParent: true },
        )
      }
    }
  return new Map([...groups].map(([key, group]) => [key, [...group.values()]]))
}

export function columnKey(table: string, column: string): string {
  return JSON.stringify([foldName(table), foldName(column)])
}

function columnOf({ columns }: TableFacts, name: string): ColumnFacts | undefined {
  return columns.find(column => foldName(column.name) === foldName(name))
}

function join(groups: Map<string, Map<string, TiedColumn>>, ...members: readonly TiedColumn[]): void {
  const joined = new Map<string, TiedColumn>()
  const add = (member: TiedColumn): void => {
    const key = columnKey(member.table, member.column.name)
    joined.set(key, { ...member, isParent: member.isParent || joined.get(key)?.isParent === true })
  }
  for (const member of members) {
    for (const known of groups.get(columnKey(member.table, member.column.name))?.values() ?? []) add(known)
    add(member)
  }
  for (const key of joined.keys()) groups.set(key, joined)
}
