import type { ExportMetadata, ExportSchema, ExportTable } from '../export/model.ts'
import type { CheckedSummary } from './head.ts'
import type { SqlValue } from './values.ts'

/** Takes in what a reader reads. */
export interface ImportSink {
  /** Once, before any row. */
  begin(metadata: ExportMetadata, schema: ExportSchema): void
  /** One row: the rowid first where the table has one in the export, then its columns. */
  row(table: ExportTable, values: readonly SqlValue[]): void
  /** Once, after the last row. */
  end(summary: CheckedSummary): void
}

/** Reads an export that comes in chunks, which may be overwritten after each call. Throws `Malformed`. */
export interface ExportReader {
  write(chunk: Buffer): void
  /** The export has no more bytes. Throws when it should have. */
  end(): void
}

/** The names under which the values of a row stand, in their order. */
export function fieldsOf({ rowid, columns }: ExportTable): readonly string[] {
  return rowid === null ? columns : [rowid, ...columns]
}
