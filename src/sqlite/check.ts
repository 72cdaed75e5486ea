/** Checking an image that nobody writes. It may be hostile: RELIABILITY rests on SQLite's own advice (sqlite.org/security.html). */
import { DatabaseSync } from 'node:sqlite'
import { pathToFileURL } from 'node:url'
import type { CheckOutcome } from './requests.ts'
import { countRows, tableNames } from './reader.ts'

/** SQLite stops after so many findings; the first few say what is wrong. */
const PROBLEMS_MAX = 20

export function checkImage(path: string, level: 'quick' | 'full'): CheckOutcome {
  const connection = openImmutable(path)
  try {
    connection.exec('PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0;')
    const problems = runCheck(connection, level)
    if (problems.length > 0) return { problems, tables: null }
    return {
      problems,
      tables: Object.fromEntries(tableNames(connection).map(name => [name, countRows(connection, name)])),
    }
  } finally {
    connection.close()
  }
}

/** An immutable database is read without locks and without side files, whatever its journal mode. */
export function openImmutable(path: string): DatabaseSync {
  const url = pathToFileURL(path)
  url.searchParams.set('immutable', '1')
  return new DatabaseSync(url, { readOnly: true, allowExtension: false, defensive: true })
}

function runCheck(connection: DatabaseSync, level: 'quick' | 'full'): string[] {
  const pragma = level === 'full' ? 'integrity_check' : 'quick_check'
  const rows = connection.prepare(`PRAGMA ${pragma}(${PROBLEMS_MAX})`).all()
  return rows.map(row => String(Object.values(row)[0])).filter(line => line !== 'ok')
}
