import type { LookupAddress } from 'node:dns'
import { expect, test, vi } from 'vitest'
import { openNotifier } from '../../src/index.ts'
import type { Lookup } from '../../src/notify/http.ts'
import { delayBeforeNext, parseRetryAfter } from '../../src/notify/retry.ts'
import { freePort } from '../storage/servers/daemon.ts'
import { testWith } from '../support/requirements.ts'
import { makeCertificate, trust } from './certificates.ts'
import { FAILED } from './events.ts'
import { type HttpSink, openHttpSink, statuses } from './sinks.ts'
import { PATIENCE, tell } from './tell.ts'

function webhook(url: string): { kind: 'webhook'; url: string } {
  return { kind: 'webhook', url }
}

test('a receiver that fails at first is told again, with the same id, until it takes it', async () => {
  const sink = await openHttpSink(statuses(500, 503, 204))
  const environment = { SECRET: 'sixteen bytes, or more' }
  const result = await tell({ ...webhook(sink.url), secret: { env: 'SECRET' } }, { environment })
  expect(result).toMatchObject({ status: 'sent', attempts: 3 })
  expect(new Set(sink.received.map(({ headers }) => headers['webhook-id'])).size).toBe(1)
})

test('a receiver that goes on failing is given up after five attempts, with what it answered', async () => {
  const sink = await openHttpSink(statuses(502))
  expect(await tell(webhook(sink.url))).toMatchObject({
    status: 'failed',
    code: 'NOTIFICATION_FAILED',
    reason: 'rejected',
    message: 'The receiver answered 502',
    attempts: 5,
  })
  expect(sink.received).toHaveLength(5)
})

test.each([400, 401, 403, 404, 410, 413, 422])('an answer of %i is final', async status => {
  const sink = await openHttpSink(statuses(status))
  const result = await tell(webhook(sink.url))
  expect(result).toMatchObject({ status: 'failed', reason: 'rejected', attempts: 1 })
  expect(sink.received).toHaveLength(1)
})

test.each([408, 425, 429, 500, 503])('after an answer of %i it is tried again', async status => {
  const sink = await openHttpSink(statuses(status, 200))
  expect(await tell(webhook(sink.url))).toMatchObject({ status: 'sent', attempts: 2 })
})

test('a receiver that wants to be left alone for longer than there is time is left alone', async () => {
  const sink = await openHttpSink(response => {
    response.writeHead(429, { 'retry-after': '3600' }).end()
  })
  expect(await tell(webhook(sink.url))).toMatchObject({ status: 'failed', attempts: 1 })
  expect(sink.received).toHaveLength(1)
})

test('the next attempt comes later each time, never before the receiver wants it, and never after the deadline', () => {
  const patience = { attemptMs: 1000, deadlineMs: 60_000, firstDelayMs: 1000 }
  const delay = (attempts: number, retryAfterMs?: number, remainingMs = 60_000): number | null =>
    delayBeforeNext({ mayRetry: true, retryAfterMs }, { attempts, remainingMs, patience, random: 0.5 })
  expect([1, 2, 3, 4, 5].map(attempts => delay(attempts))).toEqual([1000, 2000, 4000, 8000, null])
  expect(delay(1, 30_000)).toBe(30_000)
  expect(delay(3, 10)).toBe(4000)
  expect(delay(1, 60_000)).toBeNull()
  expect(delay(4, undefined, 8000)).toBeNull()
  const final = { mayRetry: false, retryAfterMs: undefined }
  expect(delayBeforeNext(final, { attempts: 1, remainingMs: 60_000, patience, random: 0 })).toBeNull()
})

test.each([
  ['120', 120_000],
  ['0', 0],
  ['Wed, 25 Nov 2026 02:01:30 GMT', 60_000],
  ['Wed, 25 Nov 2026 01:00:00 GMT', 0],
  ['soon', undefined],
  ['-5', undefined],
  [undefined, undefined],
])('Retry-After: %s is %s ms', (header, ms) => {
  expect(parseRetryAfter(header, new Date('2026-11-25T02:00:30Z'))).toBe(ms)
})

test('a receiver that never answers is given up at the deadline', async () => {
  const sink = await openHttpSink(() => {})
  const patience = { attemptMs: 1_000, deadlineMs: 3_500, firstDelayMs: 1 }
  const result = await tell(webhook(sink.url), { patience })
  expect(result).toMatchObject({ status: 'failed', reason: 'timed-out' })
  // Tried again, but not as often as there was time for without a deadline.
  expect(result.attempts).toBeGreaterThan(1)
  expect(result.attempts).toBeLessThan(5)
  expect(result.durationMs).toBeLessThan(PATIENCE.deadlineMs)
})

test('a look-up of a name that hangs is given up, too', async () => {
  const patience = { attemptMs: 100, deadlineMs: 150, firstDelayMs: 1 }
  const lookup: Lookup = () => {}
  const result = await tell(webhook('https://receiver.example/'), { patience, lookup })
  expect(result).toMatchObject({ status: 'failed', reason: 'timed-out' })
})

test('a receiver that hangs up, and one that is not there, are tried again and then said to be unreachable', async () => {
  const hangsUp = await openHttpSink(response => response.destroy())
  expect(await tell(webhook(hangsUp.url))).toMatchObject({
    reason: 'unreachable',
    message: 'The receiver could not be reached (ECONNRESET)',
    attempts: 5,
  })
  expect(await tell(webhook(`http://127.0.0.1:${await freePort()}/`))).toMatchObject({
    reason: 'unreachable',
    message: 'The receiver could not be reached (ECONNREFUSED)',
    attempts: 5,
  })
})

test.each([301, 302, 303, 307, 308])(
  'a redirect (%i) to the metadata service is not followed',
  async status => {
    const sink = await openHttpSink(response => {
      response.writeHead(status, { location: 'http://169.254.169.254/latest/meta-data/' }).end()
    })
    expect(await tell(webhook(sink.url))).toMatchObject({ reason: 'redirected', attempts: 1 })
    expect(sink.received).toHaveLength(1)
  },
)

test('of an endless answer little is read, and its status counts', async () => {
  let written = 0
  const hungUp = Promise.withResolvers<void>()
  const chunk = Buffer.alloc(65_536)
  const endless = await openHttpSink(response => {
    const more = (): void => {
      while (!response.destroyed && response.write(chunk)) written += chunk.length
      written += chunk.length
    }
    response.on('drain', more)
    response.on('close', () => hungUp.resolve())
    more()
  })
  expect(await tell(webhook(endless.url))).toMatchObject({ status: 'sent', attempts: 1 })
  await hungUp.promise
  // What the buffers between two processes hold, and not ten gigabytes.
  expect(written).toBeLessThan(32 << 20)
})

test('a receiver that drips its answer holds nobody up, and is hung up on', async () => {
  const hungUp = Promise.withResolvers<void>()
  const drips = await openHttpSink(response => {
    const timer = setInterval(() => response.write('.'), 10)
    response.on('close', () => {
      clearInterval(timer)
      hungUp.resolve()
    })
  })
  expect(await tell(webhook(drips.url))).toMatchObject({ status: 'sent', attempts: 1 })
  await hungUp.promise
})

test.each([
  'http://169.254.169.254/latest/meta-data/',
  'https://169.254.169.254/',
  'http://2852039166/',
  'http://0xa9fea9fe/',
  'http://0251.0376.0251.0376/',
  'http://169.254.43518/',
  'http://[::ffff:169.254.169.254]/',
  'http://[::ffff:a9fe:a9fe]/',
  'http://[fe80::1]/',
  'http://[fd00:ec2::254]/',
  'http://0/',
])('%s is not connected to', async url => {
  const environment = { URL: url }
  expect(await tell({ kind: 'webhook', url: { env: 'URL' } }, { environment })).toMatchObject({
    status: 'failed',
    reason: 'refused-address',
    attempts: 1,
  })
})

/** A resolver that answers with these addresses, one list a look-up, the last for ever. */
function answering(...lists: readonly (readonly string[])[]): { lookup: Lookup; asked: string[] } {
  const asked: string[] = []
  const lookup: Lookup = (hostname, _, callback) => {
    asked.push(hostname)
    const list = lists[Math.min(asked.length, lists.length) - 1] ?? []
    const addresses: LookupAddress[] = list.map(address => ({
      address,
      family: address.includes(':') ? 6 : 4,
    }))
    setImmediate(() => callback(null, addresses))
  }
  return { lookup, asked }
}

function named(sink: HttpSink): { kind: 'webhook'; url: string } {
  return webhook(`http://receiver.example:${sink.port}/`)
}

test('a name that resolves to a metadata address is not connected to', async () => {
  for (const address of ['169.254.169.254', '::ffff:169.254.169.254', 'fd00:ec2::254']) {
    const { lookup } = answering([address])
    expect(await tell(webhook('https://receiver.example/'), { lookup })).toMatchObject({
      reason: 'refused-address',
      message: expect.stringContaining('link-local or metadata address') as unknown,
    })
  }
})

test('what a name resolves to is asked once an attempt, and that answer is connected to', async () => {
  const sink = await openHttpSink()
  const { lookup, asked } = answering(['127.0.0.1'], ['169.254.169.254'])
  expect(await tell(named(sink), { lookup })).toMatchObject({ status: 'sent' })
  expect(asked).toEqual(['receiver.example'])
})

test('of several addresses of a name only those that may be sent to are tried', async () => {
  const sink = await openHttpSink()
  const { lookup } = answering(['169.254.169.254', 'fe80::1', '127.0.0.1'])
  expect(await tell(named(sink), { lookup })).toMatchObject({ status: 'sent' })
})

test('a name that turns to a metadata address between two attempts is refused at the second', async () => {
  const sink = await openHttpSink(statuses(500))
  const { lookup } = answering(['127.0.0.1'], ['169.254.169.254'])
  expect(await tell(named(sink), { lookup })).toMatchObject({ reason: 'refused-address', attempts: 2 })
  expect(sink.received).toHaveLength(1)
})

test('nothing goes over the internet in plain http', async () => {
  const { lookup } = answering(['93.184.216.34'])
  expect(await tell(webhook('http://receiver.example/'), { lookup })).toMatchObject({
    reason: 'refused-address',
    message: expect.stringContaining('plain http is only for private addresses') as unknown,
  })
})

test('a dead channel neither stops nor delays another, and can be given up', async () => {
  const hangs = await openHttpSink(() => {})
  const works = await openHttpSink()
  const channels = { dead: webhook(hangs.url), live: webhook(works.url) }
  const giveUp = new AbortController()
  // With the patience of production: the dead one would take a minute.
  const notifier = openNotifier({ channels }, { environment: {} })
  const results = notifier.notify(FAILED, { signal: giveUp.signal })
  const busy = { timeout: 30_000 }
  await vi.waitFor(() => expect(notifier.told).toHaveProperty('live'), busy)
  await vi.waitFor(() => expect(hangs.received).toHaveLength(1), busy)
  giveUp.abort()
  expect(await results).toMatchObject([
    { channel: 'dead', status: 'failed', reason: 'cancelled' },
    { channel: 'live', status: 'sent', attempts: 1 },
  ])
})

test('a channel whose secret is missing fails by itself, and says which', async () => {
  const sink = await openHttpSink()
  const channels = {
    none: { kind: 'slack', url: { env: 'NOT_SET' } },
    file: { kind: 'gotify', url: sink.url, token: { file: '/nowhere/token' } },
    live: webhook(sink.url),
  } as const
  const results = await openNotifier({ channels }, { environment: {}, patience: PATIENCE }).notify(FAILED)
  expect(results).toMatchObject([
    { reason: 'no-secret', message: 'The environment variable NOT_SET is not set', attempts: 1 },
    { reason: 'no-secret', message: 'The secret file cannot be read: /nowhere/token', attempts: 1 },
    { status: 'sent' },
  ])
})

test('an event that cannot be worded is a failed channel, not an exception', async () => {
  const sink = await openHttpSink()
  const event = { ...FAILED, at: new Date(Number.NaN) }
  expect(await tell(webhook(sink.url), { event })).toMatchObject({ status: 'failed', reason: 'unexpected' })
})

testWith(['openssl'], 'over https only a receiver with a trusted certificate gets anything', async () => {
  const certificate = makeCertificate()
  const sink = await openHttpSink(undefined, certificate)
  expect(await tell(webhook(sink.url))).toMatchObject({
    reason: 'unreachable',
    attempts: 1,
    hint: expect.stringContaining('NODE_EXTRA_CA_CERTS') as unknown,
  })
  expect(sink.received).toEqual([])
  trust(certificate)
  expect(await tell(webhook(sink.url))).toMatchObject({ status: 'sent' })
  const other = webhook(sink.url.replace('localhost', '127.0.0.1'))
  expect(await tell(other)).toMatchObject({ reason: 'unreachable', attempts: 1 })
})
