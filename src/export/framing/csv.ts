import { csvHeader } from '../encode/csv.ts'
import type { CsvDialect } from '../model.ts'
import type { Framing } from './framing.ts'

/** A table's file: the line of column names, then the rows. */
export function csvFraming(dialect: CsvDialect): Framing {
  return {
    head: () => '',
    tableHead: table => csvHeader(table, dialect),
    separator: '',
    tableTail: () => '',
    tail: () => '',
  }
}

/** Parquet says all of this itself. */
export const PARQUET_FRAMING: Framing = {
  head: () => '',
  tableHead: () => '',
  separator: '',
  tableTail: () => '',
  tail: () => '',
}
