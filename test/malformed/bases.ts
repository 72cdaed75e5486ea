/** Tiny sound databases, each with another kind of page, for the generator to damage. The same bytes in every run. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { MalformedImage } from './images.ts'
import { withFixedSalts } from './wal-file.ts'

export interface Base extends MalformedImage {
  readonly pageSize: number
}

/** Where the header notes which SQLite wrote it: the only byte that differs between versions. */
const WRITER_VERSION_OFFSET = 96

/** A table with an overflow chain, an index, interior pages, one WITHOUT ROWID, and free pages. */
const ORDINARY = `
  CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT NOT NULL, note BLOB);
  CREATE INDEX people_by_name ON people (name);
  CREATE TABLE words (word TEXT PRIMARY KEY, n INTEGER) WITHOUT ROWID;
  WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40)
    INSERT INTO people SELECT i, 'person ' || (i * 37 % 100), zeroblob(i % 7) FROM n;
  INSERT INTO people VALUES (100, 'long', replace(hex(zeroblob(1000)), '0', 'v'));
  INSERT INTO words SELECT name || id, id FROM people;
  CREATE TABLE gone (a); INSERT INTO gone VALUES (hex(zeroblob(1500))); DROP TABLE gone;`

const FULL_TEXT = `
  CREATE VIRTUAL TABLE notes USING fts5(body);
  INSERT INTO notes VALUES ('the quick brown fox'), ('jumps over'), ('the lazy dog');
  CREATE VIRTUAL TABLE boxes USING rtree(id, x0, x1);
  INSERT INTO boxes VALUES (1, 0, 1), (2, 5, 6);`

/** Databases in one file. */
export function wholeBases(): Base[] {
  return [
    base('ordinary', 'PRAGMA page_size = 512', ORDINARY),
    base('autovacuum', 'PRAGMA page_size = 512; PRAGMA auto_vacuum = INCREMENTAL', ORDINARY),
    base('fulltext', 'PRAGMA page_size = 1024', FULL_TEXT),
    base('wal-mode', 'PRAGMA page_size = 512; PRAGMA journal_mode = WAL', ORDINARY),
  ]
}

/** A database whose last commits are in its WAL: pages that the main file has too, new ones, and freed ones. */
export function walBase(pageSize = 512): Base & { readonly wal: Buffer } {
  return build('wal', (connection, files) => {
    connection.exec(
      `PRAGMA page_size = ${pageSize}; PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0`,
    )
    connection.exec(`BEGIN; ${ORDINARY} COMMIT; PRAGMA wal_checkpoint(TRUNCATE)`)
    connection.exec("UPDATE people SET name = 'renamed' WHERE id < 4")
    connection.exec("INSERT INTO people VALUES (200, 'new', zeroblob(1200))")
    connection.exec('DELETE FROM people WHERE id = 100')
    connection.exec('UPDATE words SET n = n + 1 WHERE n < 5')
    const { bytes, wal } = files()
    return { id: 'wal', pageSize, bytes, wal: withFixedSalts(wal) }
  })
}

/** A database in the middle of a transaction, with the hot journal that undoes it. */
export function journalBase(): Base & { readonly journal: Buffer } {
  return build('journal', (connection, files) => {
    connection.exec('PRAGMA page_size = 512; PRAGMA journal_mode = DELETE; PRAGMA synchronous = FULL')
    connection.exec(ORDINARY)
    connection.exec('PRAGMA cache_size = 2; PRAGMA cache_spill = 1; BEGIN IMMEDIATE')
    connection.exec(
      "UPDATE people SET name = 'half ' || id; UPDATE words SET n = -n; DELETE FROM people WHERE id > 30",
    )
    const { bytes, journal } = files()
    connection.exec('ROLLBACK')
    return { id: 'journal', pageSize: 512, bytes, journal }
  })
}

interface Files {
  readonly bytes: Buffer
  readonly wal: Buffer
  readonly journal: Buffer
}

function base(id: string, form: string, content: string): Base {
  return build(id, (connection, files) => {
    connection.exec(form)
    const pageSize = Number(connection.prepare('PRAGMA page_size').get()?.['page_size'])
    connection.exec(`BEGIN; ${content} COMMIT`)
    if (form.includes('WAL')) connection.exec('PRAGMA wal_checkpoint(TRUNCATE)')
    return { id, pageSize, bytes: files().bytes }
  })
}

function build<T>(id: string, make: (connection: DatabaseSync, files: () => Files) => T): T {
  const directory = mkdtempSync(join(tmpdir(), 'chame-base-'))
  const path = join(directory, `${id}.db`)
  const connection = new DatabaseSync(path)
  const read = (suffix: string): Buffer => {
    try {
      return readFileSync(`${path}${suffix}`)
    } catch {
      return Buffer.alloc(0)
    }
  }
  try {
    return make(connection, () => {
      const bytes = read('')
      bytes.writeUInt32BE(3_050_000, WRITER_VERSION_OFFSET)
      return { bytes, wal: read('-wal'), journal: read('-journal') }
    })
  } finally {
    connection.close()
    rmSync(directory, { recursive: true })
  }
}
