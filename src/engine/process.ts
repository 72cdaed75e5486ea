/**
 * The engine process: runs operations for a host, one at a time, and ends with it. It reads the protected
 * database's files raw and never opens them with SQLite; that is another process's work.
 */
import { toFailure } from '../errors.ts'
import type { Job } from './here.ts'
import { prepareHere, runHere } from './here.ts'
import { callAtOnce } from '../storage/at-once.ts'
import type { FromEngine, ToEngine } from './messages.ts'

/** Longer than any cleaning up takes, short enough that nobody finds us in a process list. */
const ORPHAN_MS = 30_000

let running: AbortController | null = null

prepareHere()
callAtOnce()
// Nobody else may read what is being made, whatever the host's umask is.
process.umask(0o077)
process.on('message', (message: ToEngine) => {
  if (message.kind === 'run') void run(message.job)
  else running?.abort()
})
// Without a host the work has no taker: cancel it, which cleans up, and end.
process.on('disconnect', () => {
  if (running === null) process.exit(0)
  running.abort()
  // Whatever hangs then, such as a dead disk: nobody is left to wait for it. The next run cleans up.
  setTimeout(end, ORPHAN_MS).unref()
})
// A terminal's Ctrl-C reaches the whole group; the host decides what becomes of us.
process.on('SIGINT', () => {})

async function run(job: Job): Promise<void> {
  running = new AbortController()
  const { signal } = running
  const result = await runHere(job, {
    signal,
    // Whether or not anyone wants to see it: to the host it is the sign of life.
    onProgress: progress => send({ kind: 'progress', progress }),
  }).catch(toFailure)
  running = null
  // A call that a slow disk has not answered goes on unseen; a fresh process will not wait for it.
  send({ kind: 'result', result, isReusable: !signal.aborted })
  if (!process.connected) end()
}

/** Ends at once: `process.exit` would wait for a file operation that is under way, on a dead disk for ever. */
function end(): void {
  process.kill(process.pid, 'SIGKILL')
}

/** A host that has just died is noticed by its channel's end; a message that no longer reaches it must not end us before we have cleaned up. */
function send(message: FromEngine): void {
  if (process.connected) process.send?.(message, undefined, undefined, () => {})
}
