import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'

const WRITER = fileURLToPath(new URL('./writer.ts', import.meta.url))
let started = 0

export interface WriterOptions {
  /** Statements that the writer's connection runs first. */
  readonly pragmas?: string
}

/** A writer of a ledger in a process of its own, see writer.ts. Killed when the running test ends. */
export class WriterProcess {
  readonly #child: ChildProcess
  readonly #acknowledgements: string
  #stderr = ''

  private constructor(
    path: string,
    directory: string,
    { pragmas = 'PRAGMA synchronous = NORMAL' }: WriterOptions,
  ) {
    this.#acknowledgements = join(directory, `acknowledged-${process.pid}-${started++}`)
    this.#child = spawn(process.execPath, ['--no-warnings', WRITER, path, this.#acknowledgements, pragmas], {
      stdio: ['pipe', 'ignore', 'pipe'],
    })
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.#stderr += text))
    onTestFinished(() => void this.#child.kill('SIGKILL'))
  }

  /** Starts a writer and waits for its first commit. `directory` gets a file of acknowledgements. */
  static async start(path: string, directory: string, options: WriterOptions = {}): Promise<WriterProcess> {
    const writer = new WriterProcess(path, directory, options)
    await writer.commitsBeyond(0)
    return writer
  }

  get pid(): number {
    return this.#child.pid ?? -1
  }

  /** The number of its last commit that SQLite has acknowledged; 0 before the first. */
  get acknowledged(): number {
    try {
      const bytes = readFileSync(this.#acknowledgements)
      return bytes.length < 8 ? 0 : Number(bytes.readBigUInt64LE())
    } catch {
      return 0
    }
  }

  /** Waits until the writer has made a commit with a number above `commits`. */
  async commitsBeyond(commits: number): Promise<void> {
    while (this.acknowledged <= commits) {
      if (this.#child.exitCode !== null || this.#child.signalCode !== null) {
        throw new Error(`The writer has ended: ${this.#stderr}`)
      }
      await sleep(2)
    }
  }

  /** Lets the writer finish its transaction; resolves to what went wrong in it, an empty text for nothing. */
  async stop(): Promise<string> {
    this.#child.stdin?.end()
    const code = await this.#ended()
    return code === 0 ? this.#stderr : `exit ${code}: ${this.#stderr}`
  }

  /** Kills the writer in whatever it is doing. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#ended()
  }

  async #ended(): Promise<number | null> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) await once(this.#child, 'exit')
    return this.#child.exitCode
  }
}
