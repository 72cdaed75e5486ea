/** Conditions that callers write: each must be one expression, whatever it is put into. */
import type { DatabaseSync } from 'node:sqlite'
import { BackupError } from '../errors.ts'
import type { TableCondition } from './requests.ts'
import { quoteName } from './sql.ts'

/**
 * Throws `INVALID_ARGUMENT` for what is not one condition on the rows of its table. Nothing is run.
 *
 * An expression is one by itself and within parentheses: what closes a parenthesis of ours is none by itself, and
 * what goes on after a condition is none within.
 */
export function checkConditions(connection: DatabaseSync, conditions: readonly TableCondition[]): void {
  for (const { table, where } of conditions) {
    try {
      for (const condition of [where, `(${where}\n)`]) {
        const statement = connection.prepare(`SELECT 1 FROM ${quoteName(table)} WHERE ${condition}`)
        // SQLite shows what is bound there, and nothing is.
        if (statement.expandedSQL !== statement.sourceSQL) throw refused(table, where, 'it has parameters')
      }
    } catch (error) {
      const isSaidBySqlite = error instanceof Error && 'errcode' in error
      throw isSaidBySqlite ? refused(table, where, error.message) : error
    }
  }
}

function refused(table: string, where: string, why: string): BackupError {
  return new BackupError(
    'INVALID_ARGUMENT',
    `Not a condition on the rows of ${JSON.stringify(table)} (${why}): ${where}`,
    { hint: "It is what stands behind WHERE in SQL, such as: id > 100 AND country = 'CH'" },
  )
}
