import type { DatabaseSync, SQLOutputValue } from 'node:sqlite'

/** The first column of the first row; null when there is no row. */
export function single(connection: DatabaseSync, sql: string): SQLOutputValue {
  const row = connection.prepare(sql).get()
  return row === undefined ? null : (Object.values(row)[0] ?? null)
}

/** A name from a database's schema, quoted for SQL. */
export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}
