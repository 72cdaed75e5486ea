import { type ChildProcess, fork } from 'node:child_process'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { BackupError, cancelled } from '../errors.ts'
import type { SqliteFault, SqliteReply, SqliteRequestName, SqliteRequests } from './requests.ts'

/** SQLite, or the file system below it, said no. The operation that asked says what that means there. */
export class SqliteError extends Error {
  override readonly name = 'SqliteError'
  /** SQLite's extended result code; null for an error of another kind. */
  readonly resultCode: number | null

  constructor(fault: SqliteFault) {
    super(fault.message)
    this.resultCode = fault.resultCode
  }

  /** The primary result code: the extended one's low byte. */
  get primaryCode(): number | null {
    return this.resultCode === null ? null : this.resultCode & 0xff
  }
}

export interface AskOptions {
  /** Aborting kills the process: SQLite's long calls cannot be interrupted otherwise, and its kernel locks go with it. */
  readonly signal?: AbortSignal
  readonly onBytes?: (doneBytes: number, totalBytes: number) => void
}

interface Waiting {
  readonly resolve: (answer: unknown) => void
  readonly reject: (error: unknown) => void
  readonly onBytes: AskOptions['onBytes']
}

/**
 * The SQLite process, seen from the engine. Started at the first question, reused after that, and
 * started anew after it was killed or crashed.
 */
export class SqliteProcess {
  #child: ChildProcess | null = null
  #nextId = 1
  readonly #waiting = new Map<number, Waiting>()

  /** Starts the process, so that it is ready when the first question comes. */
  start(): void {
    this.#child ??= this.#spawn()
  }

  get isRunning(): boolean {
    return this.#child !== null
  }

  async ask<Name extends SqliteRequestName>(
    name: Name,
    request: SqliteRequests[Name]['request'],
    { signal, onBytes }: AskOptions = {},
  ): Promise<SqliteRequests[Name]['answer']> {
    if (signal?.aborted === true) throw cancelled()
    this.start()
    const child = this.#child as ChildProcess
    const id = this.#nextId++
    const { promise, resolve, reject } = Promise.withResolvers<unknown>()
    this.#waiting.set(id, { resolve, reject, onBytes })
    const abort = (): void => {
      reject(cancelled())
      this.kill()
    }
    signal?.addEventListener('abort', abort, { once: true })
    this.#hold(child)
    child.send({ id, name, request }, error => {
      // A process that cannot be reached has ended, or must; its end is what the question is answered with.
      if (error !== null) child.kill('SIGKILL')
    })
    try {
      return (await promise) as SqliteRequests[Name]['answer']
    } finally {
      signal?.removeEventListener('abort', abort)
      this.#waiting.delete(id)
      if (this.#waiting.size === 0) this.#release(child)
    }
  }

  /** Kills the process; the kernel drops its locks, and SQLite's next reader rolls back what it left. */
  kill(): void {
    this.#child?.kill('SIGKILL')
    this.#child = null
  }

  #spawn(): ChildProcess {
    const entry = fileURLToPath(new URL(`./process${extname(import.meta.url)}`, import.meta.url))
    const { NODE_OPTIONS: _, ...env } = process.env
    const child = fork(entry, [], {
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      serialization: 'advanced',
      execArgv: ['--no-warnings'],
      env,
    })
    child.on('message', (message: SqliteReply) => this.#receive(message))
    child.on('error', error => this.#fail(child, `could not be started: ${error.message}`))
    child.on('exit', (code, signal) =>
      this.#fail(child, signal === null ? `ended with code ${code}` : `was killed by ${signal}`),
    )
    this.#release(child)
    return child
  }

  #receive(message: SqliteReply): void {
    const waiting = this.#waiting.get(message.id)
    if ('progress' in message) waiting?.onBytes?.(message.progress.doneBytes, message.progress.totalBytes)
    else if ('answer' in message) waiting?.resolve(message.answer)
    else waiting?.reject(new SqliteError(message.fault))
  }

  #fail(child: ChildProcess, how: string): void {
    if (this.#child !== null && this.#child !== child) return
    this.#child = null
    const error = sqliteProcessFailed(how)
    for (const waiting of this.#waiting.values()) waiting.reject(error)
  }

  /** While a question is open the process keeps us alive; an idle one does not. */
  #hold(child: ChildProcess): void {
    child.ref()
    child.channel?.ref()
  }

  #release(child: ChildProcess): void {
    child.unref()
    child.channel?.unref()
  }
}

export function sqliteProcessFailed(how: string): BackupError {
  return new BackupError('ENGINE_FAILED', `The process that reads the database ${how}`, {
    hint: 'The machine may be short of memory. Check the system log and try again.',
  })
}
