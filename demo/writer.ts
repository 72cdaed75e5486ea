/**
 * The application at work, in a process of its own: posts messages and moves money as fast as it can, each
 * commit by the rules of `facts.ts`. After an error it stands still, connection open, until told to go on.
 */
import { DatabaseSync } from 'node:sqlite'
import { setImmediate as yieldToEvents } from 'node:timers/promises'
import { Random } from './random.ts'
import { messageBody } from './sample-text.ts'
import type { FromWriter, ToWriter, WriterStatus } from './writer-process.ts'

const COMMITS_A_TURN = 20

const [path = ''] = process.argv.slice(2)
const random = new Random('writer')
const database = new DatabaseSync(path, { timeout: 5_000 })
database.exec('PRAGMA synchronous = NORMAL')
const userCount = count('users')
const roomCount = count('rooms')

const post = database.prepare('INSERT INTO messages (room_id, user_id, body, sent_at) VALUES (?, ?, ?, ?)')
const transfer = database.prepare('INSERT INTO transfers (from_user, to_user, amount) VALUES (?, ?, ?)')
const advance = database.prepare(
  `UPDATE counters SET value = value + 1 WHERE name = 'commits' RETURNING value`,
)

let status: WriterStatus = { commits: 0, error: null }
let isPaused = false

process.on('message', ({ ask }: ToWriter) => {
  if (ask === 'pause') isPaused = true
  if (ask === 'resume') {
    isPaused = false
    status = { ...status, error: null }
  }
  if (ask === 'stop') {
    database.close()
    process.exit(0)
  }
  reply({ status })
})
process.on('disconnect', () => process.exit(0))

for (;;) {
  if (isPaused || status.error !== null) await new Promise(resolve => setTimeout(resolve, 5))
  else work()
  await yieldToEvents()
}

function work(): void {
  try {
    for (let i = 0; i < COMMITS_A_TURN; i++) status = { commits: commit(), error: null }
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK')
    status = { ...status, error: error instanceof Error ? error.message : String(error) }
  }
}

function commit(): number {
  database.exec('BEGIN IMMEDIATE')
  const now = Math.floor(Date.now() / 1000)
  post.run(random.skewed(roomCount) + 1, random.skewed(userCount) + 1, messageBody(random), now)
  const from = random.below(userCount)
  transfer.run(from + 1, ((from + 1 + random.below(userCount - 1)) % userCount) + 1, random.between(1, 500))
  const commits = Number(advance.get()?.['value'])
  database.exec('COMMIT')
  return commits
}

function count(table: string): number {
  return Number(database.prepare(`SELECT count(*) AS n FROM ${table}`).get()?.['n'])
}

function reply(message: FromWriter): void {
  process.send?.(message)
}
