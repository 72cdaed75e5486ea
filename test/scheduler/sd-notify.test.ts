import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface, type Interface } from 'node:readline'
import { expect, onTestFinished, test } from 'vitest'
import { openServiceNotifier, type ServiceNotifier } from '../../src/scheduler/sd-notify.ts'
import { testWith } from '../support/requirements.ts'
import { temporaryDirectory } from '../support/temporary.ts'

const TOOLS = ['linux', 'python3', 'systemd-notify'] as const

testWith(TOOLS, 'a daemon says READY, RELOADING, its status and STOPPING, in that order', async () => {
  const manager = await ServiceManager.listen()
  const notifier = notify(manager.environment)
  const before = manager.monotonicUs()
  // Not awaited one by one: the order is the notifier's to keep.
  const said = [
    notifier.ready('3 jobs'),
    notifier.reloading(),
    notifier.ready('4 jobs'),
    notifier.status('Job daily\nREADY=1 runs'),
    notifier.stopping('Finishing job daily'),
  ]
  await Promise.all(said)
  const messages = [await manager.next(), await manager.next(), await manager.next(), await manager.next()]
  expect(messages[0]).toBe('READY=1\nSTATUS=3 jobs')
  const [reloading, at = ''] = (messages[1] ?? '').split('\nMONOTONIC_USEC=')
  expect(reloading).toBe('RELOADING=1')
  expect(Number(at)).toBeGreaterThanOrEqual(before)
  expect(Number(at)).toBeLessThanOrEqual(manager.monotonicUs())
  expect(messages.slice(2)).toEqual(['READY=1\nSTATUS=4 jobs', 'STATUS=Job daily READY=1 runs'])
  expect(await manager.next()).toBe('STOPPING=1\nSTATUS=Finishing job daily')
})

testWith(
  TOOLS,
  'signs of life come twice in the interval that systemd asks for, and end with it',
  async () => {
    const manager = await ServiceManager.listen()
    const environment = { ...manager.environment, WATCHDOG_USEC: '200000', WATCHDOG_PID: String(process.pid) }
    const notifier = notify(environment)
    const first = manager.receivedAt(await manager.next())
    for (let count = 0; count < 4; count++) await manager.next()
    const last = manager.receivedAt(await manager.next())
    // Six signs lie five intervals of 100 ms apart; a busy machine makes them more, never less.
    expect(last - first).toBeGreaterThan(400)
    await notifier.close()
    await notifier.status('the end')
    // Nothing comes between: the watchdog is silent after its end.
    const rest = await manager.until('STATUS=the end')
    expect(rest.filter(message => message !== 'WATCHDOG=1')).toEqual(['STATUS=the end'])
  },
)

testWith(TOOLS, 'signs of life that systemd wants of another process are not ours to give', async () => {
  const manager = await ServiceManager.listen()
  const notifier = notify({ ...manager.environment, WATCHDOG_USEC: '1000', WATCHDOG_PID: '1' })
  await notifier.ready('up')
  expect(await manager.next()).toBe('READY=1\nSTATUS=up')
  await notifier.status('still')
  expect(await manager.next()).toBe('STATUS=still')
})

testWith(TOOLS, 'a service manager that is gone is told of once, and stops nothing', async () => {
  const problems: string[] = []
  const missing = join(temporaryDirectory(), 'gone')
  const notifier = notify({ PATH: process.env['PATH'], NOTIFY_SOCKET: missing }, problems)
  await notifier.ready('up')
  await notifier.stopping('down')
  expect(problems).toEqual([expect.stringContaining('systemd could not be told')])
})

test('a machine without systemd-notify is told of once, and stops nothing', async () => {
  const problems: string[] = []
  const notifier = notify({ PATH: '/nowhere', NOTIFY_SOCKET: '/nowhere/socket' }, problems)
  await notifier.ready('up')
  await notifier.status('on')
  expect(problems).toEqual([expect.stringMatching(/systemd could not be told: .*ENOENT/)])
})

test('without systemd nothing is started', async () => {
  const problems: string[] = []
  const notifier = notify({ PATH: '/nowhere', WATCHDOG_USEC: '1000' }, problems)
  await notifier.ready('up')
  await notifier.reloading()
  await notifier.stopping('down')
  expect(problems).toEqual([])
})

function notify(
  environment: Readonly<Record<string, string | undefined>>,
  problems: string[] = [],
): ServiceNotifier {
  const notifier = openServiceNotifier({ environment, onProblem: message => problems.push(message) })
  onTestFinished(() => notifier.close())
  return notifier
}

/** A datagram socket as systemd opens one, in Python, which has them. */
class ServiceManager {
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
