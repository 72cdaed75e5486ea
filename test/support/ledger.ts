/**
 * The ledger: a database whose content proves which commit it is. Commit number n moves money between two
 * accounts, rewrites one slot of `payload`, and notes itself in `log`; all of it follows from n. So a copy
 * that says "I am commit n" can be checked in every table, and a mixture of two commits is found out.
 */
import { createHash } from 'node:crypto'
import type { DatabaseSync } from 'node:sqlite'

export const ACCOUNTS = 97
export const SLOTS = 61
export const START_BALANCE = 1_000
/** Older rows of the log are deleted, so that the database stops growing and pages are freed and used again. */
export const LOG_ROWS_MAX = 500
/** A slot's content is of ever another length, so that commits take pages and give them back. */
const PAYLOAD_BYTES_MAX = 9_000

export interface LedgerState {
  /** The number of commits since the ledger was made. */
  readonly commits: number
}

/** Makes the tables. The connection decides on journal mode, page size and so on beforehand. */
export function makeLedger(connection: DatabaseSync): void {
  connection.exec(`
    BEGIN;
    CREATE TABLE accounts (id INTEGER PRIMARY KEY, balance INTEGER NOT NULL);
    CREATE TABLE log (seq INTEGER PRIMARY KEY, debit INTEGER, credit INTEGER, amount INTEGER, hash TEXT NOT NULL);
    CREATE INDEX log_by_hash ON log (hash);
    CREATE TABLE payload (slot INTEGER PRIMARY KEY, seq INTEGER NOT NULL, content BLOB NOT NULL);
    CREATE TABLE state (one INTEGER PRIMARY KEY CHECK (one = 1), commits INTEGER NOT NULL, hash TEXT NOT NULL);
    INSERT INTO state VALUES (1, 0, '${hashAfter('', 0)}');
  `)
  const account = connection.prepare('INSERT INTO accounts VALUES (?, ?)')
  for (let id = 0; id < ACCOUNTS; id++) account.run(id, START_BALANCE)
  const payload = connection.prepare('INSERT INTO payload VALUES (?, 0, ?)')
  for (let slot = 0; slot < SLOTS; slot++) payload.run(slot, contentOf(slot, 0))
  connection.exec('COMMIT')
}

/** Makes the next commit; returns its number once SQLite has acknowledged it. */
export function commitToLedger(connection: DatabaseSync): number {
  connection.exec('BEGIN IMMEDIATE')
  const seq = writeNextToLedger(connection)
  connection.exec('COMMIT')
  return seq
}

/** Writes what the next commit consists of, inside a transaction that the caller has begun. */
export function writeNextToLedger(connection: DatabaseSync): number {
  const state = connection.prepare('SELECT commits, hash FROM state').get()
  const seq = Number(state?.['commits']) + 1
  const { debit, credit, amount } = transferOf(seq)
  const hash = hashAfter(String(state?.['hash']), seq)
  const move = connection.prepare('UPDATE accounts SET balance = balance + ? WHERE id = ?')
  move.run(-amount, debit)
  move.run(amount, credit)
  connection.prepare('INSERT INTO log VALUES (?, ?, ?, ?, ?)').run(seq, debit, credit, amount, hash)
  connection.prepare('DELETE FROM log WHERE seq <= ?').run(seq - LOG_ROWS_MAX)
  const slot = slotOf(seq)
  connection
    .prepare('UPDATE payload SET seq = ?, content = ? WHERE slot = ?')
    .run(seq, contentOf(slot, seq), slot)
  connection.prepare('UPDATE state SET commits = ?, hash = ?').run(seq, hash)
  return seq
}

/** What is wrong with a ledger; an empty list for one that is exactly the commit it says it is. */
export function ledgerProblems(connection: DatabaseSync): string[] {
  const problems: string[] = []
  const { commits } = readLedger(connection)
  const one = (sql: string): unknown => Object.values(connection.prepare(sql).get() ?? {})[0]
  const expectEqual = (what: string, actual: unknown, expected: unknown): void => {
    if (actual !== expected)
      problems.push(`commit ${commits}: ${what} is ${String(actual)}, not ${String(expected)}`)
  }
  expectEqual('the hash', one('SELECT hash FROM state'), chainUpTo(commits))
  expectEqual('the sum of balances', one('SELECT sum(balance) FROM accounts'), ACCOUNTS * START_BALANCE)
  expectEqual(
    'the number of log rows',
    one('SELECT count(*) FROM log NOT INDEXED'),
    Math.min(commits, LOG_ROWS_MAX),
  )
  expectEqual(
    'the number of indexed log rows',
    one('SELECT count(hash) FROM log INDEXED BY log_by_hash'),
    Math.min(commits, LOG_ROWS_MAX),
  )
  for (const row of connection.prepare('SELECT seq, hash FROM log').all()) {
    expectEqual(`the hash of log row ${String(row['seq'])}`, row['hash'], chainUpTo(Number(row['seq'])))
  }
  const balances = balancesAfter(commits)
  for (const row of connection.prepare('SELECT id, balance FROM accounts').all()) {
    expectEqual(`account ${String(row['id'])}`, row['balance'], balances[Number(row['id'])])
  }
  const slots = connection.prepare('SELECT slot, seq, content FROM payload ORDER BY slot').all()
  expectEqual('the number of slots', slots.length, SLOTS)
  for (const row of slots) {
    const slot = Number(row['slot'])
    const seq = lastWriterOf(slot, commits)
    expectEqual(`the commit of slot ${slot}`, row['seq'], seq)
    if (!contentOf(slot, seq).equals(row['content'] as Uint8Array))
      problems.push(`commit ${commits}: slot ${slot} has other bytes`)
  }
  return problems
}

export function readLedger(connection: DatabaseSync): LedgerState {
  return { commits: Number(connection.prepare('SELECT commits FROM state').get()?.['commits']) }
}

function transferOf(seq: number): { debit: number; credit: number; amount: number } {
  return { debit: (seq * 31) % ACCOUNTS, credit: (seq * 53 + 11) % ACCOUNTS, amount: (seq % 7) + 1 }
}

function slotOf(seq: number): number {
  return (seq * 17) % SLOTS
}

/** The newest commit up to `commits` that wrote `slot`; 0 when none has. */
function lastWriterOf(slot: number, commits: number): number {
  for (let seq = commits; seq > Math.max(0, commits - SLOTS); seq--) if (slotOf(seq) === slot) return seq
  return 0
}

function contentOf(slot: number, seq: number): Buffer {
  return Buffer.alloc(1 + ((seq * 1_237 + slot * 91) % PAYLOAD_BYTES_MAX), `${slot}:${seq};`)
}

function hashAfter(previous: string, seq: number): string {
  return createHash('sha256').update(`${previous} ${seq}`).digest('hex').slice(0, 32)
}

const chain: string[] = []
const balanceHistory: { upTo: number; balances: number[] } = { upTo: 0, balances: startBalances() }

function chainUpTo(seq: number): string {
  for (let next = chain.length; next <= seq; next++) chain.push(hashAfter(chain[next - 1] ?? '', next))
  return chain[seq] ?? ''
}

function startBalances(): number[] {
  return Array.from({ length: ACCOUNTS }, () => START_BALANCE)
}

/** Usually asked for ever later commits: goes on from the last answer. */
function balancesAfter(commits: number): number[] {
  if (balanceHistory.upTo > commits) Object.assign(balanceHistory, { upTo: 0, balances: startBalances() })
  const { balances } = balanceHistory
  for (let seq = balanceHistory.upTo + 1; seq <= commits; seq++) {
    const { debit, credit, amount } = transferOf(seq)
    balances[debit] = (balances[debit] ?? 0) - amount
    balances[credit] = (balances[credit] ?? 0) + amount
  }
  balanceHistory.upTo = commits
  return balances
}
