/** Real servers on this machine: on ports that nobody else has, ended with the tests that started them. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { createServer, connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { missing, type Requirement } from '../../support/requirements.ts'

/** Whether the servers of a file of tests can be started; in CI they must. */
export function canStart(requirements: readonly Requirement[]): boolean {
  return process.env['CI'] !== undefined || missing(...requirements).length === 0
}

/** Below those that the kernel gives to whoever connects, or asks for any: seconds may pass before a server takes its own. */
const PORT_MIN = 20_000
const PORTS = 12_000
/** Test runners that start one after another are this far apart. */
const PORTS_EACH = 64
let portsTried = process.pid * PORTS_EACH

/** A port that nobody listens on, and that nobody is given unless he asks for this one. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = PORT_MIN + (portsTried++ % PORTS)
    if (await canListen(port)) return port
  }
}

async function canListen(port: number): Promise<boolean> {
  const server = createServer()
  try {
    await once(server.listen(port, '127.0.0.1'), 'listening')
  } catch {
    return false
  }
  await new Promise(resolve => server.close(resolve))
  return true
}

/** Short, as paths of sockets may be no longer than 107 bytes. */
export function serverDirectory(): string {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), 'chame-test-')))
  chmodSync(directory, 0o755)
  return directory
}

export interface Daemon extends AsyncDisposable {
  readonly child: ChildProcess
  /** What it has said so far. */
  readonly said: () => string
}

/** Starts a program that stays in the foreground. It dies with this process, however that ends. */
export function startDaemon(
  command: string,
  args: readonly string[],
  environment: NodeJS.ProcessEnv = {},
): Daemon {
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', command, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...environment },
  })
  let text = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (chunk: string) => void (text = (text + chunk).slice(-20_000)))
  const ended = new Promise<void>(resolve => child.once('close', () => resolve()))
  return {
    child,
    said: () => text,
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      await ended
    },
  }
}

/** Waits until something listens, or `daemon` has ended. */
export async function listening(port: number, daemon: Daemon, address = '127.0.0.1'): Promise<void> {
  await until(() => isListening(port, address), daemon)
}

/** Waits for a condition; a daemon that ends meanwhile fails with what it said. */
export async function until(isSo: () => boolean | Promise<boolean>, daemon?: Daemon): Promise<void> {
  for (;;) {
    if (await isSo()) return
    if (daemon !== undefined && daemon.child.exitCode !== null)
      throw new Error(`${daemon.child.spawnargs.join(' ')} ended: ${daemon.said()}`)
    await sleep(50)
  }
}

function isListening(port: number, address: string): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect(port, address)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}

/** Runs a program and returns what it printed; throws with what it said when it fails. */
export function run(
  command: string,
  args: readonly string[],
  { environment = {}, input }: { environment?: NodeJS.ProcessEnv; input?: string } = {},
): string {
  const result = spawnSync(command, args, {
    encoding: 'utf8',
    env: { ...process.env, ...environment },
    ...(input === undefined ? {} : { input }),
  })
  if (result.status === 0) return result.stdout
  throw new Error(`${command} ${args.join(' ')} failed (${result.status}): ${result.stderr}`)
}

export function remove(directory: string): void {
  rmSync(directory, { recursive: true, force: true })
}
