/** Checking an image. It may be hostile, so it is opened as sqlite.org/security.html advises. */
import type { DatabaseSync } from 'node:sqlite'
import type { CheckOutcome, SqliteRequests } from './requests.ts'
import { openImmutable, quoteName, single } from './sql.ts'
import { countRows, tableNames } from './tables.ts'

/** SQLite stops after so many findings; the first few say what is wrong. */
const PROBLEMS_MAX = 20

type CheckRequest = SqliteRequests['check']['request']

export function checkImage({ path, ...depth }: CheckRequest): CheckOutcome {
  const connection = openImmutable(path)
  try {
    return checkConnection(connection, depth)
  } finally {
    connection.close()
  }
}

/** Checks what an open connection sees. */
export function checkConnection(
  connection: DatabaseSync,
  { level, countRows: isCounted }: Omit<CheckRequest, 'path'>,
): CheckOutcome {
  connection.exec('PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0;')
  // What a view sorts without an end would fill a disk; memory is watched by whoever asked.
  if (process.platform === 'linux') connection.exec('PRAGMA temp_store = MEMORY')
  limitValues(connection)
  const { problems, unchecked } = runCheck(connection, level)
  return { problems, unchecked, tables: problems.length > 0 || !isCounted ? null : countTables(connection) }
}

/** A value that is read fits into the file, and what an index makes of one is a few times as large. */
const VALUE_BYTES_MIN = 16 << 20
const VALUE_TIMES_FILE = 4

/** Lets nothing that the schema computes be much larger than the file, which may be made of a few bytes of SQL. */
function limitValues(connection: DatabaseSync): void {
  // Node before 25.8 knows no limits; there the memory is watched all the same.
  if (!('limits' in connection)) return
  const bytes =
    Number(single(connection, 'PRAGMA page_count')) * Number(single(connection, 'PRAGMA page_size'))
  const { length } = connection.limits
  connection.limits.length = Math.min(length, Math.max(VALUE_BYTES_MIN, VALUE_TIMES_FILE * bytes))
}

interface Findings {
  readonly problems: string[]
  readonly unchecked: string[]
}

function runCheck(connection: DatabaseSync, level: 'quick' | 'full'): Findings {
  let reason: string
  try {
    return { problems: findings(connection, level), unchecked: [] }
  } catch (error) {
    if (!isMissingExtension(error)) throw error
    reason = error.message
  }
  // The schema uses a function or a collation that only the application has. That is no damage: check each
  // table by itself, and say which could not be.
  const problems: string[] = []
  const unchecked: string[] = []
  for (const table of tableNames(connection)) {
    try {
      problems.push(...findings(connection, level, table))
    } catch (error) {
      if (!isMissingExtension(error)) throw error
      unchecked.push(`${table}: ${error.message}`)
    }
  }
  // Then it was none of them but, say, a virtual table that cannot be opened, for want of a tokenizer or by damage.
  if (unchecked.length === 0) unchecked.push(reason)
  return { problems, unchecked }
}

function findings(connection: DatabaseSync, level: 'quick' | 'full', table?: string): string[] {
  const pragma = level === 'full' ? 'integrity_check' : 'quick_check'
  const scope = table === undefined ? PROBLEMS_MAX : quoteName(table)
  const rows = connection.prepare(`PRAGMA ${pragma}(${scope})`).all()
  const lines = rows.flatMap(row => String(Object.values(row)[0]).split('\n'))
  return lines.filter(line => line !== 'ok' && !line.startsWith('*** in database '))
}

/** SQLITE_ERROR and its extended codes: what SQLite says of SQL that it cannot prepare, such as an unknown function. */
function isMissingExtension(error: unknown): error is Error {
  return error instanceof Error && 'errcode' in error && (Number(error.errcode) & 0xff) === 1
}

function countTables(connection: DatabaseSync): Record<string, number> {
  const counts = tableNames(connection).flatMap(name => {
    const rows = countRows(connection, name)
    return rows === null ? [] : [[name, rows] as const]
  })
  // Defined, not assigned: a table may be called `__proto__`.
  return Object.fromEntries(counts)
}
