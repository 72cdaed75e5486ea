import { once } from 'node:events'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { CatalogLock } from '../../src/catalog/lock.ts'
import { buildDatabase } from '../support/databases.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { eventsOf, type JobEvent } from './job-events.ts'
import { serveProcess } from './serve-process.ts'
import { openServing, type Serving, USERS } from './serving.ts'

const SHOP = '/api/v1/databases/shop'

/** Keeps every backup waiting until it is disposed of. */
function hold(backupDir: string): Promise<CatalogLock> {
  return CatalogLock.acquire(backupDir, { waitMs: 0, signal: new AbortController().signal })
}

function follow(serving: Serving, id: string, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${serving.url}/api/v1/jobs/${id}/events`, {
    headers: { authorization: `Bearer ${serving.tokens.operator}`, ...headers },
  })
}

test('a job’s stream tells of it until its end, and after Last-Event-ID only what is newer', async () => {
  const serving = await openServing()
  const lock = await hold(serving.backupDir)
  const { id } = (await serving.ask('POST', `${SHOP}/backups`, { body: {} })).body
  const seen: JobEvent[] = []
  for await (const event of eventsOf(await follow(serving, id))) {
    seen.push(event)
    if (event.data.progress?.step === 'lock-catalog') lock[Symbol.dispose]()
  }
  expect(seen.at(-1)?.data).toMatchObject({ status: 'succeeded', result: { success: true } })
  expect(seen.map(event => Number(event.id))).toEqual(
    seen.map(event => Number(event.id)).toSorted((a, b) => a - b),
  )
  const again = await Array.fromAsync(
    eventsOf(await follow(serving, id, { 'last-event-id': seen.at(-2)?.id ?? '' })),
  )
  expect(again.map(event => event.id)).toEqual([seen.at(-1)?.id])
  expect(
    await Array.fromAsync(eventsOf(await follow(serving, id, { 'last-event-id': seen.at(-1)?.id ?? '' }))),
  ).toEqual([])
})

test('a job that waits or runs can be cancelled, and leaves nothing behind', async () => {
  const serving = await openServing()
  using _lock = await hold(serving.backupDir)
  const ids: string[] = []
  for (let i = 0; i < 3; i++) ids.push((await serving.ask('POST', `${SHOP}/backups`, { body: {} })).body.id)
  await expect
    .poll(async () => (await serving.ask('GET', `/api/v1/jobs/${ids[0]}`)).body.progress?.step, {
      timeout: 60_000,
    })
    .toBe('lock-catalog')
  // The third waits until one of the two before it has ended.
  expect((await serving.ask('GET', `/api/v1/jobs/${ids[2]}`)).body.status).toBe('queued')
  for (const id of ids.toReversed())
    expect((await serving.ask('POST', `/api/v1/jobs/${id}/cancel`, { body: {} })).status).toBe(200)
  for (const id of ids) {
    await expect
      .poll(async () => (await serving.ask('GET', `/api/v1/jobs/${id}`)).body.status, { timeout: 60_000 })
      .toBe('cancelled')
  }
  expect((await serving.ask('GET', '/api/v1/jobs?status=active')).body.jobs).toEqual([])
  const { entries } = (await serving.ask('GET', '/api/v1/audit')).body
  const calledOff = entries.filter(({ action }: { action: string }) => action === 'job-cancel')
  expect(calledOff.map(({ on }: { on: string }) => on)).toEqual(ids)
  expect(calledOff[0]).toMatchObject({ actor: { who: 'the admin' }, parameters: { kind: 'create' } })
})

test('2: a token that is revoked is refused at once, also in a stream that it has open', async () => {
  const serving = await openServing()
  using _lock = await hold(serving.backupDir)
  const made = (await serving.ask('POST', '/api/v1/tokens', { body: { name: 'brief', role: 'viewer' } })).body
  const headers = { authorization: `Bearer ${made.secret}` }
  const { id } = (await serving.ask('POST', `${SHOP}/backups`, { body: {} })).body
  const stream = await follow(serving, id, headers)
  const ended = Array.fromAsync(eventsOf(stream))
  await serving.administration.revokeToken(made.token.id)
  expect((await ended).every(({ data }) => data.status !== 'succeeded')).toBe(true)
  expect((await fetch(`${serving.url}/api/v1/databases`, { headers })).status).toBe(401)
  expect((await serving.ask('GET', `/api/v1/jobs/${id}`)).body.endedAt).toBe(null)
  await serving.ask('POST', `/api/v1/jobs/${id}/cancel`, { body: {} })
})

test('the first start prints a link that logs in once, and a stop cancels what runs and exits with 0', async () => {
  const directory = temporaryDirectory()
  buildDatabase(join(directory, 'shop.db'), USERS)
  const { url, child, output } = await serveProcess(directory, ['--path', 'shop.db'])
  await expect.poll(output, { timeout: 60_000 }).toMatch(/Log in once/)
  const link = /#(chl_\S+)/.exec(output())?.[1]
  const logIn = (): Promise<Response> =>
    fetch(`${url}/api/v1/session`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ link }),
    })
  const first = await logIn()
  expect(first.status).toBe(200)
  expect((await logIn()).status).toBe(401)
  const session = (await first.json()) as { csrfToken: string }
  const cookie = first.headers.get('set-cookie')?.split(';')[0] ?? ''
  using _lock = await hold(join(directory, 'backups'))
  const headers = { cookie, 'x-csrf-token': session.csrfToken, 'content-type': 'application/json' }
  const begun = await fetch(`${url}${SHOP}/backups`, { method: 'POST', headers, body: '{}' })
  expect(begun.status).toBe(202)
  child.kill('SIGTERM')
  // Its output may come after its end.
  const [code] = await once(child, 'close')
  expect(code).toBe(0)
  expect(output()).toContain('"status":"cancelled"')
  // The link itself is printed, and logged nowhere.
  expect(output().split(link ?? '')).toHaveLength(2)
})
