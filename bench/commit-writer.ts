/** Commits at a steady pace, as an application's requests do, and notes how long each commit takes. */
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'

export interface CommitWriterTask {
  readonly path: string
  readonly synchronous: 'NORMAL' | 'FULL'
}

const EVERY_MS = 5

let latencies: number[] = []

process.on('message', (message: CommitWriterTask | 'take') => {
  if (message !== 'take') return void write(message)
  process.send?.(latencies)
  latencies = []
})
process.on('disconnect', () => process.exit(0))

async function write({ path, synchronous }: CommitWriterTask): Promise<void> {
  const database = new DatabaseSync(path, { timeout: 60_000 })
  database.exec(`PRAGMA synchronous = ${synchronous}`)
  const messages = Number(database.prepare('SELECT max(id) AS n FROM messages').get()?.['n'])
  const change = database.prepare('UPDATE messages SET sent_at = sent_at + 1 WHERE id = ?')
  const transfer = database.prepare('INSERT INTO transfers (from_user, to_user, amount) VALUES (?, ?, 1)')
  for (let next = performance.now(); ; next += EVERY_MS) {
    const started = performance.now()
    database.exec('BEGIN IMMEDIATE')
    for (let i = 0; i < 3; i++) change.run(1 + Math.floor(Math.random() * messages))
    transfer.run(1, 2)
    database.exec('COMMIT')
    latencies.push(performance.now() - started)
    await sleep(Math.max(0, next + EVERY_MS - performance.now()))
    // After a stall the pace starts anew: commits that were never asked for are not made up for.
    next = Math.max(next, performance.now() - EVERY_MS)
  }
}
