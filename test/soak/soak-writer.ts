/**
 * A writer of the soak: commits to its ledger, at pauses drawn from a seed, until its standard input ends or
 * it is killed. Each commit has a number of its own, drawn too, which is the database's `user_version`; it is
 * noted before it is made, with the number of the state that it was made from, and after it was acknowledged.
 *
 * Lines: `u <time> <id> <commits>` at the start, what the database holds; `b <time> <id> <commits> <parent>`
 * begins a commit, `a <time> <id>` acknowledges it.
 *
 * Usage: node soak-writer.ts <database> <log> <seed> <plain | rebuilding>
 */
import { openSync, writeSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { randomFrom } from '../faults/extent.ts'
import { readLedger, writeNextToLedger } from '../support/ledger.ts'
import { now } from './soak-clock.ts'

const [path = '', logPath = '', seed = '1', kind = 'plain'] = process.argv.slice(2)
/** Between two commits at most. */
const PAUSE_MS_MAX = 60
/** About one in so many turns rebuilds something instead of committing. */
const REBUILD_EVERY = 40

const random = randomFrom(Number(seed))
const log = openSync(logPath, 'a')
const connection = new DatabaseSync(path, { timeout: 60_000 })
let isStopped = false
process.stdin.on('end', () => (isStopped = true)).resume()

function note(...words: readonly (string | number)[]): void {
  writeSync(log, `${words.join(' ')}\n`)
}

function idOfState(): number {
  return Number(connection.prepare('PRAGMA user_version').get()?.['user_version'])
}

function commit(change: () => void = () => {}): void {
  const id = 1 + Math.floor(random() * 0x7fff_fffe)
  connection.exec('BEGIN IMMEDIATE')
  const parent = idOfState()
  const commits = writeNextToLedger(connection)
  change()
  connection.exec(`PRAGMA user_version = ${id}`)
  note('b', now(), id, commits, parent)
  connection.exec('COMMIT')
  note('a', now(), id)
}

/** Both in one transaction with a commit of the ledger; what is there depends on what was restored last. */
function makeOrDropTable(): void {
  commit(() => {
    const isThere = connection.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'extra'").get() !== undefined
    connection.exec(
      isThere
        ? 'DROP TABLE extra'
        : 'CREATE TABLE extra (a); INSERT INTO extra SELECT zeroblob(3000) FROM accounts',
    )
  })
}

function rebuild(): void {
  const choice = Math.floor(random() * 6)
  if (choice < 3) makeOrDropTable()
  else if (choice === 3) connection.exec('VACUUM')
  else {
    const mode = (['PASSIVE', 'FULL', 'RESTART', 'TRUNCATE'] as const)[Math.floor(random() * 4)]
    connection.prepare(`PRAGMA wal_checkpoint(${mode})`).all()
  }
}

connection.exec('BEGIN')
note('u', now(), idOfState(), readLedger(connection).commits)
connection.exec('COMMIT')
while (!isStopped) {
  if (kind === 'rebuilding' && random() < 1 / REBUILD_EVERY) rebuild()
  else commit()
  await sleep(random() * PAUSE_MS_MAX)
}
connection.close()
