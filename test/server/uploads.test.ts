/** Files on their way in: with a key, broken off, held up, and far too large. */
import { readdirSync, readFileSync } from 'node:fs'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { CatalogLock } from '../../src/catalog/lock.ts'
import { Administration } from '../../src/index.ts'
import { buildDatabase } from '../support/databases.ts'
import { succeeded } from '../support/product.ts'
import { filesBelow, temporaryDirectory } from '../support/temporary.ts'
import { all, closed, dial, drained } from './dial.ts'
import { residentBytes, serveProcess } from './serve-process.ts'
import { type Answer, openServing, type Serving, USERS } from './serving.ts'

const UPLOAD = '/api/v1/databases/shop/backups/upload'
const OCTETS = { 'content-type': 'application/octet-stream' }
/** CHAME_TEST_LARGE=1: a gigabyte, as somebody may send it. */
const LARGE_BYTES = process.env['CHAME_TEST_LARGE'] === '1' ? 1 << 30 : 1 << 28

function upload({ ask }: Serving, body: Uint8Array, key: string, more = ''): Promise<Answer> {
  return ask('POST', UPLOAD + more, { body, headers: { ...OCTETS, 'idempotency-key': key } })
}

async function names({ ask }: Serving): Promise<string[]> {
  const { backups } = (await ask('GET', '/api/v1/databases/shop/backups')).body
  return backups.map(({ filename }: { filename: string }) => filename)
}

/** Another database than that of the server. */
function otherDatabase(): Buffer {
  const path = join(temporaryDirectory(), 'other.db')
  buildDatabase(path, 'CREATE TABLE other (a); INSERT INTO other VALUES (1)', { journalMode: 'delete' })
  return readFileSync(path)
}

/** What is being received, or was and is left behind. */
function work({ backupDir }: Serving): string[] {
  return readdirSync(join(backupDir, 'server')).filter(name => name.startsWith('.chame-work'))
}

test('an upload that is sent again with its key is stored once, and another file is refused under it', async () => {
  const serving = await openServing()
  const bytes = otherDatabase()
  const first = await upload(serving, bytes, 'one')
  expect(first.status).toBe(201)
  const again = await upload(serving, bytes, 'one')
  expect([again.status, again.text]).toEqual([201, first.text])
  expect(again.headers.get('idempotent-replayed')).toBe('true')
  expect(again.headers.get('location')).toBe(first.headers.get('location'))
  const changed = Buffer.from(bytes).fill(1, bytes.length - 1)
  const longer = Buffer.concat([bytes, Buffer.alloc(1)])
  for (const other of [changed, longer, bytes.subarray(0, -1), Buffer.from('x')])
    expect((await upload(serving, other, 'one')).body.code).toBe('KEY_REUSED')
  // The same file for another purpose.
  expect((await upload(serving, bytes, 'one', '?description=x')).body.code).toBe('KEY_REUSED')
  expect(await names(serving)).toHaveLength(1)
  expect((await upload(serving, bytes, 'two')).status).toBe(201)
  expect(await names(serving)).toHaveLength(2)
  expect(work(serving)).toEqual([])
})

test('of two uploads with one key at the same time one is stored, and both are told of it', async () => {
  const serving = await openServing()
  const bytes = otherDatabase()
  const answers = await Promise.all([upload(serving, bytes, 'k'), upload(serving, bytes, 'k')])
  expect(answers.map(({ status }) => status)).toEqual([201, 201])
  expect(answers[1]?.text).toBe(answers[0]?.text)
  const mixed = await Promise.all([upload(serving, bytes, 'm'), upload(serving, Buffer.from('x'), 'm')])
  // Whichever came first: the file is stored, or, as what is no backup uses no key up, it is when that was refused.
  expect(mixed[0].status).toBe(201)
  expect(['KEY_REUSED', 'BACKUP_UNSUPPORTED']).toContain(mixed[1].body.code)
  expect(await names(serving)).toHaveLength(2)
})

test('what was found to be no backup is refused again under its key, and stored never', async () => {
  const serving = await openServing()
  const damaged = otherDatabase().fill(0xff, 4096)
  const first = await upload(serving, damaged, 'd')
  expect(first.body.code).toBe('BACKUP_DAMAGED')
  const again = await upload(serving, damaged, 'd')
  expect([again.text, again.headers.get('idempotent-replayed')]).toEqual([first.text, 'true'])
  expect(await names(serving)).toEqual([])
})

/** Begins an upload, and sends a part of it. */
function beginUpload(serving: Pick<Serving, 'url'>, token: string, length: number, more = ''): Socket {
  const socket = dial(serving)
  socket.write(
    `POST ${UPLOAD} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/octet-stream\r\n` +
      `Content-Length: ${length}\r\nAuthorization: Bearer ${token}\r\n${more}\r\n`,
  )
  return socket
}

test('an upload to nowhere is refused before it is read, with a key too', async () => {
  const serving = await openServing()
  const socket = dial(serving)
  socket.write(
    `POST ${UPLOAD.replace('shop', 'nothing')} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n` +
      'Content-Type: application/octet-stream\r\nContent-Length: 1073741824\r\nIdempotency-Key: k\r\n' +
      `Authorization: Bearer ${serving.tokens.admin}\r\n\r\nSQLite`,
  )
  expect(await all(socket)).toMatch(/^HTTP\/1\.1 404[^]*"code":"DATABASE_NOT_FOUND"/)
})

test('an upload that is broken off leaves nothing behind, and its key to who sends it again', async () => {
  const serving = await openServing()
  const bytes = otherDatabase()
  const socket = beginUpload(serving, serving.tokens.admin, bytes.length, 'Idempotency-Key: k\r\n')
  socket.write(bytes.subarray(0, 100))
  await expect.poll(() => work(serving), { timeout: 60_000 }).toHaveLength(1)
  // Waits for what becomes of the first one.
  const second = upload(serving, bytes, 'k')
  socket.destroy()
  expect((await second).status).toBe(201)
  expect(await names(serving)).toHaveLength(1)
  expect(work(serving)).toEqual([])
})

test('a check that takes longer than a silent connection is kept does not cost an upload its answer', async () => {
  const serving = await openServing()
  const { address: url } = await serving.start({ silentMsMax: 1000 })
  const bytes = otherDatabase()
  const signal = new AbortController().signal
  const lock = await CatalogLock.acquire(serving.backupDir, { waitMs: 0, signal })
  const answer = await beginPatiently(serving, url, bytes)
  // Nothing moves on these either, and from later on; when they are closed, the other one would have been.
  for (let i = 0; i < 2; i++) await closed(dial({ url }))
  lock[Symbol.dispose]()
  expect(await answer()).toMatch(/^HTTP\/1\.1 201/)
})

/** Sends a file, once more where a busy machine did not begin to read it in time; resolves once it does. */
async function beginPatiently(serving: Serving, url: string, bytes: Buffer): Promise<() => Promise<string>> {
  const socket = beginUpload({ url }, serving.tokens.admin, bytes.length, 'Connection: close\r\n')
  const answer = all(socket)
  socket.write(bytes)
  await expect.poll(() => work(serving).length > 0 || socket.destroyed, { timeout: 60_000 }).toBe(true)
  return work(serving).length > 0 ? () => answer : await beginPatiently(serving, url, bytes)
}

test('a very large file takes no memory, is not listed unless it is intact, and leaves nothing', async () => {
  const directory = temporaryDirectory()
  buildDatabase(join(directory, 'shop.db'), USERS, { journalMode: 'delete' })
  const backupDir = join(directory, 'backups')
  const admin = new Administration({ path: join(directory, 'shop.db'), backupDir })
  const { secret } = succeeded(await admin.createToken({ name: 'a', role: 'admin' }))
  const { url, pid, child } = await serveProcess(directory, ['--path', 'shop.db'])
  const before = residentBytes(pid).most
  // It begins like a database, and nothing follows.
  const first = readFileSync(join(directory, 'shop.db')).subarray(0, 4096)
  const piece = Buffer.alloc(1 << 20)
  const socket = beginUpload({ url }, secret, LARGE_BYTES, 'Connection: close\r\n')
  const [answer, isOver] = [all(socket), closed(socket)]
  socket.write(first)
  for (let sent = first.length; sent < LARGE_BYTES && !socket.destroyed; sent += piece.length) {
    if (!socket.write(piece.subarray(0, LARGE_BYTES - sent))) await Promise.race([drained(socket), isOver])
  }
  expect(await answer).toMatch(/^HTTP\/1\.1 422[^]*"code":"BACKUP_DAMAGED"/)
  expect(residentBytes(pid).most - before).toBeLessThan(100e6)
  const headers = { authorization: `Bearer ${secret}` }
  const listed = await fetch(`${url}/api/v1/databases/shop/backups`, { headers })
  expect(await listed.json()).toMatchObject({ total: 0 })
  expect(filesBelow(backupDir).filter(name => /chame-work|received|\.db/.test(name))).toEqual([])
  child.kill('SIGTERM')
  await once(child, 'exit')
})
