/** The parts that decide: with a clock of their own, and without a socket. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { AccessStore, type BackupInfo } from '../../src/index.ts'
import { callerAddress, LockOut } from '../../src/server/auth/lock-out.ts'
import { SessionBook } from '../../src/server/auth/session-book.ts'
import { historyOf } from '../../src/server/history.ts'
import { allowedHosts, isAllowedHost } from '../../src/server/hosts.ts'
import { IdempotencyBook } from '../../src/server/idempotency.ts'
import { JobBook } from '../../src/server/job-book.ts'
import { pageOf } from '../../src/server/pages.ts'
import { PlanBook } from '../../src/server/plan-book.ts'
import { parseRange } from '../../src/server/range.ts'
import { backupInfo } from '../support/backup-info.ts'
import { temporaryDirectory } from '../support/temporary.ts'

const MINUTE_MS = 60_000

class Clock {
  ms = Date.parse('2026-11-25T12:00:00Z')
  readonly now = (): Date => new Date(this.ms)
}

test('3: secrets are compared in one place, in constant time', () => {
  const store = readFileSync(new URL('../../src/access/access-store.ts', import.meta.url), 'utf8')
  expect(store).not.toMatch(/digest\s*[=!]==|[=!]==\s*\w*\.?digest/)
  const token = readFileSync(new URL('../../src/access/token.ts', import.meta.url), 'utf8')
  expect(token).toContain('timingSafeEqual')
})

test('a token is known until it expires or is revoked, whichever store asks', async () => {
  const clock = new Clock()
  const directory = temporaryDirectory()
  const [store, other] = [new AccessStore(directory, clock.now), new AccessStore(directory, clock.now)]
  const { secret, token } = await store.createToken({ name: 'brief', role: 'viewer', expires: '10m' })
  expect(await other.authenticate(secret)).toMatchObject({ id: token.id, role: 'viewer' })
  expect(await other.authenticate(`${secret.slice(0, -1)}${secret.endsWith('A') ? 'B' : 'A'}`)).toBe(null)
  for (const wrong of ['', 'chb_', secret.replace('chb', 'chl'), secret.slice(1), `${secret}A`]) {
    expect(await other.authenticate(wrong)).toBe(null)
  }
  clock.ms += 10 * MINUTE_MS
  expect(await other.authenticate(secret)).toBe(null)
  expect(await other.isCurrent(token.id)).toBe(false)
  const next = await store.createToken({ name: 'next', role: 'admin' })
  expect(await other.authenticate(next.secret)).toMatchObject({ name: 'next' })
  await store.revokeToken(next.token.id)
  expect(await other.authenticate(next.secret)).toBe(null)
})

test('a log-in link works once, and not after a quarter of an hour', async () => {
  const clock = new Clock()
  const store = new AccessStore(temporaryDirectory(), clock.now)
  const { secret } = await store.createLogInLink()
  expect(await store.redeemLogInLink(secret)).toMatchObject({ role: 'admin' })
  expect(await store.redeemLogInLink(secret)).toBe(null)
  const late = await store.createLogInLink()
  clock.ms += 15 * MINUTE_MS
  expect(await store.redeemLogInLink(late.secret)).toBe(null)
})

test.each([
  { name: '', role: 'viewer' },
  { name: 'x'.repeat(101), role: 'viewer' },
  { name: 'x', role: 'root' },
  { name: 'x', role: 'viewer', expires: 'tomorrow' },
  { name: 'x', role: 'viewer', expires: '90' },
  { name: 'x', role: 'viewer', expires: '2999-01-01T00:00:00' },
  { name: 'x', role: 'viewer', expires: '2020-01-01T00:00:00Z' },
] as const)('a token of %j is refused', async request => {
  const store = new AccessStore(temporaryDirectory(), new Clock().now)
  await expect(store.createToken(request as never)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  expect(await store.listTokens()).toEqual([])
})

test('tokens that are made at the same time are all there', async () => {
  const directory = temporaryDirectory()
  const stores = Array.from({ length: 8 }, () => new AccessStore(directory))
  await Promise.all(stores.map((store, i) => store.createToken({ name: `t${i}`, role: 'viewer' })))
  expect(await new AccessStore(directory).listTokens()).toHaveLength(8)
})

test('what a killed writer left does not come in anybody’s way', async () => {
  const directory = temporaryDirectory()
  const store = new AccessStore(directory)
  await store.createToken({ name: 'a', role: 'viewer' })
  for (const name of [`.access-${'0'.repeat(16)}.new`, `last-use.json.${'0'.repeat(12)}.new`]) {
    writeFileSync(join(directory, 'server', name), 'half')
  }
  await store.createToken({ name: 'b', role: 'viewer' })
  expect((await store.listTokens()).map(({ name }) => name)).toEqual(['a', 'b'])
  expect(readdirSync(join(directory, 'server')).filter(name => name.endsWith('.new'))).toEqual([])
})

test('who tries secrets waits twice as long each time; others, and the machine itself, do not', () => {
  const clock = new Clock()
  const lockOut = new LockOut(clock.now)
  const attacker = { address: '203.0.113.5', id: '0123456789abcdef' }
  const waits = Array.from({ length: 8 }, () => lockOut.failed(attacker))
  expect(waits).toEqual([0, 0, 0, 0, 1000, 2000, 4000, 8000])
  expect(lockOut.refusedForMs(attacker)).toBe(8000)
  expect(lockOut.refusedForMs({ ...attacker, id: 'fedcba9876543210' })).toBe(8000)
  expect(lockOut.refusedForMs({ ...attacker, address: '203.0.113.6' })).toBe(0)
  for (let i = 0; i < 20; i++) lockOut.failed({ address: null, id: attacker.id })
  expect(lockOut.refusedForMs({ address: null, id: attacker.id })).toBe(0)
  clock.ms += 8000
  expect(lockOut.refusedForMs(attacker)).toBe(0)
  for (let i = 0; i < 100; i++) lockOut.failed(attacker)
  expect(lockOut.refusedForMs(attacker)).toBe(15 * MINUTE_MS)
  lockOut.succeeded(attacker)
  expect(lockOut.refusedForMs(attacker)).toBe(0)
})

test.each([
  [undefined, null],
  ['127.0.0.1', null],
  ['127.1.2.3', null],
  ['::1', null],
  ['::ffff:127.0.0.1', null],
  ['::ffff:10.0.0.1', '10.0.0.1'],
  ['2001:db8::1', '2001:db8::1'],
])('a caller at %s is %s', (remote, address) => {
  expect(callerAddress(remote)).toBe(address)
})

test('a session ends when nobody uses it, at the latest after twelve hours, and has a new id now and then', () => {
  const clock = new Clock()
  const book = new SessionBook(clock.now)
  const owner = { name: 'a', role: 'admin', tokenId: null } as const
  const { id } = book.open(owner)
  clock.ms += 16 * MINUTE_MS
  const newId = book.find(id)?.newId ?? ''
  expect(newId).not.toBe(id)
  expect(book.find(newId)).not.toBe(null)
  expect(book.find(id)).not.toBe(null)
  clock.ms += MINUTE_MS
  expect(book.find(id)).toBe(null)
  expect(book.find(newId)).not.toBe(null)
  clock.ms += 61 * MINUTE_MS
  expect(book.find(newId)).toBe(null)
  const used = book.open(owner)
  let current = used.id
  for (let i = 0; i < 11 * 6; i++) {
    clock.ms += 10 * MINUTE_MS
    current = book.find(current)?.newId ?? current
  }
  expect(book.find(current)).not.toBe(null)
  clock.ms += 59 * MINUTE_MS
  current = book.find(current)?.newId ?? current
  clock.ms += 2 * MINUTE_MS
  expect(book.find(current)).toBe(null)
})

test('a session whose new id came to nobody goes on with the old one, and gets another', () => {
  const clock = new Clock()
  const book = new SessionBook(clock.now)
  const { id } = book.open({ name: 'a', role: 'admin', tokenId: null })
  clock.ms += 16 * MINUTE_MS
  const lost = book.find(id)?.newId ?? ''
  expect(book.find(id)?.newId).toBe(null)
  clock.ms += MINUTE_MS
  const newId = book.find(id)?.newId ?? ''
  expect(book.find(lost)).toBe(null)
  expect(book.find(newId)).not.toBe(null)
  clock.ms += MINUTE_MS
  expect(book.find(id)).toBe(null)
  expect(book.find(newId)).not.toBe(null)
  book.close(newId)
  expect(book.find(newId)).toBe(null)
})

test.each([
  ['localhost', true],
  ['LOCALHOST:8080', true],
  ['127.0.0.1:1', true],
  ['[::1]:8080', true],
  ['backup.example', true],
  ['other.example', false],
  ['localhost.', false],
  ['0.0.0.0', false],
  ['[::1', false],
  ['localhost:99999999', false],
  ['', false],
  [undefined, false],
])('the host %s is allowed: %s', (header, isAllowed) => {
  expect(isAllowedHost(header, allowedHosts('0.0.0.0', ['backup.example']))).toBe(isAllowed)
})

test.each([
  ['bytes=0-9', { start: 0, end: 10 }],
  ['bytes=90-', { start: 90, end: 100 }],
  ['bytes=-10', { start: 90, end: 100 }],
  ['bytes=-1000', { start: 0, end: 100 }],
  ['bytes=0-1000', { start: 0, end: 100 }],
  ['BYTES=5-5', { start: 5, end: 6 }],
  ['bytes=100-', 'unsatisfiable'],
  ['bytes=-0', 'unsatisfiable'],
  ['bytes=9-1', 'none'],
  ['bytes=0-1,5-6', 'none'],
  ['bytes=', 'none'],
  ['bytes=-', 'none'],
  ['lines=0-1', 'none'],
  ['bytes=0x1-2', 'none'],
])('of 100 bytes the range %s is %j', (header, range) => {
  expect(parseRange(header, 100)).toEqual(range)
})

test('a plan can be carried out once, while it is fresh, for what it was made', () => {
  const clock = new Clock()
  const book = new PlanBook(clock.now)
  const take = (plan: string, kind: 'restore' | 'cleanup', subject: string) => (): void =>
    book.take(plan, kind, subject)
  const first = book.issue('restore', 'a').plan
  expect(take(first, 'restore', 'a')).not.toThrow()
  expect(take(first, 'restore', 'a')).toThrow(/used up/)
  expect(take(book.issue('restore', 'a').plan, 'restore', 'b')).toThrow()
  expect(take(book.issue('restore', 'a').plan, 'cleanup', 'a')).toThrow()
  const old = book.issue('restore', 'a').plan
  clock.ms += 15 * MINUTE_MS
  expect(take(old, 'restore', 'a')).toThrow()
})

test('an answer is kept for its key, but a failure of the server is not', async () => {
  const book = new IdempotencyBook(new Clock().now)
  let calls = 0
  const respond = (status: number) => async (): Promise<Response> => new Response(`${++calls}`, { status })
  const order = { owner: 'a', key: 'k', request: 'r' }
  expect(await (await book.answer(order, respond(503))).text()).toBe('1')
  expect(await (await book.answer(order, respond(202))).text()).toBe('2')
  const replayed = await book.answer(order, respond(202))
  expect([await replayed.text(), replayed.headers.get('idempotent-replayed')]).toEqual(['2', 'true'])
  await expect(book.answer({ ...order, request: 'other' }, respond(202))).rejects.toMatchObject({
    code: 'KEY_REUSED',
  })
  expect(await (await book.answer({ ...order, owner: 'b' }, respond(202))).text()).toBe('3')
})

test('5: the cookie that came with an answer is neither kept nor sent once more with it', async () => {
  const book = new IdempotencyBook(new Clock().now)
  const respond = async (): Promise<Response> =>
    new Response('done', { headers: { 'set-cookie': 'chame-backup=id; HttpOnly', location: '/job' } })
  const order = { owner: 'a', key: 'k', request: 'r' }
  expect((await book.answer(order, respond)).headers.getSetCookie()).toHaveLength(1)
  const { headers } = await book.answer(order, respond)
  expect([headers.get('location'), headers.getSetCookie()]).toEqual(['/job', []])
})

test.each([
  ['CATALOG_LOCKED', 409, 'anew', '2'],
  ['CANCELLED', 499, 'anew', '2'],
  ['PLAN_STALE', 409, 'as before', '1'],
])(
  'a request that was answered %s (%d) is answered %s when it is sent again',
  async (code, status, _, calls) => {
    const book = new IdempotencyBook(new Clock().now)
    let count = 0
    const respond = async (): Promise<Response> =>
      new Response(JSON.stringify({ code, calls: String(++count) }), { status })
    const order = { owner: 'a', key: 'k', request: 'r' }
    await book.answer(order, respond)
    expect(await (await book.answer(order, respond)).json()).toMatchObject({ calls })
  },
)

test('jobs that have ended are kept for an hour, and no more than 200 of them', async () => {
  const clock = new Clock()
  const book = new JobBook({ now: clock.now })
  const work = async (): Promise<never> => Promise.reject(new Error('done'))
  for (let i = 0; i < 250; i++) {
    book.begin({ kind: 'scan', database: `d${i}`, subject: null, by: 'a', needs: 'operator', work })
  }
  const haveEnded = (): boolean => book.list('admin').every(({ endedAt }) => endedAt !== null)
  await expect.poll(haveEnded, { timeout: 30_000 }).toBe(true)
  expect(book.list('admin')).toHaveLength(200)
  clock.ms += 61 * MINUTE_MS
  expect(book.list('admin')).toEqual([])
})

const BACKUPS: readonly BackupInfo[] = Array.from({ length: 25 }, (_, i) => ({
  ...backupInfo(),
  filename: `shop_backup_daily_202611${String(i + 1).padStart(2, '0')}_020000.db`,
  created: `2026-11-${String(i + 1).padStart(2, '0')}T02:00:00.000Z`,
  size: (i * 7) % 5,
}))

test.each(['created', 'size', 'type', 'filename'] as const)(
  'pages sorted by %s have every backup once',
  sort => {
    for (const order of ['asc', 'desc'] as const) {
      const seen: string[] = []
      let cursor: string | undefined
      do {
        const page = pageOf(BACKUPS, { sort, order, limit: 4, cursor })
        seen.push(...page.backups.map(({ filename }) => filename))
        cursor = page.nextCursor ?? undefined
      } while (cursor !== undefined)
      expect(new Set(seen).size).toBe(25)
      expect(seen).toHaveLength(25)
    }
  },
)

test('the history counts the days of the database’s own time zone', () => {
  const now = new Date('2026-11-25T12:00:00Z')
  const at = (created: string): BackupInfo => ({ ...backupInfo(), created, size: 1 })
  const backups = [
    at('2026-11-24T23:30:00.000Z'),
    at('2026-11-24T12:00:00.000Z'),
    at('2025-01-01T00:00:00.000Z'),
  ]
  expect(
    historyOf(backups, { days: 30, timeZone: 'Europe/Berlin', now }).map(({ date, backups: n }) => [date, n]),
  ).toEqual([
    ['2026-11-24', 1],
    ['2026-11-25', 1],
  ])
  expect(historyOf(backups, { days: 30, timeZone: 'UTC', now })).toHaveLength(1)
})
