import { type ChildProcess, fork } from 'node:child_process'
import { readdirSync, statSync } from 'node:fs'
import { extname, join } from 'node:path'
import { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { BackupError, cancelled, fromFailure } from '../errors.ts'
import { MemoryWatch } from './memory-watch.ts'
import { sqliteProcessFailed } from './process-failed.ts'
import type { SqliteFault, SqliteReply, SqliteRequestName, SqliteRequests, SystemFault } from './requests.ts'

/** SQLite, or the file system below it, said no. The operation that asked says what that means there. */
export class SqliteError extends Error {
  override readonly name = 'SqliteError'
  /** SQLite's extended result code; null for an error of another kind. */
  readonly resultCode: number | null
  /** Which file it was about; null for the database that was asked for. */
  readonly path: string | null
  readonly system: SystemFault | undefined

  constructor(fault: SqliteFault) {
    super(fault.message)
    this.resultCode = fault.resultCode
    this.path = fault.path ?? null
    this.system = fault.system
  }

  /** The primary result code: the extended one's low byte. */
  get primaryCode(): number | null {
    return this.resultCode === null ? null : this.resultCode & 0xff
  }
}

/**
 * Questions whose answer a file can put off for ever, by a schema that is expensive to make sense of or by
 * pages that lead back to each other.
 */
const BOUNDED: ReadonlySet<SqliteRequestName> = new Set([
  'beginRead',
  'describe',
  'check',
  'checkRead',
  'recover',
  'openTarget',
  'openExport',
  'scanExport',
  'redactExport',
  'exportRanges',
  'compare',
])
/** Timers take no longer delays. */
const DELAY_MS_MAX = 2 ** 31 - 1
/** A hundred times what the slowest check takes on a slow disk. */
const MS_PER_MEBIBYTE = 1_000
/** Ten times what the most expensive of ordinary questions takes. */
const MEMORY_BYTES_MIN = 1 << 30
/** Beside it a value may stand in memory as text, as bytes and as SQLite has it; none is larger than SQLite lets it be. */
const COPIES_OF_VALUE = 4
const VALUE_BYTES_MAX = 1_000_000_000

/**
 * A process that encodes rows makes much garbage that lives shortly. With V8's own limit of 16 MiB for the newest of
 * it, exporting blobs of 50 kB as JSON took 105 MB, and with this one 73 MB, in the same time.
 */
const LEAN: readonly string[] = ['--max-semi-space-size=2']

export interface AskOptions {
  /** Aborting kills the process: SQLite's long calls cannot be interrupted otherwise, and its kernel locks go with it. */
  readonly signal?: AbortSignal
  readonly onBytes?: (doneBytes: number, totalBytes: number) => void
  /** What the answer may cost; default: a memory that depends on the file, and for some questions a time that does. */
  readonly bounds?: Bounds
}

/** What an answer may cost. Exceeding it kills the process, and the question fails with what `exceeded` says. */
export interface Bounds {
  readonly timeMs: number
  /** That the process has in memory. Watched on Linux only. */
  readonly memoryBytes: number
  readonly exceeded: (what: 'time' | 'memory') => BackupError
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
  readonly #hasPipe: boolean
  #nextId = 1
  /** The file that was asked about last. */
  #path = ''
  /** How long a question of {@link BOUNDED} may take, beside a second for each MiB and what it waits for a lock. */
  patienceMs: number = Number.POSITIVE_INFINITY
  readonly #waiting = new Map<number, Waiting>()

  /** @param options `hasPipe`: rows can be asked for; they arrive in {@link pipe} */
  constructor({ hasPipe = false }: { readonly hasPipe?: boolean } = {}) {
    this.#hasPipe = hasPipe
  }

  /** Starts the process, so that it is ready when the first question comes. */
  start(): void {
    this.#child ??= this.#spawn()
  }

  get isRunning(): boolean {
    return this.#child !== null
  }

  /** What the process writes when it is asked for rows. It waits while nobody reads. */
  get pipe(): Readable {
    const pipe = this.#child?.stdio[4]
    if (!(pipe instanceof Readable)) throw new Error('This SQLite process has no pipe')
    return pipe
  }

  async ask<Name extends SqliteRequestName>(
    name: Name,
    request: SqliteRequests[Name]['request'],
    { signal, onBytes, bounds }: AskOptions = {},
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
    const bytes = this.#bytesAskedAbout(request)
    const limitMs =
      bounds?.timeMs ?? (BOUNDED.has(name) ? this.#limitMs(request, bytes) : Number.POSITIVE_INFINITY)
    const memoryBytes =
      bounds?.memoryBytes ?? MEMORY_BYTES_MIN + COPIES_OF_VALUE * Math.min(bytes, VALUE_BYTES_MAX)
    const endWith = (error: BackupError): void => {
      reject(error)
      this.kill()
    }
    const giveUp = (): void => endWith(bounds?.exceeded('time') ?? tookTooLong(this.#path, limitMs))
    const tookTooMuch = (): void =>
      endWith(bounds?.exceeded('memory') ?? neededTooMuch(this.#path, memoryBytes))
    using _memory = child.pid === undefined ? null : new MemoryWatch(child.pid, memoryBytes, tookTooMuch)
    const timer = limitMs <= DELAY_MS_MAX ? setTimeout(giveUp, limitMs) : undefined
    this.#hold(child)
    child.send({ id, name, request }, error => {
      // A process that cannot be reached has ended, or must; its end is what the question is answered with.
      if (error !== null) child.kill('SIGKILL')
    })
    try {
      return (await promise) as SqliteRequests[Name]['answer']
    } finally {
      clearTimeout(timer)
      signal?.removeEventListener('abort', abort)
      this.#waiting.delete(id)
      if (this.#waiting.size === 0) this.#release(child)
    }
  }

  /** Of the file that this question is about, or the last one was, and of what lies beside it. */
  #bytesAskedAbout(request: SqliteRequests[SqliteRequestName]['request']): number {
    if ('path' in request) this.#path = request.path
    else if ('source' in request && 'format' in request) this.#path = request.source
    return sizeOf(this.#path) + sizeOf(`${this.#path}-wal`) + sizeOf(`${this.#path}-journal`)
  }

  #limitMs(request: SqliteRequests[SqliteRequestName]['request'], bytes: number): number {
    const waitMs = 'waitMs' in request ? request.waitMs : 0
    return this.patienceMs + waitMs + (bytes / (1 << 20)) * MS_PER_MEBIBYTE
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
      stdio: ['ignore', 'ignore', 'ignore', 'ipc', ...(this.#hasPipe ? ['pipe' as const] : [])],
      serialization: 'advanced',
      execArgv: ['--no-warnings', ...(this.#hasPipe ? LEAN : [])],
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
    else {
      const { failure } = message.fault
      waiting?.reject(failure === undefined ? new SqliteError(message.fault) : fromFailure(failure))
    }
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

function tookTooLong(path: string, limitMs: number): BackupError {
  return new BackupError(
    'STALLED',
    `SQLite was still busy with the file after ${Math.round(limitMs / 1000)} s: ${path}`,
    {
      hint: 'It is damaged, or made to keep whoever reads it busy. On a disk that is only slow, raise stallAfterMs.',
      path,
    },
  )
}

function neededTooMuch(path: string, memoryBytes: number): BackupError {
  return new BackupError(
    'ENGINE_FAILED',
    `SQLite needed more than ${Math.round(memoryBytes / 2 ** 20)} MiB of memory for the file, and was ended: ${path}`,
    {
      hint: 'It is damaged, or made to exhaust whoever reads it; nothing was done with it. Ask where it comes from. A backup can be made of it with --check none.',
      path,
    },
  )
}

/** Of a directory, such as an export of several files, what is right in it. */
function sizeOf(path: string): number {
  try {
    const stats = statSync(path)
    if (!stats.isDirectory()) return stats.size
    return readdirSync(path).reduce((sum, name) => sum + statSync(join(path, name)).size, 0)
  } catch {
    return 0
  }
}
