/** What is wrong with a statement that was to be run on an image: it, not the image. */
import { BackupError } from '../errors.ts'
import type { LookGuard } from './look-guard.ts'

/** Result codes that tell of the statement, or of what it computes, not of the file. Source: sqlite.org/rescode.html. */
const OF_STATEMENT: ReadonlySet<number> = new Set([
  1, // SQLITE_ERROR
  7, // SQLITE_NOMEM
  18, // SQLITE_TOOBIG
  19, // SQLITE_CONSTRAINT
  20, // SQLITE_MISMATCH
  23, // SQLITE_AUTH
  25, // SQLITE_RANGE
])

/** `INVALID_ARGUMENT` with what SQLite says, or with what we refused; errors about the file come back as they are. */
export function explainStatement(error: unknown, what: string, { refusal }: LookGuard): unknown {
  if (refusal !== null) {
    return new BackupError('INVALID_ARGUMENT', `${what} was not run: ${refusal}`, {
      hint: 'Only what reads tables and views of the backup is run: SELECT, WITH, VALUES or EXPLAIN, and not what would show masked columns.',
    })
  }
  if (!(error instanceof Error) || error instanceof BackupError) return error
  const isEmpty = 'code' in error && error.code === 'ERR_INVALID_ARG_VALUE'
  const isOfStatement = 'errcode' in error && OF_STATEMENT.has(Number(error.errcode) & 0xff)
  if (!isEmpty && !isOfStatement) return error
  return new BackupError('INVALID_ARGUMENT', `${what} cannot be run: ${error.message}`, {
    hint: 'See the tables and their columns with: chame-backup inspect <backup>',
  })
}

/** For a table or a view whose rows are not shown without what is sensitive. */
export function revealing(name: string): BackupError {
  return new BackupError(
    'INVALID_ARGUMENT',
    `The rows of ${JSON.stringify(name)} would show what is masked elsewhere`,
    { hint: 'Read the tables that it belongs to, or ask for sensitive columns too (includeSensitive).' },
  )
}
