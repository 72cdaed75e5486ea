/** What each kind of channel really sends, seen from the other end. */
import { createHmac, timingSafeEqual } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { temporaryDirectory } from '../support/temporary.ts'
import { AT, EVENTS } from './events.ts'
import { openHttpSink, type Received } from './sinks.ts'
import { tell } from './tell.ts'

/** How a receiver verifies, from docs/notifications.md. */
function isAuthentic({ headers, body }: Received, secret: string, now: Date): boolean {
  const id = String(headers['webhook-id'])
  const timestamp = String(headers['webhook-timestamp'])
  if (Math.abs(now.getTime() / 1000 - Number(timestamp)) > 300) return false
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64')
  const expected = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')
  return String(headers['webhook-signature'])
    .split(' ')
    .some(
      one =>
        one.length === expected.length + 3 &&
        timingSafeEqual(Buffer.from(one), Buffer.from(`v1,${expected}`)),
    )
}

test('a webhook is signed so that its receiver can tell it is ours, is whole and is new', async () => {
  const sink = await openHttpSink()
  const secret = `whsec_${Buffer.from('a key of twenty-four bytes').toString('base64')}`
  const channel = { kind: 'webhook', url: `${sink.url}/hook?a=b`, secret: { env: 'SECRET' } } as const
  await tell(channel, { environment: { SECRET: secret }, now: () => AT })
  const [got] = sink.received as [Received]
  expect(got).toMatchObject({ method: 'POST', path: '/hook?a=b' })
  expect(got.headers['content-type']).toBe('application/json; charset=utf-8')
  expect(isAuthentic(got, secret, AT)).toBe(true)
  expect(isAuthentic({ ...got, body: got.body.replace('shop', 'blog') }, secret, AT)).toBe(false)
  expect(isAuthentic(got, `whsec_${Buffer.from('another').toString('base64')}`, AT)).toBe(false)
  expect(isAuthentic(got, secret, new Date(AT.getTime() + 301_000))).toBe(false)
  expect(JSON.parse(got.body)).toMatchObject({
    type: 'chame_backup.failed',
    host: 'web1',
    subject: 'shop: daily failed',
  })
})

test('a signing secret may be any text, as long as it cannot be guessed', async () => {
  const sink = await openHttpSink()
  const channel = { kind: 'webhook', url: sink.url, secret: { env: 'SECRET' } } as const
  const secret = 'sechzehn Zeichen, möglichst mehr'
  await tell(channel, { environment: { SECRET: secret }, now: () => AT })
  const asBase64 = `whsec_${Buffer.from(secret).toString('base64')}`
  expect(isAuthentic(sink.received[0] as Received, asBase64, AT)).toBe(true)
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
