/** The product in processes that stay, under a shim that is told anew before each run which call is to fail. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync, readlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'
import { descendantsOf } from '../crash/processes.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import type { Answer, Job } from './failing-worker.ts'
import { errnoOf, type FailingErrno, parseLog, type SeenCall, shim } from './shim.ts'

/** One call that goes wrong, and every later one when it is sticky. */
export interface Failing {
  /** The names of the calls that are counted. */
  readonly calls: readonly string[]
  /** Which of them goes wrong, counted from 1. */
  readonly at: number
  /** Does only half of what it was asked, and says so. */
  readonly errno: FailingErrno | 'short'
  readonly isSticky: boolean
}

export interface Outcome {
  /** Null when the process died or did not answer. */
  readonly answer: Answer | null
  /** All calls, also of kinds that were not counted. */
  readonly calls: readonly SeenCall[]
  /** What it said on standard error before it died. */
  readonly stderr: string
  /** Watched files that are still open after the answer. */
  readonly leaked: readonly string[]
  /** The processes that open databases with SQLite, which does not tell why a call failed; those of an export have ended. */
  readonly sqlitePids: readonly number[]
}

const WORKER = fileURLToPath(new URL('./failing-worker.ts', import.meta.url))
/** No operation on these small files takes a second; this is a hang. */
const HANGS_AFTER_MS = 60_000
const KILLED_GO_WITHIN_MS = 2_000
const STATE_BYTES = 256
/** Where the fields of `struct state` in shim.c begin, behind the count. */
const FIELDS = { at: 8, action: 24, error: 40, isSticky: 56, calls: 64 } as const

/** Answers operations on the files below one directory until the running test ends. */
export class FailingProduct {
  readonly #watched: string
  readonly #state: string
  readonly #log: string
  #child: ChildProcess | null = null
  #stderr = ''

  /** @param watched the directory whose files' calls are seen */
  constructor(watched: string) {
    const directory = temporaryDirectory()
    this.#watched = watched
    this.#state = join(directory, 'state')
    this.#log = join(directory, 'log')
    writeFileSync(this.#log, '')
    onTestFinished(() => this.#end())
  }

  /** Runs one operation; without `failing`, undisturbed. A process that died is started anew. */
  async run(job: Job, failing: Failing | null = null): Promise<Outcome> {
    const child = (this.#child ??= await this.#start())
    truncateSync(this.#log)
    this.#order(failing)
    const answer = await this.#ask(child, job)
    this.#order(null)
    const calls = parseLog(readFileSync(this.#log, 'utf8'))
    const pids = [child.pid ?? -1, ...descendantsOf(child.pid ?? -1)]
    const outcome = {
      answer,
      calls,
      leaked: answer === null ? [] : await this.#leftOpen(pids),
      sqlitePids: [...new Set(calls.map(({ pid }) => pid))].filter(
        pid => pid !== child.pid && !commandOf(pid).includes('/engine/process.'),
      ),
      stderr: this.#stderr,
    }
    // Each leak is told once.
    if (answer === null || outcome.leaked.length > 0) this.#end()
    return outcome
  }

  async #ask(child: ChildProcess, job: Job): Promise<Answer | null> {
    const { promise, resolve } = Promise.withResolvers<Answer | null>()
    const timer = setTimeout(() => resolve(null), HANGS_AFTER_MS)
    const died = (): void => resolve(null)
    child.once('message', resolve).once('exit', died)
    child.send(job)
    try {
      return await promise
    } finally {
      clearTimeout(timer)
      child.off('message', resolve).off('exit', died)
    }
  }

  async #start(): Promise<ChildProcess> {
    this.#order(null)
    const { NODE_OPTIONS: _, ...env } = process.env
    const child = fork(WORKER, {
      detached: true,
      execArgv: ['--no-warnings'],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      env: {
        ...env,
        // Node opens its files from this many threads; one makes the order of calls repeatable.
        UV_THREADPOOL_SIZE: '1',
        LD_PRELOAD: shim(),
        FAULT_LIVE: '1',
        FAULT_PATHS: this.#watched,
        FAULT_STATE: this.#state,
        FAULT_LOG: this.#log,
      },
    })
    this.#stderr = ''
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.#stderr += text))
    await once(child, 'message')
    return child
  }

  /** What the running processes are to do from their next call on. */
  #order(failing: Failing | null): void {
    const state = Buffer.alloc(STATE_BYTES)
    if (failing !== null) {
      const { at, errno, isSticky, calls } = failing
      state.write(String(at), FIELDS.at)
      state.write(errno === 'short' ? 'short' : 'fail', FIELDS.action)
      state.write(errno === 'short' ? '' : String(errnoOf(errno)), FIELDS.error)
      state.write(isSticky ? '1' : '', FIELDS.isSticky)
      state.write(calls.join(','), FIELDS.calls)
    }
    writeFileSync(this.#state, state, { flag: this.#child === null ? 'w' : 'r+' })
  }

  /** What stays open: processes that were killed for the answer take a moment to go. */
  async #leftOpen(pids: readonly number[]): Promise<string[]> {
    const deadline = performance.now() + KILLED_GO_WITHIN_MS
    for (;;) {
      const open = this.#openFiles(pids)
      if (open.length === 0 || performance.now() > deadline) return open
      await sleep(20)
    }
  }

  #openFiles(pids: readonly number[]): string[] {
    return pids.flatMap(filesOpenIn).filter(path => path.startsWith(`${this.#watched}/`))
  }

  #end(): void {
    const pid = this.#child?.pid
    this.#child = null
    if (pid === undefined) return
    try {
      process.kill(-pid, 'SIGKILL')
    } catch {
      // All of them have ended.
    }
  }
}

function commandOf(pid: number): string {
  return unlessGone(() => [readFileSync(`/proc/${pid}/cmdline`, 'utf8')])[0] ?? ''
}

function filesOpenIn(pid: number): string[] {
  const directory = `/proc/${pid}/fd`
  return unlessGone(() => readdirSync(directory))
    .flatMap(fd => unlessGone(() => [readlinkSync(join(directory, fd))]))
    .map(path => path.replace(/ \(deleted\)$/, ''))
}

function unlessGone(look: () => string[]): string[] {
  try {
    return look()
  } catch {
    return []
  }
}
