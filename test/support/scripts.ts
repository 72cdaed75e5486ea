/** Small programs in processes of their own, told apart from the tests' by what they do to files and locks. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { onTestFinished } from 'vitest'

export interface StartedScript {
  readonly child: ChildProcess
  /** Ends it as a crash would. */
  kill(): Promise<void>
}

/**
 * Starts a module's source text with Node and waits until it prints a line. It stays alive until it is
 * killed, at the latest when the running test ends. `args` are its `process.argv.slice(1)`.
 */
export async function startScript(source: string, args: readonly string[] = []): Promise<StartedScript> {
  const child = spawn(
    process.execPath,
    ['--no-warnings', '--input-type=module', '--eval', source, '--', ...args],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  )
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  onTestFinished(() => void child.kill('SIGKILL'))
  const ended = once(child, 'exit').then(() => {
    throw new Error(`The script ended before it said anything: ${stderr}`)
  })
  await Promise.race([once(child.stdout, 'data'), ended])
  ended.catch(() => {})
  return {
    child,
    async kill() {
      if (child.exitCode !== null || child.signalCode !== null) return
      child.kill('SIGKILL')
      await once(child, 'exit')
    },
  }
}

/** Opens a database and holds it open; `args`: path, statements to run first. */
export const HOLD_OPEN = `
  import { DatabaseSync } from 'node:sqlite'
  const connection = new DatabaseSync(process.argv[1], { timeout: 60000 })
  connection.exec(process.argv[2] ?? '')
  console.log('ready')
  setInterval(() => connection, 1 << 30)
`

/**
 * Writes half a transaction far beyond SQLite's cache, so that changed pages are in the database file and
 * the old ones in its journal, and waits; `args`: path, statements of the transaction, statements to run
 * before it. Killed, it leaves a hot journal behind.
 */
export const HALF_TRANSACTION = `
  import { DatabaseSync } from 'node:sqlite'
  const connection = new DatabaseSync(process.argv[1])
  connection.exec(process.argv[3] ?? '')
  connection.exec('PRAGMA cache_size = 2; PRAGMA cache_spill = 1; BEGIN IMMEDIATE')
  connection.exec(process.argv[2])
  console.log('ready')
  setInterval(() => connection, 1 << 30)
`
