import { DatabaseSync, type SQLOutputValue } from 'node:sqlite'
import { pathToFileURL } from 'node:url'

/** The first column of the first row; null when there is no row. */
export function single(connection: DatabaseSync, sql: string): SQLOutputValue {
  const row = connection.prepare(sql).get()
  return row === undefined ? null : (Object.values(row)[0] ?? null)
}

/** A name from a database's schema, quoted for SQL. */
export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** An immutable database is read without locks and without side files, whatever its journal mode. */
export function openImmutable(path: string): DatabaseSync {
  const url = pathToFileURL(path)
  url.searchParams.set('immutable', '1')
  return new DatabaseSync(url, { readOnly: true, allowExtension: false, defensive: true })
}

/** Opens a database for writing, without waiting for its locks. One that was deleted meanwhile is not made anew. */
export function openExisting(path: string): DatabaseSync {
  const url = pathToFileURL(path)
  url.searchParams.set('mode', 'rw')
  return new DatabaseSync(url, { timeout: 0 })
}
