/** Files on their way out, to readers that go away or stop. */
import { readdirSync, readlinkSync } from 'node:fs'
import { expect, onTestFinished, test } from 'vitest'
import { openDatabase } from '../support/databases.ts'
import { filesBelow } from '../support/temporary.ts'
import { dial } from './dial.ts'
import { backUp, openServing, type Serving } from './serving.ts'

const SHOP = '/api/v1/databases/shop'

/** Backs up more than fits into the buffers of a connection. */
async function backUpLarge(serving: Serving): Promise<string> {
  const connection = openDatabase(serving.databasePath)
  connection.exec('CREATE TABLE large AS SELECT randomblob(20000000) AS bytes')
  connection.close()
  return await backUp(serving)
}

function openFiles(filename: string): number {
  return readdirSync('/proc/self/fd').filter(fd => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).includes(filename)
    } catch {
      return false
    }
  }).length
}

test('downloads that are broken off leave no descriptor and no stream behind', async () => {
  const serving = await openServing()
  const filename = await backUpLarge(serving)
  const headers = { authorization: `Bearer ${serving.tokens.admin}` }
  for (let i = 0; i < 20; i++) {
    const controller = new AbortController()
    const answer = await fetch(`${serving.url}${SHOP}/backups/${filename}/content`, {
      headers,
      signal: controller.signal,
    })
    const reader = answer.body?.getReader()
    await reader?.read()
    controller.abort()
  }
  await expect.poll(() => openFiles(filename), { timeout: 60_000 }).toBe(0)
})

/** A server that gives up soon whom it has heard nothing of, and of the same files one that does not. */
async function openImpatient(config?: object): Promise<{ serving: Serving; url: string }> {
  const serving = await openServing(config === undefined ? {} : { config })
  const { address } = await serving.start({ silentMsMax: 2000 })
  return { serving, url: address }
}

/** Asks for a download, takes the first of it, and nothing more. */
async function stall(url: string, token: string, path: string): Promise<void> {
  const socket = dial({ url })
  onTestFinished(() => void socket.destroy())
  socket.write(
    `GET ${SHOP}/backups/${path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\n\r\n`,
  )
  const hasBegun = await new Promise<boolean>(resolve => {
    socket.once('data', () => resolve(socket.pause() === socket))
    socket.once('close', () => resolve(false))
  })
  // On a busy machine an answer may begin later than a silent connection is kept.
  if (!hasBegun) await stall(url, token, path)
}

test('a reader that stops reading is given up: its file is closed, and nobody waited for it meanwhile', async () => {
  const { serving, url } = await openImpatient()
  const filename = await backUpLarge(serving)
  const readers = [1, 2, 3].map(() => stall(url, serving.tokens.admin, `${filename}/content`))
  await Promise.all(readers)
  // Nothing of theirs keeps others from it: it is verified, and deleted.
  expect(await serving.done(`${SHOP}/backups/${filename}/verify`)).toMatchObject({ status: 'succeeded' })
  await backUp(serving)
  const gone = await serving.ask('DELETE', `${SHOP}/backups/${filename}?confirm=${filename}`)
  expect(gone.status).toBe(200)
  // Its room is free with the last of them.
  await expect.poll(() => openFiles(filename), { timeout: 60_000 }).toBe(0)
})

test('nor is what was unpacked for such a reader kept, and others can unpack again', async () => {
  const databases = { shop: { path: 'shop.db', backupDir: 'backups' } }
  const { serving, url } = await openImpatient({ databases, encoding: 'zstd' })
  const filename = await backUpLarge(serving)
  // One at a time: the second is there while the first is.
  for (let i = 0; i < 2; i++) await stall(url, serving.tokens.admin, `${filename}/content?form=database`)
  // It has no name any more, so that nobody who is killed leaves it behind.
  expect(filesBelow(serving.backupDir).filter(name => name.includes('.chame-work'))).toEqual([])
  await expect.poll(() => openFiles('.chame-work'), { timeout: 60_000 }).toBe(0)
  const headers = { authorization: `Bearer ${serving.tokens.admin}` }
  // On a busy machine an answer may begin later than a silent connection is kept.
  const ask = (): Promise<Response> =>
    fetch(`${url}${SHOP}/backups/${filename}/content?form=database`, { headers }).catch(ask)
  expect((await (await ask()).arrayBuffer()).byteLength).toBeGreaterThan(20_000_000)
})

test('a reader that takes a little now and then is given up as well', async () => {
  const serving = await openServing()
  const pace = { bytesPerSecondMin: 1 << 20, patienceMs: 2000 }
  const { address } = await serving.start({ downloadPace: pace })
  const filename = await backUpLarge(serving)
  const socket = dial({ url: address })
  onTestFinished(() => void socket.destroy())
  socket.write(
    `GET ${SHOP}/backups/${filename}/content HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${serving.tokens.admin}\r\n\r\n`,
  )
  let taken = 0
  const drip = setInterval(() => {
    taken += (socket.read(1000) as Buffer | null)?.length ?? 0
  }, 100)
  onTestFinished(() => clearInterval(drip))
  socket.on('readable', () => {})
  const slow = { event: 'stream-refused', who: 'the admin', level: 'warn' }
  await expect.poll(() => serving.logged, { timeout: 60_000 }).toContainEqual(expect.objectContaining(slow))
  expect(taken).toBeGreaterThan(0)
  await expect.poll(() => openFiles(filename), { timeout: 60_000 }).toBe(0)
})
