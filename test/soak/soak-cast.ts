/** The processes of a soak that come and go: who carries out operations, who writes, and who is left without a parent. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { descendantsOf, signal } from '../crash/processes.ts'
import { processesOf, untilGone } from './soak-faults.ts'
import type { Answer, Order } from './soak-host.ts'
import { Checker, Command, Host, Writer } from './soak-processes.ts'
import type { Protected, World } from './soak-world.ts'

/** `steady`, twice: through its engine process and in the program itself. `mortal` is killed now and then. */
export const DOORS = ['steady', 'steady', 'here', 'mortal', 'command line'] as const
export type Door = (typeof DOORS)[number]

export class Cast {
  readonly #world: World
  readonly #random: () => number
  readonly checker: Checker
  /** Never killed: what it holds on to is measured. */
  readonly steady: Host = new Host()
  #mortal: Host = new Host()
  readonly #commands = new Set<Command>()
  readonly #writers = new Map<string, Writer>()
  #writersStarted = 0
  /** Processes whose parents were killed: they must end by themselves. */
  #orphans: number[] = []

  constructor(world: World, random: () => number) {
    this.#world = world
    this.#random = random
    const logs = world.databases.map(database => [database.name, this.#newLog(database)] as const)
    this.checker = new Checker(world, Object.fromEntries(logs))
    for (const [i, database] of world.databases.entries()) this.#startWriter(database, logs[i]?.[1] ?? '')
  }

  async send(order: Order, door: Door): Promise<Answer> {
    const answer = await this.#sendTo(order, door)
    // Whose parent was killed may go on for a moment, and come to a good end or a bad one.
    if (answer.code === 'KILLED' || answer.code === 'ENGINE_FAILED') await this.untilOrphansEnd()
    return answer
  }

  async untilOrphansEnd(): Promise<void> {
    const orphans = this.#orphans
    const left = await untilGone(orphans)
    this.#orphans = this.#orphans.filter(pid => !orphans.includes(pid))
    for (const pid of left)
      this.#world.fail(`Process ${pid}, whose parent was killed, goes on: ${stateOf(pid)}`)
  }

  /** Whether there was one to kill. */
  killChild(of: 'steady' | 'mortal', what: 'engine' | 'sqlite'): boolean {
    const pids = processesOf((of === 'steady' ? this.steady : this.#mortal).pid, what)
    const pid = pids[Math.floor(this.#random() * pids.length)]
    if (pid === undefined) return false
    this.#orphans.push(...descendantsOf(pid))
    signal(pid, 'SIGKILL')
    return true
  }

  killCommand(): boolean {
    const [command] = this.#commands
    if (command === undefined) return false
    this.#orphans.push(...command.kill())
    return true
  }

  killMortal(): void {
    this.#orphans.push(...this.#mortal.kill())
    this.#mortal = new Host()
  }

  async killWriter(database: Protected): Promise<void> {
    await this.#writers.get(database.name)?.kill()
    const log = this.#newLog(database)
    this.checker.tell({ kind: 'log', database: database.name, path: log })
    this.#startWriter(database, log)
  }

  watchWriters(): void {
    for (const [database, writer] of this.#writers) {
      if (writer.hasFailed) this.#world.fail(`The writer of ${database} has ended by itself`)
    }
  }

  /** Ends the writers in peace; none of them may have met an error of SQLite. */
  async stopWriters(): Promise<void> {
    for (const [name, writer] of this.#writers) {
      const problem = await writer.stop()
      if (problem !== '') this.#world.fail(`The writer of ${name} failed: ${problem}`)
    }
  }

  /** Ends the hosts; what they had started ends by itself, and neither of them ever complained. */
  async end(): Promise<void> {
    this.#orphans.push(...this.#mortal.kill(), ...this.steady.kill())
    await this.untilOrphansEnd()
    for (const host of [this.steady, this.#mortal]) {
      const words = await host.stderr
      if (words !== '') this.#world.fail(`A host said: ${words}`)
    }
  }

  /** Kills whatever still runs, because the test is over. */
  abandon(): void {
    this.checker.kill()
    for (const writer of this.#writers.values()) void writer.kill()
    this.steady.kill()
    this.#mortal.kill()
  }

  async #sendTo(order: Order, door: Door): Promise<Answer> {
    if (door === 'mortal') return await this.#mortal.run(order)
    if (door !== 'command line') return await this.steady.run(order)
    const command = new Command(order)
    this.#commands.add(command)
    try {
      return await command.answer
    } finally {
      this.#commands.delete(command)
    }
  }

  #newLog({ name }: Protected): string {
    return join(this.#world.directory, `${name}.${this.#writersStarted++}.log`)
  }

  #startWriter(database: Protected, log: string): void {
    const seed = Math.floor(this.#random() * 2 ** 31)
    this.#writers.set(database.name, new Writer(database.path, log, seed, database.writes))
  }
}

/** What the kernel says of a process, for whoever looks into why it goes on. */
function stateOf(pid: number): string {
  try {
    const tasks = readdirSync(`/proc/${pid}/task`).map(task => {
      const read = (file: string): string => readFileSync(`/proc/${pid}/task/${task}/${file}`, 'utf8').trim()
      return `${read('comm')} ${read('wchan')} ${read('syscall')}`
    })
    return tasks.join('; ')
  } catch {
    return 'it has just ended'
  }
}
