/** What a server takes that many follow, and one that nobody asks anything. */
import { randomBytes } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import { Administration } from '../../src/index.ts'
import { buildDatabase, openDatabase } from '../support/databases.ts'
import { placeManyBackups } from '../support/many-backups.ts'
import { testWith } from '../support/requirements.ts'
import { succeeded } from '../support/product.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { eventsOf, type JobEvent } from './job-events.ts'
import { cpuTicks, processTree, residentBytes, serveProcess, togetherBytes } from './serve-process.ts'
import { USERS } from './serving.ts'

const MB = 1e6
const CLIENTS = 100
const SHOP = '/api/v1/databases/shop'

/** A database of 30 MB, and a target that takes 2 MB of it in a second. */
async function place(): Promise<{ readonly directory: string; readonly headers: Record<string, string> }> {
  const directory = temporaryDirectory()
  buildDatabase(join(directory, 'shop.db'), USERS)
  const connection = openDatabase(join(directory, 'shop.db'))
  connection.exec('CREATE TABLE files (bytes BLOB)')
  const insert = connection.prepare('INSERT INTO files VALUES (?)')
  for (let i = 0; i < 30; i++) insert.run(randomBytes(MB))
  connection.close()
  mkdirSync(join(directory, 'far'))
  const config = {
    databases: { shop: { path: 'shop.db', backupDir: 'backups' } },
    targets: { far: { kind: 'local', path: 'far', bandwidth: '2MB' } },
  }
  const configPath = join(directory, 'chame-backup.config.json')
  writeFileSync(configPath, JSON.stringify(config), { mode: 0o600 })
  const administration = new Administration({ config: configPath })
  const { secret } = succeeded(await administration.createToken({ name: 'a', role: 'admin' }))
  return { directory, headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json' } }
}

testWith(
  ['linux'],
  'a hundred clients that follow a backup on its way to a target take no more than 200 MB, with all that works for it',
  async () => {
    const { directory, headers } = await place()
    const { url, pid } = await serveProcess(directory)
    const begun = await fetch(`${url}${SHOP}/backups`, { method: 'POST', headers, body: '{}' })
    const { id } = (await begun.json()) as { id: string }
    const streams = await Promise.all(
      Array.from({ length: CLIENTS }, () => fetch(`${url}/api/v1/jobs/${id}/events`, { headers })),
    )
    expect(streams.map(({ status }) => status)).toEqual(streams.map(() => 200))
    const followed = streams.map(stream => eventsOf(stream))
    // All of them have seen it copy, further and further.
    const copied = await Promise.all(followed.map(events => progressSeen(events, 4)))
    for (const seen of copied) expect(seen).toEqual([...new Set(seen)].toSorted((a, b) => a - b))
    const tree = processTree(pid)
    expect(tree.length).toBeGreaterThan(1)
    expect(residentBytes(pid).most).toBeLessThan(200 * MB)
    expect(togetherBytes(tree)).toBeLessThan(200 * MB)
    await fetch(`${url}/api/v1/jobs/${id}/cancel`, { method: 'POST', headers, body: '{}' })
    const last = await Promise.all(followed.map(async events => (await Array.fromAsync(events)).at(-1)))
    expect(last.every(event => event?.data.endedAt !== null)).toBe(true)
    expect(residentBytes(pid).most).toBeLessThan(200 * MB)
  },
)

/** Reads on until the job has told so often how far its copy is; the bytes that it told of. */
async function progressSeen(events: AsyncGenerator<JobEvent>, times: number): Promise<number[]> {
  const seen: number[] = []
  while (seen.length < times) {
    const { done, value } = await events.next()
    if (done === true) throw new Error('the job has ended before')
    const { progress } = value.data
    if (progress?.step === 'copy-off-site' && progress.doneBytes !== undefined) seen.push(progress.doneBytes)
  }
  return seen
}

const SPAN_MS = 3_000
/** A third of a hundredth of a processor: looking at connections once a second takes less, and may end a tick. */
const TICKS_MAX = 1
const BACKUPS = 10_000
/** What lets go of memory does so after a minute. */
const IDLE_MS_MAX = 300_000

testWith(
  ['linux'],
  'a server that nobody asks anything takes no processor time and 100 MB, before its first request and after others, which 10,000 backups were listed for',
  async () => {
    const { directory, headers } = await place()
    const { url, pid } = await serveProcess(directory)
    expect(processTree(pid)).toEqual([pid])
    await expectIdle(pid)
    placeManyBackups(join(directory, 'backups'), BACKUPS)
    for (const path of [SHOP, `${SHOP}/history`, `${SHOP}/backups`, '/api/v1/databases', '/'])
      await (await fetch(`${url}${path}`, { headers })).arrayBuffer()
    expect(processTree(pid).length).toBeGreaterThan(1)
    await expectIdle(pid)
  },
  IDLE_MS_MAX,
)

/** Whatever was begun comes to its end first: there is a time after which nothing is used any more. */
async function expectIdle(pid: number): Promise<void> {
  const used = async (): Promise<number> => {
    const before = cpuTicks(processTree(pid))
    await sleep(SPAN_MS)
    return cpuTicks(processTree(pid)) - before
  }
  await expect.poll(used, { timeout: 60_000, interval: 0 }).toBeLessThanOrEqual(TICKS_MAX)
  // What was used for a moment is given back a little later.
  const patient = { timeout: 120_000 }
  await expect.poll(() => residentBytes(pid).now, patient).toBeLessThan(100 * MB)
  await expect.poll(() => togetherBytes(processTree(pid)), patient).toBeLessThan(100 * MB)
}
