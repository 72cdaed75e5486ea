/** SFTP servers that break off: with a request done and nobody told, or not done, or half, and at any request of a sync. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect } from 'vitest'
import { isFull, select } from '../faults/extent.ts'
import { makeBackups, openPlace } from '../off-site/place.ts'
import { succeeded } from '../support/product.ts'
import { testWith } from '../support/requirements.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { contentOf } from './contents.ts'
import { AT_ONCE, failureOf, keysOf, open, read, SIGNAL } from './contract.ts'
import { canStart } from './servers/daemon.ts'
import { type FaultySshd, SFTP_FAULTS_NEEDS, type SftpFault, startFaultySshd } from './servers/sftp-faults.ts'
import { SSHD_NEEDS, startSshd } from './servers/sshd.ts'

const NEEDS = [...SSHD_NEEDS, ...SFTP_FAULTS_NEEDS]
const OPTIONS = { signal: SIGNAL }
const BYTES = Buffer.from('what two may say alike')
/** How OpenSSH's server replaces in one step. */
const REPLACE = 'posix-rename@openssh.com'
const HOWS = ['lose-answer', 'lose-request'] as const

let server: FaultySshd

beforeAll(async () => {
  if (canStart(NEEDS)) server = await startFaultySshd()
})
afterAll(() => server?.[Symbol.asyncDispose]())

/** What is there after `putIfAbsent` met a fault, and what that said. */
async function putOnce(fault: SftpFault): Promise<{ isOurs: boolean; files: string[]; text: string }> {
  const root = temporaryDirectory()
  await using target = await open({ config: server.config(root) })
  server.inject(fault)
  const isOurs = await target.putIfAbsent('lock', BYTES, OPTIONS)
  expect(server.isToCome()).toBe(false)
  return { isOurs, files: readdirSync(root), text: readFileSync(join(root, 'lock'), 'utf8') }
}

testWith(
  NEEDS,
  'sftp: what was put unless the name is taken is known as ours, though its answer was lost',
  async () => {
    const ours = { isOurs: true, files: ['lock'], text: String(BYTES) }
    expect(await putOnce({ request: 'rename', how: 'lose-answer' })).toEqual(ours)
    expect(await putOnce({ request: 'rename', how: 'lose-request' })).toEqual(ours)
  },
)

testWith(
  NEEDS,
  'sftp: it is known as ours as well where the server was killed with the file under both names',
  async () => {
    const done = await putOnce({ request: 'rename', how: 'half' })
    expect(done).toEqual({ isOurs: true, files: ['lock'], text: String(BYTES) })
  },
)

testWith(
  NEEDS,
  'sftp: what somebody else has put meanwhile is not taken for ours, though it says the same',
  async () => {
    for (const plant of [String(BYTES), 'else']) {
      const done = await putOnce({ request: 'rename', how: 'lose-request', plant })
      expect(done).toEqual({ isOurs: false, files: ['lock'], text: plant })
    }
  },
)

testWith(
  NEEDS,
  'sftp: what was put or deleted is, though nobody was told, and is not sent again',
  async () => {
    const root = temporaryDirectory()
    await using target = await open({ config: server.config(root) })
    const opened: number[] = []
    const content = contentOf(BYTES, {
      open(from) {
        opened.push(from)
        return contentOf(BYTES).open(from)
      },
    })
    server.inject({ request: REPLACE, how: 'lose-answer' })
    await target.put('a', content, OPTIONS)
    expect(opened).toEqual([0])
    expect((await read(target, 'a')).equals(BYTES)).toBe(true)
    server.inject({ request: 'remove', how: 'lose-answer' })
    await target.delete('a', OPTIONS)
    expect(server.isToCome()).toBe(false)
    expect(readdirSync(root)).toEqual([])
  },
)

testWith(SSHD_NEEDS, 'sftp: a server whose SFTP ends before it begins is said to do so', async () => {
  await using broken = await startSshd({ subsystem: '/bin/false' })
  await using target = await open({ config: broken.config(temporaryDirectory()) }, {}, AT_ONCE)
  const failure = await failureOf(target.head('a', OPTIONS))
  expect(failure.code).toBe('TARGET_UNREACHABLE')
  expect(failure.message).toContain('did not begin SFTP (1)')
})

testWith(SSHD_NEEDS, 'sftp: a server whose SFTP never says a word is given up', async () => {
  await using silent = await startSshd({ subsystem: '/bin/sleep 1000' })
  // Longer than a busy machine takes for what comes before SFTP.
  const patience = { ...AT_ONCE.patience, idleMs: 4000 }
  await using target = await open(
    { config: silent.config(temporaryDirectory()) },
    {},
    { ...AT_ONCE, patience },
  )
  const failure = await failureOf(target.head('a', OPTIONS))
  expect(failure.code).toBe('TARGET_UNREACHABLE')
  expect(failure.message).toContain('did not begin SFTP')
})

testWith(NEEDS, 'sftp: a connection whose SFTP has ended does not stay beside the next one', async () => {
  const sockets = (): number =>
    process.getActiveResourcesInfo().filter(resource => resource === 'TCPSocketWrap').length
  // Those of the targets before are closed, and end when the server has answered.
  await expect.poll(sockets, { timeout: 30_000 }).toBe(0)
  await using target = await open({ config: server.config(temporaryDirectory()) })
  server.inject({ request: 'rename', how: 'lose-request' })
  await target.putIfAbsent('lock', BYTES, OPTIONS)
  expect(server.isToCome()).toBe(false)
  await expect.poll(sockets, { timeout: 30_000 }).toBe(1)
})

testWith(NEEDS, 'sftp: so it is where a server replaces in two steps, at each of them', async () => {
  await using plain = await startFaultySshd('-P posix-rename')
  for (const how of ['lose-answer', 'lose-request', 'half'] as const) {
    for (const request of ['remove', 'rename']) {
      if (how === 'half' && request === 'remove') continue
      const root = temporaryDirectory()
      writeFileSync(join(root, 'a'), 'the old one')
      await using target = await open({ config: plain.config(root) })
      plain.inject({ request, how })
      await target.put('a', contentOf(BYTES), OPTIONS)
      expect(plain.isToCome(), `${request}, ${how}`).toBe(false)
      expect(readdirSync(root), `${request}, ${how}`).toEqual(['a'])
      expect((await read(target, 'a')).equals(BYTES)).toBe(true)
    }
  }
})

testWith(
  NEEDS,
  'sftp: a server that is killed at any request of a sync has the backup whole in the end, and nothing else',
  async () => {
    const machine = openPlace([], { timeZone: 'UTC' })
    const [name = ''] = await makeBackups(machine, 1)
    const stored = readFileSync(machine.path('backups', 'manual', name))
    const sync = async (at: number, how: SftpFault['how']): Promise<boolean> => {
      const root = temporaryDirectory()
      machine.configure({ targets: { box: server.config(root) }, timeZone: 'UTC' })
      server.inject({ at, how })
      const synced = succeeded(await machine.database().syncTargets())
      expect(synced.targets, `${how} ${at}`).toMatchObject([{ failure: null, failed: [], status: 'synced' }])
      await using target = await open({ config: { kind: 'local', path: root } })
      expect(await keysOf(target), `${how} ${at}`).toEqual([
        expect.stringMatching(/^audit-anchors\//),
        `manual/${name}`,
        `metadata/${name}.json`,
      ])
      expect(readdirSync(root, { recursive: true }).filter(path => String(path).includes('.chame-'))).toEqual(
        [],
      )
      expect(readFileSync(join(root, 'manual', name)).equals(stored), `${how} ${at}`).toBe(true)
      return !server.isToCome()
    }
    // So many requests does a sync take at the least; more than it takes meets nothing.
    let count = 1
    while (isFull && (await sync(count, 'lose-request'))) count++
    const requests = Array.from({ length: isFull ? count - 1 : 40 }, (_, index) => index + 1)
    for (const [index, at] of select(requests, 4).entries()) {
      const hows = isFull ? (['lose-answer', 'lose-request'] as const) : [HOWS[index % 2] ?? 'lose-answer']
      for (const how of hows) expect(await sync(at, how), `${how} ${at}`).toBe(true)
    }
  },
  600_000,
)
