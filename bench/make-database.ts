/** The databases that are measured. */
import { copyFileSync, statSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { makeSampleDatabase } from '../demo/sample-database.ts'
import type { BenchContext } from './bench-context.ts'

const SCALE_BYTES = 22_700_000
const BLOB_BYTES = 64 << 20

/** The demo's sample, as large as wanted give or take a few percent: rows, indexes, full text, blobs. */
export function makeDatabase(path: string, sizeBytes: number, context: BenchContext): void {
  context.say(`Making a database of ${Math.round(sizeBytes / (1 << 20))} MB …`)
  makeSampleDatabase(path, { scale: sizeBytes / SCALE_BYTES })
  context.say(`  ${statSync(path).size} bytes`)
}

/** A copy of a database that nobody has open. */
export function copyDatabase(from: string, to: string, journalMode: 'wal' | 'delete' = 'wal'): void {
  copyFileSync(from, to)
  const database = new DatabaseSync(to)
  database.exec(`PRAGMA journal_mode = ${journalMode}`)
  database.close()
}

/** A copy without full-text search, whose own check takes longer than that of all the rest. */
export function copyWithoutSearch(from: string, to: string): void {
  copyFileSync(from, to)
  const database = new DatabaseSync(to)
  database.exec('PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF')
  database.exec(
    'DROP TRIGGER messages_inserted; DROP TRIGGER messages_deleted; DROP TABLE messages_fts; VACUUM',
  )
  database.exec('PRAGMA journal_mode = WAL')
  database.close()
}

/** A large database that takes little time to make: blobs of zeros in pages that are all there. */
export function makeBlobDatabase(path: string, sizeBytes: number): void {
  const database = new DatabaseSync(path)
  database.exec('PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF')
  database.exec('CREATE TABLE blobs (id INTEGER PRIMARY KEY, content BLOB NOT NULL)')
  const insert = database.prepare('INSERT INTO blobs (content) VALUES (zeroblob(?))')
  for (let left = sizeBytes; left > 0; left -= BLOB_BYTES) insert.run(Math.min(left, BLOB_BYTES))
  database.exec('PRAGMA journal_mode = WAL')
  database.close()
}

/**
 * Puts about `walBytes` of changed pages into the write-ahead log and leaves them there: the returned
 * connection must stay open, because the last one to close would checkpoint.
 */
export function fillWal(path: string, walBytes: number): DatabaseSync {
  const database = new DatabaseSync(path)
  database.exec('PRAGMA wal_autocheckpoint = 0; PRAGMA synchronous = OFF')
  const change = database.prepare('UPDATE messages SET sent_at = sent_at + 1 WHERE id % 97 = ?')
  for (let i = 0; walSize(path) < walBytes && i < 10_000; i++) {
    if (i < 97) change.run(i)
    else
      database.exec(
        `INSERT INTO attachments (message_id, filename, content) VALUES (1, 'x', randomblob(1000000))`,
      )
  }
  return database
}

export function walSize(path: string): number {
  return statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0
}
