import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

export interface ToWriter {
  readonly ask: 'status' | 'pause' | 'resume' | 'stop'
}

export interface FromWriter {
  readonly status: WriterStatus
}

export interface WriterStatus {
  /** Commits that SQLite acknowledged. */
  readonly commits: number
  /** Why it stands still. */
  readonly error: string | null
}

const ENDED = new Error('The writer process ended unexpectedly')

/** The application's writer process, seen from the demo. */
export class WriterProcess implements Disposable {
  readonly #child: ChildProcess

  constructor(database: string) {
    this.#child = fork(fileURLToPath(new URL('writer.ts', import.meta.url)), [database], {
      execArgv: ['--no-warnings'],
    })
  }

  /** Asks, and waits for the answer, which says what was committed by then. */
  async ask(ask: ToWriter['ask']): Promise<WriterStatus> {
    const waiting = new AbortController()
    const { signal } = waiting
    const ended = once(this.#child, 'exit', { signal }).then(() => Promise.reject(ENDED))
    const answered = once(this.#child, 'message', { signal }) as Promise<[FromWriter]>
    this.#child.send({ ask } satisfies ToWriter)
    try {
      const [{ status }] = await Promise.race([answered, ended])
      return status
    } finally {
      waiting.abort()
      await Promise.allSettled([answered, ended])
    }
  }

  /** Waits until it has committed so much more, or stands still for an error. */
  async commitsMore(count: number): Promise<WriterStatus> {
    const until = (await this.ask('status')).commits + count
    for (;;) {
      const status = await this.ask('status')
      if (status.commits >= until || status.error !== null) return status
      await new Promise(resolve => setTimeout(resolve, 5))
    }
  }

  /** Ends it as a crash would: no close, no checkpoint, the write-ahead log left where it is. */
  async kill(): Promise<void> {
    const ended = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await ended
  }

  [Symbol.dispose](): void {
    this.#child.kill('SIGKILL')
  }
}
