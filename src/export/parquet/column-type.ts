/** Which one Parquet type holds the values of a SQLite column, whose values may each have a type of their own. */
import type { SchemaElement } from 'hyparquet-writer'

export type StorageClass = 'integer' | 'real' | 'text' | 'blob'

/**
 * How a column's values are written: `integer` as INT64, `real` as DOUBLE, `text` as STRING, `bytes` as BYTE_ARRAY
 * without a logical type, `mixed` as STRING that holds each value in JSON (see {@link mixedValue}).
 */
export type ParquetKind = 'integer' | 'real' | 'text' | 'bytes' | 'mixed'

/** What is to be known of all values of a column. */
export interface ColumnFacts {
  /** Those that occur; NULL is in every type. */
  readonly classes: readonly StorageClass[]
  /** Whether every integer equals a double. */
  readonly areIntegersExact: boolean
  /** Whether all text is valid in the database's encoding. */
  readonly isTextValid: boolean
}

/** Decides the type of a column. One without any value counts as text. */
export function decideKind({ classes, areIntegersExact, isTextValid }: ColumnFacts): ParquetKind {
  const [first = 'text', ...others] = classes
  if (others.length > 0) {
    const isNumeric = classes.every(name => name === 'integer' || name === 'real')
    return isNumeric && areIntegersExact ? 'real' : 'mixed'
  }
  if (first === 'text') return isTextValid ? 'text' : 'bytes'
  return first === 'blob' ? 'bytes' : first
}

/** The column as the file's schema has it. Every one may hold NULL. */
export function schemaElement(name: string, kind: ParquetKind): SchemaElement {
  const base = { name, repetition_type: 'OPTIONAL' } as const
  switch (kind) {
    case 'integer':
      return { ...base, type: 'INT64' }
    case 'real':
      return { ...base, type: 'DOUBLE' }
    case 'bytes':
      return { ...base, type: 'BYTE_ARRAY' }
    case 'text':
    case 'mixed':
      return { ...base, type: 'BYTE_ARRAY', converted_type: 'UTF8', logical_type: { type: 'STRING' } }
  }
}
