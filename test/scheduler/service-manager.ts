import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface, type Interface } from 'node:readline'
import { expect, onTestFinished } from 'vitest'
import { temporaryDirectory } from '../support/temporary.ts'

/** A datagram socket as systemd opens one, in Python, which has them. */
export class ServiceManager {
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly #lines: AsyncIterator<string>
  readonly #times = new Map<string, number>()

  private constructor(socket: string, lines: Interface) {
    this.environment = { PATH: process.env['PATH'], NOTIFY_SOCKET: socket }
    this.#lines = lines[Symbol.asyncIterator]()
  }

  static async listen(): Promise<ServiceManager> {
    const socket = join(temporaryDirectory(), 'notify')
    const child: ChildProcess = spawn('python3', ['-c', LISTEN, socket], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    onTestFinished(async () => {
      const ended = once(child, 'exit')
      child.kill('SIGKILL')
      await ended
    })
    const manager = new ServiceManager(
      socket,
      createInterface({ input: child.stdout as NodeJS.ReadableStream }),
    )
    await manager.next()
    expect(existsSync(socket)).toBe(true)
    return manager
  }

  /** The next message; barriers, which ask only whether it was read, are not counted. */
  async next(): Promise<string> {
    const { value, done } = await this.#lines.next()
    if (done === true) throw new Error('The listener has ended')
    const { message, at } = JSON.parse(value) as { message: string; at: number }
    this.#times.set(message, at)
    return message
  }

  async until(last: string): Promise<string[]> {
    const messages = [await this.next()]
    while (messages.at(-1) !== last) messages.push(await this.next())
    return messages
  }

  /** When it last came, by the listener's clock, in milliseconds. */
  receivedAt(message: string): number {
    return this.#times.get(message) ?? Number.NaN
  }

  monotonicUs(): number {
    return Number(process.hrtime.bigint() / 1000n)
  }
}

const LISTEN = `
import json, socket, sys, time
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
print(json.dumps({"message": "listening", "at": 0}), flush=True)
while True:
    message = s.recv(4096).decode()
    if message != "BARRIER=1":
        print(json.dumps({"message": message, "at": time.monotonic() * 1000}), flush=True)
`
