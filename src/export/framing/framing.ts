/** What stands around the rows of an export. */
import type { ExportMetadata, ExportSchema, ExportSummary, TablePlan } from '../model.ts'

export interface ExportHead {
  readonly metadata: ExportMetadata
  readonly schema: ExportSchema
}

/** The text around the rows, in the order in which it is written. */
export interface Framing {
  readonly head: (head: ExportHead) => string
  readonly tableHead: (table: TablePlan, place: { readonly isFirst: boolean }) => string
  /** Stands between two pieces of a table's rows. */
  readonly separator: string
  readonly tableTail: (table: TablePlan, rows: number) => string
  readonly tail: (summary: ExportSummary, head: ExportHead) => string
}

/** What a schema says of a table, without how its values come about. */
export function describePlan({
  name,
  kind,
  columns,
  rowid,
  file,
}: TablePlan): ExportSchema['tables'][number] {
  return { name, kind, columns: columns.map(column => column.name), rowid, file }
}
