/** The processes of a soak, seen from the test: hosts of the library, the command line, writers, the checker. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { UNPRIVILEGED } from '../support/other-process.ts'
import { descendantsOf } from '../crash/processes.ts'
import type { FromChecker, Sent, ToChecker } from './soak-checker.ts'
import { now } from './soak-clock.ts'
import type { Answer, FromHost, Measure, Order, ToHost } from './soak-host.ts'
import { type Outcome, toldBy } from './soak-outcome.ts'
import type { World } from './soak-world.ts'

const CLI = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))
/** Of the audit log, or of its head only: the fault may have come between the two. */
const UNAUDITED =
  /^Warning: (?:The audit log could not be written|This \S+ is in the audit log, but its head).*\n/gm
const KILLED: Answer = { code: 'KILLED', message: '', made: [], unaudited: [] }

interface StartOptions {
  readonly stdin?: 'ignore' | 'pipe'
  /** What runs it; by default something that makes it a user to whom permissions apply. */
  readonly under?: readonly string[]
}

/** Starts a module of this directory with Node. */
function start(
  module: string,
  args: readonly string[],
  { stdin = 'ignore', under = UNPRIVILEGED }: StartOptions = {},
): ChildProcess {
  const file = fileURLToPath(new URL(module, import.meta.url))
  const [command = '', ...rest] = [...under, process.execPath, '--no-warnings', file, ...args]
  const { NODE_OPTIONS: _, ...env } = process.env
  return spawn(command, rest, { stdio: [stdin, 'ignore', 'pipe', 'ipc'], env })
}

function isOver(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null
}

/** Questions to a process and its answers. */
class Questions<Reply> {
  #next = 1
  readonly #open = new Map<number, (reply: Reply) => void>()

  ask(send: (question: number) => void): Promise<Reply> {
    const question = this.#next++
    const { promise, resolve } = Promise.withResolvers<Reply>()
    this.#open.set(question, resolve)
    send(question)
    return promise
  }

  answer(question: number, reply: Reply): void {
    this.#open.get(question)?.(reply)
    this.#open.delete(question)
  }

  answerAll(reply: Reply): void {
    for (const question of this.#open.keys()) this.answer(question, reply)
  }
}

export class Host {
  readonly #child: ChildProcess = start('./soak-host.ts', [])
  readonly #questions = new Questions<Answer | Measure>()
  readonly stderr: Promise<string>

  constructor() {
    this.stderr = this.#child.stderr === null ? Promise.resolve('') : text(this.#child.stderr)
    this.#child.on('message', ({ question, answer }: FromHost) => this.#questions.answer(question, answer))
    this.#child.on('exit', () => this.#questions.answerAll(KILLED))
  }

  get pid(): number {
    return this.#child.pid ?? -1
  }

  async run(order: Order): Promise<Answer> {
    if (isOver(this.#child)) return KILLED
    const answer = await this.#questions.ask(question => this.#send({ kind: 'run', question, order }))
    return answer as Answer
  }

  async measure(): Promise<Measure> {
    return (await this.#questions.ask(question => this.#send({ kind: 'measure', question }))) as Measure
  }

  /** Kills it; returns the processes that it had started, which must end by themselves. */
  kill(): number[] {
    const orphans = descendantsOf(this.pid)
    this.#child.kill('SIGKILL')
    return orphans
  }

  #send(message: ToHost): void {
    // One that was killed between the question and this answers through its exit.
    this.#child.send(message, () => {})
  }
}

/** The command line carrying out one order. */
export class Command {
  readonly #child: ChildProcess
  readonly answer: Promise<Answer>

  constructor({ path, backupDir, config, operation, encoding, backup, to, cancelAfterMs }: Order) {
    const words = {
      create: ['create', '--encoding', encoding, '--no-copy'],
      restore: ['restore', backup, '--confirm'],
      'restore-to': ['restore', backup, '--to', to, '--confirm'],
      verify: ['verify', backup],
      export: ['export', '--output', to, '--include-sensitive'],
      import: ['import', backup, '--to', to],
      cleanup: ['cleanup', '--confirm'],
      convert: ['convert', backup, '--encoding', encoding],
      sync: ['sync'],
      list: ['list'],
      info: ['info'],
    }[operation]
    const globals = ['--path', path, '--backup-dir', backupDir, '--config', config, '--json']
    const [command = '', ...args] = [
      ...UNPRIVILEGED,
      process.execPath,
      '--no-warnings',
      CLI,
      ...globals,
      ...words,
    ]
    const { NODE_OPTIONS: _, ...env } = process.env
    this.#child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], env })
    if (cancelAfterMs !== null) setTimeout(() => this.#child.kill('SIGINT'), cancelAfterMs)
    this.answer = this.#answer(cancelAfterMs !== null)
  }

  get pid(): number {
    return this.#child.pid ?? -1
  }

  kill(): number[] {
    const orphans = descendantsOf(this.pid)
    this.#child.kill('SIGKILL')
    return orphans
  }

  async #answer(isCancelled: boolean): Promise<Answer> {
    const { stdout, stderr } = this.#child
    if (stdout === null || stderr === null) throw new Error('The command line has no output')
    const [out, err] = await Promise.all([text(stdout), text(stderr)])
    if (!isOver(this.#child)) await once(this.#child, 'exit')
    const { exitCode, signalCode } = this.#child
    const unaudited = err.match(UNAUDITED) ?? []
    const said = (code: string | null, message = '', made: readonly string[] = []): Answer => ({
      code,
      message,
      made,
      unaudited,
    })
    const unexpected = err.replaceAll(UNAUDITED, '')
    if (unexpected !== '') return said('STDERR', unexpected)
    if (out === '') {
      // A signal that comes before the command listens ends it as it ends any program.
      if (isCancelled && signalCode === 'SIGINT') return said('CANCELLED')
      return signalCode === 'SIGKILL' ? KILLED : said(`EXIT ${exitCode ?? signalCode}`)
    }
    const answer = JSON.parse(out) as {
      success: boolean
      code?: string
      message?: string
      status?: string
      backupPath?: string
      preRestoreBackup?: { path: string } | null
    } & Partial<Omit<Outcome, 'status'>>
    if (!answer.success) return said(answer.code ?? 'NONE', answer.message)
    const made = [answer.backupPath, answer.preRestoreBackup?.path].filter(path => path !== undefined)
    if (answer.status === undefined) return said(null, '', made)
    const { code, message } = toldBy({ ...answer, status: answer.status })
    return said(code, message, made)
  }
}

export class Writer {
  readonly #child: ChildProcess
  readonly #stderr: Promise<string>
  #isKilled = false

  constructor(path: string, log: string, seed: number, kind: 'plain' | 'rebuilding') {
    this.#child = start('./soak-writer.ts', [path, log, String(seed), kind], { stdin: 'pipe' })
    this.#stderr = this.#child.stderr === null ? Promise.resolve('') : text(this.#child.stderr)
  }

  async kill(): Promise<void> {
    this.#isKilled = true
    this.#child.kill('SIGKILL')
    if (!isOver(this.#child)) await once(this.#child, 'exit')
  }

  /** Whether it has ended without having been told to. */
  get hasFailed(): boolean {
    return isOver(this.#child) && !this.#isKilled
  }

  /** Lets it finish its commit; resolves to what went wrong in it, an empty text for nothing. */
  async stop(): Promise<string> {
    this.#child.stdin?.end()
    const problem = await this.#stderr
    if (!isOver(this.#child)) await once(this.#child, 'exit')
    return this.#child.exitCode === 0 ? problem : `exit ${this.#child.exitCode}: ${problem}`
  }
}

export class Checker {
  readonly #child: ChildProcess
  readonly #questions = new Questions<readonly string[]>()

  /** @param fail is told what must not be, as soon as it is found */
  constructor(
    { directory, keyPath, fail }: Pick<World, 'directory' | 'keyPath' | 'fail'>,
    logs: Readonly<Record<string, string>>,
  ) {
    const args = [join(directory, 'scratch'), keyPath, JSON.stringify(logs)]
    this.#child = start('./soak-checker.ts', args, { under: [] })
    this.#child.stderr?.setEncoding('utf8').on('data', fail)
    this.#child.on('message', ({ question, problems }: FromChecker) => {
      problems.forEach(fail)
      if (question !== null) this.#questions.answer(question, problems)
    })
    this.#child.on('exit', () => {
      fail('The checker has ended')
      this.#questions.answerAll(['The checker has ended'])
    })
  }

  tell(message: Exclude<ToChecker, { readonly question: number }>): void {
    this.#send(message)
  }

  ask(
    make: (question: number) => Extract<ToChecker, { readonly question: number }>,
  ): Promise<readonly string[]> {
    return this.#questions.ask(question => this.#send(make(question)))
  }

  #send(message: ToChecker): void {
    this.#child.send({ ...message, at: now() } satisfies Sent)
  }

  kill(): void {
    this.#child.removeAllListeners('exit')
    this.#child.kill('SIGKILL')
  }
}
