import type { BackupsCompared, ComparedTable, ComparisonSummary } from '../reports.ts'

/** Whether something about a table differs, as far as it was compared. */
function isDifferent({ status, added, removed, changed, columns }: ComparedTable): boolean {
  const isOnOneSide = status === 'added' || status === 'removed'
  const names = columns.added.length + columns.removed.length + columns.changed.length
  return isOnOneSide || added + removed + changed + names > 0
}

export function statusOf({
  tables,
  objects,
}: Pick<BackupsCompared, 'tables' | 'objects'>): BackupsCompared['status'] {
  if (objects.length > 0 || tables.some(isDifferent)) return 'different'
  return tables.some(({ status }) => status === 'not-compared') ? 'incomplete' : 'equal'
}

/** What a comparison has found, in a few figures. */
export function summarizeComparison({ status, tables }: BackupsCompared): ComparisonSummary {
  const sum = (of: (table: ComparedTable) => number): number =>
    tables.reduce((total, table) => total + of(table), 0)
  return {
    status,
    differingTables: tables.filter(isDifferent).length,
    tables: tables.length,
    added: sum(({ added }) => added),
    removed: sum(({ removed }) => removed),
    changed: sum(({ changed }) => changed),
  }
}
