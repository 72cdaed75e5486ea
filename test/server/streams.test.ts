import { once } from 'node:events'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { CatalogLock } from '../../src/catalog/lock.ts'
import { Administration } from '../../src/index.ts'
import { buildDatabase } from '../support/databases.ts'
import { succeeded } from '../support/product.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { residentBytes, serve } from './served.ts'
import { openServing, type Serving, USERS } from './serving.ts'

const SHOP = '/api/v1/databases/shop'

/** Keeps every backup waiting until it is disposed of. */
function hold(backupDir: string): Promise<CatalogLock> {
  return CatalogLock.acquire(backupDir, { waitMs: 0, signal: new AbortController().signal })
}

interface Event {
  readonly id: string
  readonly data: { readonly status: string; readonly progress: { readonly step: string } | null }
}

async function* eventsOf(response: Response): AsyncGenerator<Event> {
  let text = ''
  for await (const bytes of response.body ?? []) {
    text += Buffer.from(bytes).toString()
    for (let end = text.indexOf('\n\n'); end !== -1; end = text.indexOf('\n\n')) {
      const lines = text.slice(0, end).split('\n')
      text = text.slice(end + 2)
      const get = (key: string): string | undefined =>
        lines.find(line => line.startsWith(`${key}: `))?.slice(key.length + 2)
      const data = get('data')
      if (data !== undefined) yield { id: get('id') ?? '', data: JSON.parse(data) }
    }
  }
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
  const seen: Event[] = []
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
      timeout: 20_000,
    })
    .toBe('lock-catalog')
  // The third waits until one of the two before it has ended.
  expect((await serving.ask('GET', `/api/v1/jobs/${ids[2]}`)).body.status).toBe('queued')
  for (const id of ids.toReversed())
    expect((await serving.ask('POST', `/api/v1/jobs/${id}/cancel`, { body: {} })).status).toBe(200)
  for (const id of ids) {
    await expect
      .poll(async () => (await serving.ask('GET', `/api/v1/jobs/${id}`)).body.status, { timeout: 20_000 })
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

test('a hundred clients that follow a job take no more than 200 MB, and an idle server 100', async () => {
  const directory = temporaryDirectory()
  buildDatabase(join(directory, 'shop.db'), USERS)
  const admin = new Administration({
    path: join(directory, 'shop.db'),
    backupDir: join(directory, 'backups'),
  })
  const { secret } = succeeded(await admin.createToken({ name: 'a', role: 'admin' }))
  const { url, child } = await serve(directory)
  expect(residentBytes(child)).toBeLessThan(100e6)
  using _lock = await hold(join(directory, 'backups'))
  const headers = { authorization: `Bearer ${secret}`, 'content-type': 'application/json' }
  const begun = await fetch(`${url}${SHOP}/backups`, { method: 'POST', headers, body: '{}' })
  const { id } = (await begun.json()) as { id: string }
  const streams = await Promise.all(
    Array.from({ length: 100 }, () => fetch(`${url}/api/v1/jobs/${id}/events`, { headers })),
  )
  const first = streams.map(stream => eventsOf(stream).next())
  expect((await Promise.all(first)).every(({ done }) => done === false)).toBe(true)
  expect(residentBytes(child)).toBeLessThan(200e6)
  child.kill('SIGTERM')
  const [code] = await once(child, 'exit')
  expect(code).toBe(0)
})

test('the first start prints a link that logs in once, and a stop cancels what runs and exits with 0', async () => {
  const directory = temporaryDirectory()
  buildDatabase(join(directory, 'shop.db'), USERS)
  const { url, child, output } = await serve(directory)
  await expect.poll(output, { timeout: 10_000 }).toMatch(/Log in once/)
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
  const [code] = await once(child, 'exit')
  expect(code).toBe(0)
  expect(output()).toContain('"status":"cancelled"')
  // The link itself is printed, and logged nowhere.
  expect(output().split(link ?? '')).toHaveLength(2)
})
