import { type ChildProcess, fork } from 'node:child_process'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Failure, toFailure } from '../errors.ts'
import { BackupError } from '../errors.ts'
import type { RunOptions } from '../operations/reports.ts'
import type { Job } from './here.ts'
import type { FromEngine, ToEngine } from './messages.ts'

type Result = { readonly success: true } | Failure

/** An engine process, seen from the host. Runs one operation at a time; idle, it does not keep the host alive. */
export class EngineProcess {
  readonly #child: ChildProcess
  isReusable = true

  constructor() {
    const entry = fileURLToPath(new URL(`./process${extname(import.meta.url)}`, import.meta.url))
    // Options meant for the host, such as a debugger or a test runner's hooks, are not the engine's.
    const { NODE_OPTIONS: _, ...env } = process.env
    this.#child = fork(entry, [], {
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      serialization: 'advanced',
      execArgv: ['--no-warnings'],
      env,
    })
    this.#child.on('error', () => {})
    this.#child.on('exit', () => (this.isReusable = false))
    this.#release()
  }

  /** Runs a job; a crash of the process is a failure with code `ENGINE_FAILED`. Never rejects. */
  async run(job: Job, { onProgress, signal }: RunOptions): Promise<Result> {
    const { promise, resolve } = Promise.withResolvers<Result>()
    const crash = (how: string): void => {
      this.isReusable = false
      resolve(crashed(how))
    }
    const onMessage = (message: FromEngine): void => {
      if (message.kind === 'progress') {
        onProgress?.(message.progress)
      } else {
        this.isReusable &&= message.isReusable
        resolve(message.result)
      }
    }
    const onExit = (code: number | null, by: NodeJS.Signals | null): void =>
      crash(by === null ? `ended with code ${code}` : `was killed by ${by}`)
    const onError = (error: Error): void => crash(`could not be reached: ${error.message}`)
    const cancel = (): void => this.#send({ kind: 'cancel' }, crash)

    this.#child.on('message', onMessage).on('exit', onExit).on('error', onError)
    signal?.addEventListener('abort', cancel, { once: true })
    this.#hold()
    this.#send({ kind: 'run', job, wantsProgress: onProgress !== undefined }, crash)
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) crash('had ended')
    try {
      return await promise
    } finally {
      signal?.removeEventListener('abort', cancel)
      this.#child.off('message', onMessage).off('exit', onExit).off('error', onError)
      this.#release()
    }
  }

  stop(): void {
    this.#child.kill('SIGKILL')
  }

  #send(message: ToEngine, onFailure: (how: string) => void): void {
    if (!this.#child.connected) return
    this.#child.send(message, error => {
      if (error !== null) onFailure(`could not be reached: ${error.message}`)
    })
  }

  #hold(): void {
    this.#child.ref()
    this.#child.channel?.ref()
  }

  #release(): void {
    this.#child.unref()
    this.#child.channel?.unref()
  }
}

function crashed(how: string): Failure {
  return toFailure(
    new BackupError('ENGINE_FAILED', `The engine process ${how}`, {
      hint: 'The machine may be short of memory. Check the system log and try again; what it left unfinished is removed by the next run.',
    }),
  )
}
