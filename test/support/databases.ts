/** Databases for tests, made with node:sqlite in the test's own process; the product opens them in others. */
import { DatabaseSync } from 'node:sqlite'
import { commitToLedger, makeLedger } from './ledger.ts'

export type JournalMode = 'wal' | 'delete' | 'truncate' | 'persist' | 'memory' | 'off'

export interface DatabaseForm {
  readonly journalMode?: JournalMode
  readonly pageSize?: number
  readonly encoding?: 'UTF-8' | 'UTF-16le' | 'UTF-16be'
  readonly autoVacuum?: 'none' | 'full' | 'incremental'
}

/** Opens a database, new or not, in the given form; the caller closes it. */
export function openDatabase(path: string, form: DatabaseForm = {}): DatabaseSync {
  const connection = new DatabaseSync(path, { timeout: 60_000 })
  connection.exec(`
    PRAGMA page_size = ${form.pageSize ?? 4096};
    PRAGMA encoding = '${form.encoding ?? 'UTF-8'}';
    PRAGMA auto_vacuum = ${form.autoVacuum ?? 'none'};
    PRAGMA journal_mode = ${form.journalMode ?? 'wal'};
    PRAGMA synchronous = OFF;
  `)
  return connection
}

export interface LedgerForm extends DatabaseForm {
  readonly commits?: number
}

/** Makes a ledger with some commits and closes it: a whole database in one file. */
export function buildLedger(path: string, form: LedgerForm = {}): void {
  const connection = openDatabase(path, form)
  makeLedger(connection)
  for (let i = 0; i < (form.commits ?? 20); i++) commitToLedger(connection)
  connection.close()
}

/** Makes a database of `sql` and closes it. */
export function buildDatabase(path: string, sql: string, form: DatabaseForm = {}): void {
  const connection = openDatabase(path, form)
  connection.exec(sql)
  connection.close()
}

/** Adds an index that says it is of another column than its entries are: only a full check sees that. */
export function addWrongIndex(path: string): void {
  const connection = openDatabase(path)
  connection.enableDefensive(false)
  connection.exec(`
    CREATE TABLE t (a, b); CREATE INDEX i ON t (a); INSERT INTO t VALUES (1, 2);
    PRAGMA writable_schema = ON;
    UPDATE sqlite_schema SET sql = 'CREATE INDEX i ON t (b)' WHERE name = 'i'`)
  connection.close()
}
