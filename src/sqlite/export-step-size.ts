/** What reading a table in steps has in common, whatever the rows are found by: how large a step is, and its statements. */
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { RowEncoder } from '../export/encode/encoder.ts'
import type { RowOutput } from './export-row-bytes.ts'

/** Large enough that a step's own cost vanishes, small enough to stay in the processor's cache. */
const STEP_BYTES = 256 << 10
/** No step's text is longer, so that no table makes us hold more; a row that is longer gets a step of its own. */
export const STEP_BYTES_MAX: number = 8 << 20
const STEP_ROWS_MAX = 10_000
const STEP_GROWTH = 32

/** What a reader works with. */
export interface ReaderParts {
  readonly encoder: RowEncoder
  readonly statements: Statements
  readonly out: RowOutput
}

/**
 * How many rows the next step should have. Pure.
 *
 * @param stepRows how many the step before was to have
 * @param rowBytes of a row on average, in the step before
 */
export function nextStepRows(stepRows: number, rowBytes: number): number {
  const fitting = Math.floor(STEP_BYTES / Math.max(1, rowBytes))
  // Not at once: the rows that follow may be larger than those before.
  return Math.max(1, Math.min(fitting, stepRows * STEP_GROWTH, STEP_ROWS_MAX))
}

/** Statements that give rows as arrays, and integers as bigints, each prepared once. */
export class Statements {
  readonly #connection: DatabaseSync
  readonly #prepared = new Map<string, StatementSync>()

  constructor(connection: DatabaseSync) {
    this.#connection = connection
  }

  get(sql: string): StatementSync {
    const known = this.#prepared.get(sql)
    if (known !== undefined) return known
    const statement = this.#connection.prepare(sql)
    statement.setReturnArrays(true)
    statement.setReadBigInts(true)
    this.#prepared.set(sql, statement)
    return statement
  }
}
