import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { openServiceNotifier, type ServiceNotifier } from '../../src/scheduler/sd-notify.ts'
import { testWith } from '../support/requirements.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { ServiceManager } from './service-manager.ts'

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
    const environment = { ...manager.environment, WATCHDOG_USEC: '800000', WATCHDOG_PID: String(process.pid) }
    const notifier = notify(environment)
    const first = manager.receivedAt(await manager.next())
    for (let count = 0; count < 4; count++) await manager.next()
    const last = manager.receivedAt(await manager.next())
    // Six signs lie five intervals of 400 ms apart; less where the first of them was long on its way.
    expect(last - first).toBeGreaterThan(1200)
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
