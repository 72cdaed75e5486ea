import { type ChildProcess, fork } from 'node:child_process'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Failure, toFailure } from '../errors.ts'
import { BackupError } from '../errors.ts'
import type { RunOptions, Step } from '../operations/reports.ts'
import type { Job } from './here.ts'
import type { FromEngine, ToEngine } from './messages.ts'
import { silenceMsFor, stalled, StallWatch } from './stall-watch.ts'

type Result = { readonly success: true } | Failure

/** What an engine makes lives shortly, and is mostly memory beside V8's own, which goes when V8 collects. In MB. */
const LEAN: readonly string[] = ['--max-semi-space-size=2']
/** Threads of glibc would each keep, for the next time, what compressing has needed. */
const LEAN_ENV: Readonly<Record<string, string>> = { MALLOC_ARENA_MAX: '2' }

/** An engine process, seen from the host. Runs one operation at a time; idle, it does not keep the host alive. */
export class EngineProcess {
  readonly #child: ChildProcess
  isReusable = true
  /** The backup directory in which it has made a backup last. */
  knows: string | null = null
  /** What it was given of this process. */
  readonly #surroundings = surroundings()

  constructor() {
    const entry = fileURLToPath(new URL(`./process${extname(import.meta.url)}`, import.meta.url))
    // Options meant for the host, such as a debugger or a test runner's hooks, are not the engine's.
    const { NODE_OPTIONS: _, ...env } = process.env
    this.#child = fork(entry, [], {
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      serialization: 'advanced',
      execArgv: ['--no-warnings', ...LEAN],
      env: { ...LEAN_ENV, ...env },
    })
    this.#child.on('error', () => (this.isReusable = false))
    this.#child.on('exit', () => (this.isReusable = false))
    this.#release()
  }

  /**
   * Runs a job. A crash of the process is a failure with code `ENGINE_FAILED`; a process without a sign of
   * life is given up, with code `STALLED`. Never rejects.
   */
  async run(job: Job, { onProgress, signal }: RunOptions): Promise<Result> {
    const { pid } = this.#child
    if (pid === undefined) {
      this.isReusable = false
      return crashed('could not be started')
    }
    const { promise, resolve } = Promise.withResolvers<Result>()
    const crash = (how: string): void => {
      this.isReusable = false
      resolve(crashed(how))
    }
    let step: Step | null = null
    using watch = new StallWatch(pid, silenceMsFor(job), pids => {
      this.#giveUp(pids)
      resolve(toFailure(stalled(job, step)))
    })
    const onMessage = (message: FromEngine): void => {
      watch.sign()
      if (message.kind === 'progress') {
        step = message.progress.step
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
    this.#send({ kind: 'run', job }, crash)
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) crash('had ended')
    try {
      return await promise
    } finally {
      signal?.removeEventListener('abort', cancel)
      this.#child.off('message', onMessage).off('exit', onExit).off('error', onError)
      this.#release()
    }
  }

  /** Whether relative paths and environment variables still mean to it what they mean here. */
  get isUpToDate(): boolean {
    return this.#surroundings === surroundings()
  }

  stop(): void {
    this.#child.kill('SIGKILL')
  }

  /** Has it end by itself, as without a host: for one that has nothing to do. */
  dismiss(): void {
    this.isReusable = false
    if (this.#child.connected) this.#child.disconnect()
  }

  /** Waits no longer for what it was asked, whatever becomes of it; nor does this process, should it end. */
  abandon(): void {
    this.isReusable = false
    this.stop()
    this.#release()
  }

  /**
   * Kills the process and then what it started, so that none of them goes on once the disk answers: until
   * then the kernel may keep them whatever we do, but nobody here waits for them.
   */
  #giveUp(pids: readonly number[]): void {
    this.isReusable = false
    for (const pid of pids) killIfThere(pid)
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

function surroundings(): string {
  return JSON.stringify([workingDirectory(), process.env])
}

/** Null when somebody has removed it. */
function workingDirectory(): string | null {
  try {
    return process.cwd()
  } catch {
    return null
  }
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It has ended meanwhile.
  }
}

function crashed(how: string): Failure {
  return toFailure(
    new BackupError('ENGINE_FAILED', `The engine process ${how}`, {
      hint: 'The machine may be short of memory, processes or open files. Check the system log and try again; what it left unfinished is removed by the next run.',
    }),
  )
}
