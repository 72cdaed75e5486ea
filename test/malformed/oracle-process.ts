/** The oracle's process: asks SQLite itself, with no code of the product, about one image after another. */
import { rmSync, writeFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import type { OracleAnswer, OracleQuestion } from './oracle.ts'

const SIDE_SUFFIXES = ['-wal', '-shm', '-journal']
const path = String(process.argv[2])

process.on('message', (question: OracleQuestion) => process.send?.(answer(question)))
process.on('disconnect', () => process.exit(0))

function answer({ bytes, wal, journal, wantsImage }: OracleQuestion): OracleAnswer {
  for (const suffix of SIDE_SUFFIXES) rmSync(`${path}${suffix}`, { force: true })
  writeFileSync(path, bytes)
  if (wal !== undefined) writeFileSync(`${path}-wal`, wal)
  if (journal !== undefined) writeFileSync(`${path}-journal`, journal)
  const connection = new DatabaseSync(path)
  try {
    // Read first: it is SQLite's own recovery of a WAL or a journal that says what the database is.
    const image = wantsImage ? serialized(connection) : null
    return { image, quick: checked(connection, 'quick_check'), full: checked(connection, 'integrity_check') }
  } finally {
    connection.close()
  }
}

function serialized(connection: DatabaseSync): Uint8Array | null {
  try {
    // Serializing goes by the page size that is known beforehand, and a WAL may hold another one.
    connection.prepare('PRAGMA schema_version').get()
    // An empty database would be given a first page.
    if (connection.prepare('PRAGMA page_count').get()?.['page_count'] === 0) return new Uint8Array()
    return connection.serialize()
  } catch {
    return null
  }
}

function checked(connection: DatabaseSync, pragma: string): string {
  try {
    const rows = connection.prepare(`PRAGMA ${pragma}`).all()
    return rows.length === 1 && rows[0]?.[pragma] === 'ok' ? 'ok' : 'damaged'
  } catch (error) {
    return error instanceof Error && 'errcode' in error
      ? `error ${Number(error.errcode) & 0xff}`
      : 'no error of SQLite'
  }
}
