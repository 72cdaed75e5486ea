/** What each kind of channel really sends, seen from the other end. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, test } from 'vitest'
import { temporaryDirectory } from '../support/temporary.ts'
import { EVENTS } from './events.ts'
import { openHttpSink, type Received } from './sinks.ts'
import { tell } from './tell.ts'

type Verify = (headers: object, body: string, secret: string) => boolean

/** How a receiver verifies, as docs/notifications.md shows it. */
async function documentedVerification(): Promise<Verify> {
  const page = readFileSync(new URL('../../docs/notifications.md', import.meta.url), 'utf8')
  const file = join(temporaryDirectory(), 'verify.mjs')
  writeFileSync(file, /```js\n(.*?)```/s.exec(page)?.[1] ?? '')
  const { isAuthentic } = (await import(pathToFileURL(file).href)) as { isAuthentic: Verify }
  return isAuthentic
}

test('a webhook is signed so that its receiver can tell it is ours, is whole and is new', async () => {
  const sink = await openHttpSink()
  const secret = `whsec_${Buffer.from('a key of twenty-four bytes').toString('base64')}`
  const channel = { kind: 'webhook', url: `${sink.url}/hook?a=b`, secret: { env: 'SECRET' } } as const
  const environment = { SECRET: secret }
  await tell(channel, { environment })
  await tell(channel, { environment, now: () => new Date(Date.now() - 301_000) })
  const [got, old] = sink.received as [Received, Received]
  expect(got).toMatchObject({ method: 'POST', path: '/hook?a=b' })
  expect(got.headers['content-type']).toBe('application/json; charset=utf-8')
  expect(JSON.parse(got.body)).toMatchObject({
    type: 'chame_backup.failed',
    host: 'web1',
    subject: 'shop: daily failed',
  })
  const isAuthentic = await documentedVerification()
  expect(isAuthentic(got.headers, got.body, secret)).toBe(true)
  expect(isAuthentic(got.headers, got.body.replace('shop', 'blog'), secret)).toBe(false)
  expect(isAuthentic(got.headers, got.body, `whsec_${Buffer.from('another').toString('base64')}`)).toBe(false)
  expect(isAuthentic(old.headers, old.body, secret)).toBe(false)
  expect(
    isAuthentic({ ...old.headers, 'webhook-timestamp': got.headers['webhook-timestamp'] }, old.body, secret),
  ).toBe(false)
  expect(isAuthentic({ ...got.headers, 'webhook-signature': 'v1,é' }, got.body, secret)).toBe(false)
  expect(isAuthentic({}, got.body, secret)).toBe(false)
})

test('a signing secret may be any text, as long as it cannot be guessed', async () => {
  const sink = await openHttpSink()
  const channel = { kind: 'webhook', url: sink.url, secret: { env: 'SECRET' } } as const
  const secret = 'sechzehn Zeichen, möglichst mehr'
  await tell(channel, { environment: { SECRET: secret } })
  const asBase64 = `whsec_${Buffer.from(secret).toString('base64')}`
  const [got] = sink.received as [Received]
  const isAuthentic = await documentedVerification()
  expect(isAuthentic(got.headers, got.body, asBase64)).toBe(true)
  for (const short of ['whsec_', 'whsec_c2hvcnQ=', 'hunter2']) {
    const result = await tell(channel, { environment: { SECRET: short } })
    expect(result).toMatchObject({
      reason: 'no-secret',
      message: expect.stringContaining('too short') as unknown,
    })
  }
  expect(sink.received).toHaveLength(1)
})

test('a webhook without a secret is not signed', async () => {
  const sink = await openHttpSink()
  await tell({ kind: 'webhook', url: sink.url })
  expect(Object.keys(sink.received[0]?.headers ?? {})).not.toContain('webhook-signature')
})

test('Slack and Discord get their JSON at the secret URL; Discord answers only once it has it', async () => {
  const sink = await openHttpSink()
  const environment = { URL: `${sink.url}/services/T0/B0/abc` }
  await tell({ kind: 'slack', url: { env: 'URL' } }, { environment })
  await tell({ kind: 'discord', url: { env: 'URL' } }, { environment })
  expect(sink.received.map(({ path }) => path)).toEqual([
    '/services/T0/B0/abc',
    '/services/T0/B0/abc?wait=true',
  ])
  expect(sink.received.map(({ body }) => Object.keys(JSON.parse(body) as object)[0])).toEqual([
    'text',
    'content',
  ])
})

test('Telegram gets a message of its bot', async () => {
  const sink = await openHttpSink()
  const environment = { TOKEN: '123:AbC-d_e\n' }
  const channel = { kind: 'telegram', url: sink.url, token: { env: 'TOKEN' }, chatId: '-100' } as const
  expect(await tell(channel, { environment })).toMatchObject({ status: 'sent' })
  expect(sink.received[0]?.path).toBe('/bot123:AbC-d_e/sendMessage')
  expect(JSON.parse(sink.received[0]?.body ?? '')).toMatchObject({ chat_id: '-100' })
})

test('ntfy gets JSON at its root, with the token as a header', async () => {
  const sink = await openHttpSink()
  const environment = { TOKEN: 'tk_1', TOPIC: 'backups' }
  const channel = { kind: 'ntfy', url: sink.url, topic: { env: 'TOPIC' }, token: { env: 'TOKEN' } } as const
  await tell(channel, { environment })
  expect(sink.received[0]).toMatchObject({ path: '/', headers: { authorization: 'Bearer tk_1' } })
  expect(JSON.parse(sink.received[0]?.body ?? '')).toMatchObject({ topic: 'backups', priority: 4 })
})

test('Gotify gets its message below the path of the server, with a token from a file', async () => {
  const directory = temporaryDirectory()
  writeFileSync(join(directory, 'token'), 'A.b-c\n')
  const sink = await openHttpSink()
  const channel = { kind: 'gotify', url: `${sink.url}/gotify/`, token: { file: 'token' } } as const
  expect(await tell(channel, { directory })).toMatchObject({ status: 'sent' })
  expect(sink.received[0]).toMatchObject({ path: '/gotify/message', headers: { 'x-gotify-key': 'A.b-c' } })
})

test('a ping URL gets every run: its start, its end, and each failure however long it goes on', async () => {
  const sink = await openHttpSink()
  const channel = { kind: 'ping', url: `${sink.url}/uuid` } as const
  for (const event of [
    EVENTS['job-started'],
    EVENTS['job-succeeded'],
    EVENTS.failed,
    EVENTS.failed,
    EVENTS.test,
  ]) {
    expect(await tell(channel, { event })).toMatchObject({ status: 'sent' })
  }
  expect(sink.received.map(({ path }) => path)).toEqual([
    '/uuid/start',
    '/uuid',
    '/uuid/fail',
    '/uuid/fail',
    '/uuid/log',
  ])
  expect(sink.received[2]?.body).toContain('Why: Insufficient disk space')
})

test.each([
  ['telegram', { kind: 'telegram', token: { env: 'BAD' }, chatId: '1' }],
  ['telegram', { kind: 'telegram', token: { env: 'PATH_LIKE' }, chatId: '1' }],
  ['gotify', { kind: 'gotify', url: 'http://127.0.0.1:9', token: { env: 'BAD' } }],
  ['ntfy', { kind: 'ntfy', url: 'http://127.0.0.1:9', topic: { env: 'PATH_LIKE' } }],
  ['ntfy', { kind: 'ntfy', url: 'http://127.0.0.1:9', topic: 't', token: { env: 'BAD' } }],
  ['slack', { kind: 'slack', url: { env: 'BAD' } }],
  ['slack', { kind: 'slack', url: { env: 'FILE_URL' } }],
] as const)(
  'a secret of %s that is not of its form is refused before anything is sent',
  async (_, channel) => {
    const environment = { BAD: 'x\r\nx-evil: 1', PATH_LIKE: '../../evil', FILE_URL: 'file:///etc/passwd' }
    const result = await tell(channel, { environment })
    expect(result).toMatchObject({ status: 'failed', reason: 'no-secret', attempts: 1 })
    expect(JSON.stringify(result)).not.toMatch(/evil|passwd/)
  },
)
