/** Several processes that work in one backup directory at once: their orders, and what became of them. */
import { type ChildProcess, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'
import type { Scene } from '../restore/scene.ts'
import { descendantsOf, untilEnded } from '../crash/processes.ts'

const RACER = fileURLToPath(new URL('./racer.ts', import.meta.url))
const CLI = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))

export interface Order {
  readonly operation: 'create' | 'restore' | 'verify'
  readonly backup: string
  /** How long to wait first: the racers' offset. */
  readonly delayMs: number
}

export interface Outcome {
  /** Null for a success. */
  readonly code: string | null
  readonly message: string
}

/** A door through which an operation is ordered. */
export interface Racer {
  run(order: Order): Promise<Outcome>
}

/** A process with the library loaded, killed when the running test ends. */
export class LibraryRacer implements Racer {
  readonly #child: ChildProcess

  private constructor(scene: Scene, engine: 'process' | 'here', config: string) {
    this.#child = fork(RACER, [scene.databasePath, scene.backupDir, engine, config], {
      execArgv: ['--no-warnings'],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    })
    onTestFinished(() => void this.#child.kill('SIGKILL'))
  }

  static async start(scene: Scene, engine: 'process' | 'here', config: string): Promise<LibraryRacer> {
    const racer = new LibraryRacer(scene, engine, config)
    await once(racer.#child, 'message')
    return racer
  }

  /** What happened, or code `KILLED` when the process was killed before it could tell. */
  async run(order: Order): Promise<Outcome> {
    const { promise, resolve } = Promise.withResolvers<Outcome>()
    const onExit = (): void => resolve({ code: 'KILLED', message: '' })
    this.#child.once('message', resolve as (message: unknown) => void).once('exit', onExit)
    this.#child.send(order)
    try {
      return await promise
    } finally {
      this.#child.off('message', resolve as (message: unknown) => void).off('exit', onExit)
    }
  }

  /** Kills it with SIGKILL; resolves once it and everything it has started have ended. */
  async kill(): Promise<void> {
    const pids = descendantsOf(this.#child.pid ?? -1)
    this.#child.kill('SIGKILL')
    if (this.#child.exitCode === null && this.#child.signalCode === null) await once(this.#child, 'exit')
    await untilEnded(pids)
  }
}

/** The command line, started anew for each order. */
export class CliRacer implements Racer {
  readonly #globals: readonly string[]

  constructor(scene: Scene, config: string) {
    const { databasePath, backupDir } = scene
    this.#globals = ['--path', databasePath, '--backup-dir', backupDir, '--config', config, '--json']
  }

  async run({ operation, backup, delayMs }: Order): Promise<Outcome> {
    await sleep(delayMs)
    const words = {
      create: ['create'],
      restore: ['restore', backup, '--confirm'],
      verify: ['verify', backup],
    }[operation]
    const child = spawn(process.execPath, ['--no-warnings', CLI, ...this.#globals, ...words], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    onTestFinished(() => void child.kill('SIGKILL'))
    const exited = once(child, 'exit') as Promise<[number | null]>
    const [stdout, stderr, [exit]] = await Promise.all([text(child.stdout), text(child.stderr), exited])
    if (stderr !== '') throw new Error(stderr)
    const answer = JSON.parse(stdout) as {
      success: boolean
      code?: string
      message?: string
      status?: string
    }
    if (answer.success !== (exit === 0)) throw new Error(`exit ${exit} with ${stdout}`)
    if (answer.success) return { code: null, message: answer.status ?? '' }
    return { code: answer.code ?? '', message: answer.message ?? '' }
  }
}
