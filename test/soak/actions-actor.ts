/**
 * The actor of the action fuzzer: does to its database whatever an application or its operator may do, in
 * an order that follows from a seed, until its standard input ends. It notes every state in a history.
 *
 * Usage: node actions-actor.ts <database> <history> <seed>
 */
import { existsSync, renameSync, rmSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { makeLedger, readLedger, writeNextToLedger } from '../support/ledger.ts'
import { randomFrom } from '../faults/extent.ts'
import { HistoryWriter, type State } from './actions-history.ts'

const [path = '', historyPath = '', seed = '1'] = process.argv.slice(2)
const random = randomFrom(Number(seed))
const history = new HistoryWriter(historyPath)
let connection = new DatabaseSync(path, { timeout: 60_000 })
let state: State = { mark: 0, kind: 'absent', commits: 0, others: {} }

const PAGE_SIZES = [512, 1024, 2048, 4096, 8192, 16_384, 32_768, 65_536] as const
const JOURNAL_MODES = ['wal', 'delete', 'truncate', 'persist', 'memory'] as const
const CHECKPOINTS = ['PASSIVE', 'FULL', 'RESTART', 'TRUNCATE'] as const
/** So often is tried what needs the database for itself, before the action is left out. */
const TRIES_MAX = 200
const SQLITE_BUSY = 5
const SQLITE_LOCKED = 6

function below(count: number): number {
  return Math.floor(random() * count)
}

function oneOf<T>(items: readonly T[]): T {
  return items[below(items.length)] as T
}

/** Begins a state, makes it, and notes that it is there. */
function enter(next: Omit<State, 'mark'>, make: (mark: number) => void): void {
  const begun = { ...next, mark: state.mark + 1 }
  history.note({ begin: begun })
  make(begun.mark)
  history.note({ done: begun.mark })
  state = begun
}

/** One transaction that makes the next state; `others` are the tables beside the ledger's after it. */
function commit(change: () => void, others: State['others'] = state.others): void {
  enter({ kind: 'ledger', commits: state.commits + 1, others }, mark => {
    connection.exec('BEGIN IMMEDIATE')
    writeNextToLedger(connection)
    change()
    connection.exec(`PRAGMA user_version = ${mark}; COMMIT`)
  })
}

function commitSome(): void {
  for (let left = 1 + below(20); left > 0; left--) commit(() => {})
}

/** Far more than SQLite's cache holds, so that unfinished pages reach the WAL, or the file itself. */
function rollBackMuch(): void {
  // Not noted: no copy may ever have this number.
  state = { ...state, mark: state.mark + 1 }
  connection.exec('PRAGMA cache_size = 5; BEGIN IMMEDIATE')
  writeNextToLedger(connection)
  connection.exec(`PRAGMA user_version = ${state.mark}`)
  fillTable('never', 200)
  connection.exec('ROLLBACK; PRAGMA cache_size = 2000')
  // The database still has the number before, which open() would take for a loss.
  commit(() => {})
}

function fillTable(name: string, rows: number): void {
  connection.exec(`
    CREATE TABLE "${name}" (id INTEGER PRIMARY KEY, filler BLOB);
    WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < ${rows})
    INSERT INTO "${name}" SELECT i, zeroblob(100 + i * 37 % 3000) FROM n;
  `)
}

function grow(): void {
  const name = `grown_${state.mark}`
  const rows = 1 + below(1500)
  if (Object.keys(state.others).length > 4) return dropOne()
  commit(() => fillTable(name, rows), { ...state.others, [name]: rows })
}

function dropOne(): void {
  const name = oneOf(Object.keys(state.others))
  if (name === undefined) return commit(() => {})
  const { [name]: _, ...rest } = state.others
  commit(() => connection.exec(`DROP TABLE "${name}"`), rest)
}

/** A table is gone and there again, with other rows, in one transaction. */
function dropAndMakeAnew(): void {
  const name = oneOf(Object.keys(state.others))
  if (name === undefined) return grow()
  const rows = 1 + below(800)
  const remake = (): void => {
    connection.exec(`DROP TABLE "${name}"`)
    fillTable(name, rows)
  }
  commit(remake, { ...state.others, [name]: rows })
}

/** What a reader may stand in the way of. Throws {@link Busy} when one does for too long. */
async function insist(work: () => void): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return work()
    } catch (error) {
      if (!isBusy(error)) throw error
      if (attempt === TRIES_MAX) throw new Busy()
    }
    await sleep(2)
  }
}

class Busy extends Error {}

function isBusy(error: unknown): boolean {
  if (error instanceof Busy) return true
  const code = error instanceof Error && 'errcode' in error ? Number(error.errcode) & 0xff : 0
  return code === SQLITE_BUSY || code === SQLITE_LOCKED
}

async function setJournalMode(mode: (typeof JOURNAL_MODES)[number]): Promise<void> {
  await insist(() => {
    connection.exec('PRAGMA busy_timeout = 5')
    try {
      const row = connection.prepare(`PRAGMA journal_mode = ${mode}`).get()
      if (row?.['journal_mode'] !== mode) throw new Busy()
    } finally {
      connection.exec('PRAGMA busy_timeout = 60000')
    }
  })
}

async function changePageSize(): Promise<void> {
  await setJournalMode('delete')
  connection.exec(`PRAGMA page_size = ${oneOf(PAGE_SIZES)}; VACUUM`)
  if (random() < 0.7) await setJournalMode('wal')
}

async function changeAutoVacuum(): Promise<void> {
  connection.exec(`PRAGMA auto_vacuum = ${oneOf(['none', 'full', 'incremental'])}; VACUUM`)
}

/** Everything is in the main file then, so that its side files may go. Throws {@link Busy}. */
async function emptyWal(): Promise<void> {
  const mode = connection.prepare('PRAGMA journal_mode').get()?.['journal_mode']
  if (mode !== 'wal') return
  await insist(() => {
    const row = connection.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get()
    if (row?.['busy'] !== 0) throw new Busy()
  })
}

function open(): void {
  connection = new DatabaseSync(path, { timeout: 60_000 })
  const mark = Number(connection.prepare('PRAGMA user_version').get()?.['user_version'])
  // Nobody but this process writes: whatever it finds was done to its database by somebody else.
  if (state.kind === 'ledger' && mark !== state.mark) {
    throw new Error(`The database has gone from state ${state.mark} to ${mark}`)
  }
}

/** The form of a new database: all of it is drawn. */
function newForm(): string {
  return `
    PRAGMA page_size = ${oneOf(PAGE_SIZES)};
    PRAGMA encoding = '${oneOf(['UTF-8', 'UTF-16le', 'UTF-16be'])}';
    PRAGMA auto_vacuum = ${oneOf(['none', 'full', 'incremental'])};
    PRAGMA journal_mode = ${oneOf(JOURNAL_MODES)};
  `
}

/** A ledger of another length in a file of its own, closed. */
function buildOther(at: string, mark: number, commits: number): void {
  for (const suffix of ['', '-wal', '-shm', '-journal']) rmSync(at + suffix, { force: true })
  const other = new DatabaseSync(at)
  other.exec(`${newForm()} PRAGMA synchronous = OFF`)
  makeLedger(other)
  other.exec('BEGIN')
  for (let i = 0; i < commits; i++) writeNextToLedger(other)
  other.exec(`PRAGMA user_version = ${mark}; COMMIT`)
  other.close()
}

/** Another database takes the file's place in one rename. Half the time its own connection is still open. */
async function replace(): Promise<void> {
  await emptyWal()
  const isOpen = random() < 0.5
  if (!isOpen) connection.close()
  const commits = below(60)
  enter({ kind: 'ledger', commits, others: {} }, mark => {
    buildOther(`${path}.new`, mark, commits)
    for (const suffix of ['-wal', '-shm', '-journal']) rmSync(path + suffix, { force: true })
    renameSync(`${path}.new`, path)
  })
  if (isOpen) connection.close()
  open()
}

function removeFiles(order: readonly string[]): void {
  enter({ kind: 'absent', commits: 0, others: {} }, () => {
    for (const suffix of order) rmSync(path + suffix, { force: true })
  })
}

/** Deleted as one should: nothing of it is left in side files. Made anew in place, or by a rename. */
async function deleteAndMakeAnew(): Promise<void> {
  await emptyWal()
  connection.close()
  removeFiles(['', '-journal', '-wal', '-shm'])
  await sleep(below(20))
  await makeAnew()
}

/** Deleted as one should not: while it is open, with content in its WAL. */
async function deleteInUse(): Promise<void> {
  const old = connection
  removeFiles(['', '-wal', '-shm', '-journal'])
  old.close()
  for (const suffix of ['-wal', '-shm', '-journal']) rmSync(path + suffix, { force: true })
  await sleep(below(20))
  await makeAnew()
}

async function makeAnew(): Promise<void> {
  if (existsSync(path)) throw new Error('Somebody made a file where the database was deleted')
  if (random() < 0.5) {
    const commits = below(60)
    enter({ kind: 'ledger', commits, others: {} }, mark => {
      buildOther(`${path}.new`, mark, commits)
      renameSync(`${path}.new`, path)
    })
    return open()
  }
  enter({ kind: 'empty', commits: 0, others: {} }, () => {
    open()
    connection.exec(newForm())
  })
  await sleep(below(5))
  enter({ kind: 'unmarked', commits: 0, others: {} }, () => makeLedger(connection))
  commit(() => {})
}

async function writeExclusively(): Promise<void> {
  connection.exec('PRAGMA locking_mode = EXCLUSIVE')
  try {
    commitSome()
    await sleep(below(30))
  } finally {
    connection.exec('PRAGMA locking_mode = NORMAL')
    // The lock goes with the next use of the database, and WAL mode keeps it until the connection closes.
    connection.close()
    open()
  }
}

const ACTIONS: Readonly<Record<string, () => void | Promise<void>>> = {
  commit: commitSome,
  'roll back': rollBackMuch,
  grow,
  'drop a table': dropOne,
  'drop and make a table anew': dropAndMakeAnew,
  vacuum: () => connection.exec('VACUUM'),
  'incremental vacuum': () => connection.exec('PRAGMA incremental_vacuum(20)'),
  'change auto_vacuum': changeAutoVacuum,
  'change the page size': changePageSize,
  'change the journal mode': () => setJournalMode(oneOf(JOURNAL_MODES)),
  checkpoint: () => void connection.prepare(`PRAGMA wal_checkpoint(${oneOf(CHECKPOINTS)})`).all(),
  'close and open': () => {
    connection.close()
    open()
  },
  'write exclusively': writeExclusively,
  'replace the file': replace,
  'delete the file': deleteAndMakeAnew,
  'delete the file in use': deleteInUse,
}

let isStopped = false
process.stdin.on('end', () => (isStopped = true)).resume()

enter({ kind: 'unmarked', commits: 0, others: {} }, () => makeLedger(connection))
commit(() => {})
while (!isStopped) {
  // Each action once in every round, in ever another order, commits between all of them.
  const places = new Map(Object.keys(ACTIONS).map(name => [name, random()]))
  for (const name of Object.keys(ACTIONS).toSorted((a, b) => (places.get(a) ?? 0) - (places.get(b) ?? 0))) {
    if (isStopped) break
    let outcome: 'done' | 'busy' = 'done'
    try {
      await ACTIONS[name]?.()
    } catch (error) {
      if (!isBusy(error)) throw error
      outcome = 'busy'
    }
    history.note({ action: name, outcome })
    await sleep(random() < 0.7 ? below(4) : below(40))
    commitSome()
  }
}
connection.close()
if (!existsSync(path)) throw new Error('The database is gone')
open()
const last = readLedger(connection).commits
if (last !== state.commits) throw new Error(`The database has ${last} commits, not ${state.commits}`)
connection.close()
