/** The scheduler as it is shipped, in a process of its own. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'
import type { Config } from '../../src/config/config.ts'
import type { SchedulerState } from '../../src/schedule/state.ts'
import { cleanEnvironment } from '../cli/run-cli.ts'
import { descendantsOf, untilEnded } from '../crash/processes.ts'
import { temporaryDirectory } from '../support/temporary.ts'

export const SCHEDULER: string = fileURLToPath(new URL('../../dist/scheduler/main.js', import.meta.url))
if (!existsSync(SCHEDULER)) throw new Error('dist/scheduler/main.js is missing: run `npm run build` first')

export interface Ended {
  readonly exit: number | null
  readonly signal: NodeJS.Signals | null
}

export interface LogLine {
  readonly event: string
  readonly level: string
  readonly msg: string
  readonly [field: string]: unknown
}

export class DaemonProcess {
  readonly child: ChildProcess
  readonly ended: Promise<Ended>
  #stderr = ''

  constructor(
    directory: string,
    args: readonly string[] = [],
    environment: Readonly<Record<string, string | undefined>> = {},
  ) {
    this.child = spawn(process.execPath, [SCHEDULER, ...args], {
      cwd: directory,
      env: { ...cleanEnvironment(), ...environment },
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.#stderr += text))
    this.ended = once(this.child, 'close').then(([exit, signal]) => ({ exit, signal }) as Ended)
    onTestFinished(() => void this.child.kill('SIGKILL'))
  }

  get pid(): number {
    // Never a stand-in: some numbers mean every process there is.
    if (this.child.pid === undefined) throw new Error('The scheduler could not be started')
    return this.child.pid
  }

  get stderr(): string {
    return this.#stderr
  }

  get log(): LogLine[] {
    // The last line may still be on its way.
    const whole = this.#stderr.slice(0, this.#stderr.lastIndexOf('\n') + 1)
    return whole
      .split('\n')
      .filter(line => line.startsWith('{'))
      .map(line => JSON.parse(line) as LogLine)
  }

  /** Waits for the `count`-th entry of an event. */
  async logged(event: string, count = 1): Promise<LogLine> {
    for (;;) {
      const found = this.log.filter(line => line.event === event)[count - 1]
      if (found !== undefined) return found
      if (this.child.exitCode !== null || this.child.signalCode !== null) {
        throw new Error(`It ended without ${event}: ${this.#stderr}`)
      }
      await sleep(5)
    }
  }

  /** Kills it and waits until all that it had started have ended too. */
  async kill(): Promise<void> {
    const pids = descendantsOf(this.pid)
    this.child.kill('SIGKILL')
    await this.ended
    await untilEnded(pids)
  }

  async stop(): Promise<Ended> {
    this.child.kill('SIGTERM')
    return this.ended
  }
}

export interface ProcessScene {
  readonly directory: string
  readonly backupDir: string
  readonly databasePath: string
  readonly configFile: string
  configure(config: Config): void
  start(args?: readonly string[], environment?: Readonly<Record<string, string | undefined>>): DaemonProcess
  state(): SchedulerState
}

export function openProcessScene(config: Config): ProcessScene {
  const directory = temporaryDirectory()
  mkdirSync(join(directory, 'data'))
  const backupDir = join(directory, 'backups')
  const configFile = join(directory, 'chame-backup.config.json')
  const configure = (value: Config): void => writeFileSync(configFile, JSON.stringify(value))
  configure(config)
  return {
    directory,
    backupDir,
    databasePath: join(directory, 'data', 'chame.db'),
    configFile,
    configure,
    start: (args, environment) => new DaemonProcess(directory, args, environment),
    state: () => JSON.parse(readFileSync(join(backupDir, 'scheduler-state.json'), 'utf8')) as SchedulerState,
  }
}
