/** The security checklist: docs/security.md, by its numbers. */
import { readdirSync, readFileSync, statSync, writeFileSync, chmodSync } from 'node:fs'
import { type IncomingHttpHeaders, request } from 'node:http'
import { request as secureRequest } from 'node:https'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { readTls, requireSafeAddress, startServer } from '../../src/server/serve.ts'
import { CONTENT_SECURITY_POLICY } from '../../src/server/headers.ts'
import { PERMISSIONS } from '../../src/server/permissions.ts'
import { makeCertificate } from '../notify/certificates.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { openServing, type Serving } from './serving.ts'

const SHOP = '/api/v1/databases/shop'

const NO_TLS = { socket: null, tls: null }
const TLS = { socket: null, tls: { cert: Buffer.from(''), key: Buffer.from('') } }

test.each([
  ['127.0.0.1', NO_TLS, false, true],
  ['127.8.8.8', NO_TLS, false, true],
  ['localhost', NO_TLS, false, true],
  ['::1', NO_TLS, false, true],
  ['0.0.0.0', NO_TLS, false, false],
  ['::', NO_TLS, false, false],
  ['192.168.1.5', NO_TLS, false, false],
  ['127.0.0.1.evil.example', NO_TLS, false, false],
  ['backup.example', NO_TLS, false, false],
  ['0.0.0.0', TLS, false, true],
  ['0.0.0.0', NO_TLS, true, true],
  ['0.0.0.0', { socket: '/run/x.sock', tls: null }, false, true],
])('1: listening on %s with %j, remote allowed %s, is allowed: %s', (host, more, allowRemote, isAllowed) => {
  const start = (): void => requireSafeAddress({ host, ...more }, { allowRemote })
  if (isAllowed) expect(start).not.toThrow()
  else expect(start).toThrow(/no TLS/)
})

test('1: a socket of the file system is its owner’s alone, and replaces only one that nobody listens on', async () => {
  const path = join(temporaryDirectory(), 'server.sock')
  const { server } = await openServing({ serve: { socket: path } })
  expect(server.address).toBe(path)
  expect(statSync(path).mode & 0o777).toBe(0o600)
  expect(await overSocket(path, 'localhost')).toBe(200)
  expect(await overSocket(path, 'evil.example')).toBe(421)
  await expect(startServer({ ...SERVE, socket: path, database: {} })).rejects.toThrow(/something already/)
})

test('1: a configuration that is not valid, or a certificate that is none, is told at the start', async () => {
  const directory = temporaryDirectory()
  const path = (name: string): string => join(directory, name)
  writeFileSync(path('bad.config.json'), '{"databases":1}')
  const database = { config: path('bad.config.json') }
  await expect(startServer({ ...SERVE, socket: null, database })).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
  })
  const [pair, other] = [makeCertificate(), makeCertificate()]
  writeFileSync(path('cert.pem'), pair.cert)
  writeFileSync(path('key.pem'), pair.key)
  writeFileSync(path('other.pem'), other.key)
  expect(await readTls(path('cert.pem'), path('key.pem'))).toMatchObject({ cert: expect.any(Buffer) })
  expect(await readTls(undefined, undefined)).toBe(null)
  for (const [cert, key] of [
    ['cert.pem', undefined],
    ['cert.pem', 'missing.pem'],
    ['cert.pem', 'other.pem'],
    ['bad.config.json', 'key.pem'],
  ] as const) {
    await expect(readTls(path(cert), key === undefined ? key : path(key))).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    })
  }
})

const SERVE = {
  host: '127.0.0.1',
  port: 0,
  tls: null,
  allowedHosts: [],
  log: { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} },
}

function overSocket(socketPath: string, host: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    request({ socketPath, path: '/healthz', headers: { host } }, answer => {
      answer.resume()
      resolve(answer.statusCode)
    })
      .on('error', reject)
      .end()
  })
}

test('2: tokens are stored as hashes alone, for their owner alone, and shown once', async () => {
  const serving = await openServing()
  const made = await serving.ask('POST', '/api/v1/tokens', { body: { name: 'monitoring', role: 'viewer' } })
  const { secret } = made.body
  expect(secret).toMatch(/^chb_[0-9a-f]{16}_[A-Za-z0-9_-]{43}$/)
  const key = secret.slice(21)
  for (const file of filesOf(serving.backupDir)) {
    expect(readFileSync(file, 'latin1')).not.toContain(key)
    expect([file, statSync(file).mode & 0o077]).toEqual([file, 0])
  }
  expect(statSync(join(serving.backupDir, 'server')).mode & 0o777).toBe(0o700)
  expect((await serving.ask('GET', '/api/v1/tokens')).text).not.toContain(key)
  expect((await serving.ask('GET', '/api/v1/audit')).text).not.toContain(key)
  expect(JSON.stringify(serving.logged)).not.toContain(key)
  const { tokens } = (await serving.ask('GET', '/api/v1/tokens')).body
  expect(tokens.at(-1)).toMatchObject({ name: 'monitoring', role: 'viewer', lastUsedAt: null })
  expect(tokens.find(({ name }: { name: string }) => name === 'the admin').lastUsedAt).toEqual(
    expect.any(String),
  )
})

test('4: a thousand wrong tokens are answered 429 with Retry-After, and the right one still comes in', async () => {
  const serving = await openServing()
  const counts = new Map<number, number>()
  let retryAfter: string | null = null
  for (let batch = 0; batch < 10; batch++) {
    await Promise.all(
      Array.from({ length: 100 }, async (_, i) => {
        const id = (batch * 100 + i).toString(16).padStart(16, '0')
        const headers = { authorization: `Bearer chb_${id}_${'A'.repeat(43)}` }
        const answer = await fetch(`${serving.url}/api/v1/databases`, { headers })
        await answer.body?.cancel()
        counts.set(answer.status, (counts.get(answer.status) ?? 0) + 1)
        retryAfter ??= answer.headers.get('retry-after')
      }),
    )
  }
  expect(counts.get(429)).toBeGreaterThan(900)
  expect((counts.get(429) ?? 0) + (counts.get(401) ?? 0)).toBe(1000)
  expect(Number(retryAfter)).toBeGreaterThan(0)
  expect((await serving.ask('GET', '/api/v1/databases')).status).toBe(200)
})

async function logIn(
  serving: Serving,
  by: object,
): Promise<{ cookie: string; csrf: string; setCookie: string }> {
  const answer = await serving.ask('POST', '/api/v1/session', { body: by, as: null })
  if (answer.status !== 200) throw new Error(answer.text)
  const setCookie = answer.headers.get('set-cookie') ?? ''
  return { setCookie, cookie: setCookie.split(';')[0] ?? '', csrf: answer.body.csrfToken }
}

test('5: a session’s cookie is out of reach of scripts and other sites, and changes nothing without its CSRF token', async () => {
  const serving = await openServing()
  const { cookie, csrf, setCookie } = await logIn(serving, { token: serving.tokens.admin })
  expect(setCookie).toMatch(/; HttpOnly/)
  expect(setCookie).toMatch(/; SameSite=Strict/)
  const body = { description: 'x' }
  const ask = (headers: Record<string, string>): Promise<number> =>
    serving
      .ask('POST', `${SHOP}/backups`, { body, as: null, headers: { cookie, ...headers } })
      .then(({ status }) => status)
  expect((await serving.ask('GET', '/api/v1/session', { as: null, headers: { cookie } })).body).toMatchObject(
    {
      name: 'the admin',
      via: 'session',
      csrfToken: csrf,
    },
  )
  expect(await ask({})).toBe(403)
  expect(await ask({ 'x-csrf-token': 'guessed' })).toBe(403)
  expect(await ask({ 'x-csrf-token': csrf })).toBe(202)
  expect(await ask({ 'x-csrf-token': csrf, origin: serving.url })).toBe(202)
  expect(await ask({ 'x-csrf-token': csrf, origin: 'https://evil.example' })).toBe(403)
  expect(await ask({ 'x-csrf-token': csrf, origin: 'null' })).toBe(403)
  for (const site of ['cross-site', 'same-site'])
    expect(await ask({ 'x-csrf-token': csrf, 'sec-fetch-site': site })).toBe(403)
  const audited = (await serving.ask('GET', '/api/v1/audit')).body.entries
  expect(audited.find(({ action }: { action: string }) => action === 'log-in').actor.door).toBe('console')
  await serving.ask('DELETE', '/api/v1/session', { as: null, headers: { cookie, 'x-csrf-token': csrf } })
  expect((await serving.ask('GET', '/api/v1/session', { as: null, headers: { cookie } })).status).toBe(401)
})

test('5: JSON that says it is something else is not read', async () => {
  const { ask } = await openServing()
  const types = [
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/jsonp',
    '',
  ]
  for (const type of types) {
    const headers = { 'content-type': type }
    const answer = await ask('POST', `${SHOP}/backups`, { body: '{}', headers })
    expect([type, answer.status]).toEqual([type, 415])
    const logIn = await ask('POST', '/api/v1/session', { as: null, body: '{"token":"x"}', headers })
    expect([type, logIn.status]).toEqual([type, 415])
  }
})

test('5: no GET changes anything: none is begun, made or deleted by one', () => {
  const gets = Object.keys(PERMISSIONS).filter(route => route.startsWith('GET '))
  for (const route of gets) expect(route).not.toMatch(/restore|cleanup|pin|cancel|run$|upload/)
})

test('5: a session ends with its token, and a log-in link works once', async () => {
  const serving = await openServing()
  const { cookie } = await logIn(serving, { token: serving.tokens.operator })
  const { tokens } = (await serving.ask('GET', '/api/v1/tokens')).body
  const { id } = tokens.find(({ name }: { name: string }) => name === 'the operator')
  // By another process, which cannot tell the server.
  await serving.administration.revokeToken(id)
  expect((await serving.ask('GET', '/api/v1/session', { as: null, headers: { cookie } })).status).toBe(401)
  const link = (await serving.server.logInLink()).split('#')[1] ?? ''
  const [first, second] = await Promise.all([
    serving.ask('POST', '/api/v1/session', { body: { link }, as: null }),
    serving.ask('POST', '/api/v1/session', { body: { link }, as: null }),
  ])
  expect([first.status, second.status].toSorted((a, b) => a - b)).toEqual([200, 401])
})

test('6: a request for a host that is none of ours is refused', async () => {
  const { url } = await openServing()
  const { hostname, port } = new URL(url)
  const hosts = ['evil.example', 'localhost.evil.example', '127.0.0.1.nip.io', '[::2]']
  for (const host of hosts) {
    const status = await new Promise((resolve, reject) => {
      request({ hostname, port, path: '/healthz', headers: { host } }, answer =>
        resolve(answer.resume().statusCode),
      )
        .on('error', reject)
        .end()
    })
    expect([host, status]).toEqual([host, 421])
  }
})

test('7: every answer carries the security headers, errors and files too', async () => {
  const serving = await openServing()
  const asked = [
    ...Object.keys(PERMISSIONS).map(route => route.replaceAll(/:\w+/g, 'nothing').replace('*', 'x')),
    'GET /api/v1/nothing',
    'POST /nothing',
    'GET /api/reference/reference.js',
  ]
  for (const route of asked) {
    const [method = '', path = ''] = route.split(' ')
    for (const as of ['admin', null] as const) {
      const { headers } = await serving.ask(method, path, { as })
      expect([route, headers.get('content-security-policy')]).toEqual([route, CONTENT_SECURITY_POLICY])
      expect(Object.fromEntries(headers)).toMatchObject({
        'x-content-type-options': 'nosniff',
        'referrer-policy': 'no-referrer',
        'cross-origin-opener-policy': 'same-origin',
        'cross-origin-resource-policy': 'same-origin',
      })
      expect([route, headers.get('cache-control')]).not.toEqual([route, null])
    }
  }
  expect(CONTENT_SECURITY_POLICY).not.toMatch(/unsafe|https?:|\*/)
  const page = await serving.ask('GET', '/api/reference', { as: null })
  expect(page.text).not.toMatch(/<script(?![^>]*src=")|\son\w+=|style=|https?:\/\//)
})

/** Names that are paths, or that programs take for something else. */
const HOSTILE = [
  '../../../../etc/passwd',
  '..%2f..%2fetc%2fpasswd',
  '....//....//etc/passwd',
  '/etc/passwd',
  'file:///etc/passwd',
  '..\\..\\windows\\win.ini',
  'a\0.db',
  'a\nb.db',
  'x.db/../../secret.txt',
  '.',
  '..',
  '~root',
  '$(id)',
  '%00',
  'con.db',
  'secret.txt',
  'server/access.json',
  'access.json',
  '＿．db',
  'x'.repeat(4096),
  '__proto__',
  'constructor',
  'hasOwnProperty',
]

test('8: no name in a request leads anywhere but to the catalog', async () => {
  // Before there is a server: on a busy machine this takes longer than it keeps a connection.
  const names = [
    ...HOSTILE,
    ...fc.sample(fc.string({ minLength: 1, maxLength: 40, unit: 'binary' }), { numRuns: 15, seed: 8 }),
  ]
  const serving = await openServing()
  writeFileSync(join(serving.directory, 'secret.txt'), 'CANARY')
  writeFileSync(join(serving.backupDir, 'secret.txt'), 'CANARY')
  const before = filesOf(serving.directory).filter(isNoRecord)
  const console = await serving.ask('GET', '/')
  for (const name of names) {
    const part = encodeURIComponent(name.toWellFormed())
    const asked = [
      ['GET', `/api/v1/databases/${part}`],
      ['GET', `${SHOP}/backups/${part}`],
      ['GET', `${SHOP}/backups/${part}/content`],
      ['GET', `${SHOP}/backups/${part}/tables`],
      ['DELETE', `${SHOP}/backups/${part}?confirm=${part}`],
      ['GET', `${SHOP}/exports/${part}/content`],
      ['DELETE', `${SHOP}/exports/${part}`],
      ['GET', `/api/v1/audit?database=${part}`],
      ['GET', `/api/reference/${part}`],
    ] as const
    for (const [method, path] of asked) {
      const answer = await serving.ask(method, path)
      expect([method, path, answer.status >= 400 && answer.status < 500]).toEqual([method, path, true])
      expect(answer.text).not.toContain('CANARY')
    }
    // Where the console is built, every address of no file shows its page, for it to say that there is no such thing.
    const page = await serving.ask('GET', `/${part}`)
    expect(page.status === 200 ? page.text : '').toBe(page.status === 200 ? console.text : '')
    expect(page.status).toBeOneOf([200, 400, 404])
    for (const body of [{ from: name, to: name }]) {
      expect((await serving.ask('POST', `${SHOP}/compare`, { body })).status).toBeGreaterThanOrEqual(400)
      expect(
        (await serving.ask('POST', `${SHOP}/exports`, { body: { from: name } })).status,
      ).toBeGreaterThanOrEqual(400)
    }
  }
  expect(filesOf(serving.directory).filter(isNoRecord)).toEqual(before)
})

function isNoRecord(path: string): boolean {
  return !/audit|last-use|\.lock/.test(path)
}

test('8: what a job found is shown to those alone who may begin such a job', async () => {
  const serving = await openServing()
  const made = await serving.done(`${SHOP}/backups`)
  const { filename } = (made.kind === 'create' ? made.result : null) ?? { filename: '' }
  const body = { from: null, to: filename, table: 'users' }
  const revealed = await serving.done(`${SHOP}/compare`, { ...body, reveal: true })
  const planned = await serving.done(`${SHOP}/backups/${filename}/restore-plan`)
  for (const { id } of [revealed, planned]) {
    for (const as of ['viewer', 'operator'] as const) {
      const seen = await serving.ask('GET', `/api/v1/jobs/${id}`, { as })
      expect(seen.body).toMatchObject({ status: 'succeeded', result: null })
      expect((await serving.ask('GET', `/api/v1/jobs/${id}/events`, { as })).text).not.toContain('"result":{')
      const { jobs } = (await serving.ask('GET', '/api/v1/jobs', { as })).body
      expect(jobs.find((job: { id: string }) => job.id === id).result).toBe(null)
    }
    expect((await serving.ask('GET', `/api/v1/jobs/${id}`)).body.result).not.toBe(null)
  }
})

test('7: under TLS the cookie is bound to this host, and browsers are told to stay with TLS', async () => {
  const pair = makeCertificate()
  const serving = await openServing({
    serve: { tls: { cert: Buffer.from(pair.cert), key: Buffer.from(pair.key) } },
  })
  const body = JSON.stringify({ token: serving.tokens.admin })
  const { hostname, port } = new URL(serving.url)
  const headers = await new Promise<IncomingHttpHeaders>((resolve, reject) => {
    const options = {
      hostname,
      port,
      path: '/api/v1/session',
      method: 'POST',
      rejectUnauthorized: false,
      headers: { 'content-type': 'application/json' },
    }
    secureRequest(options, answer => resolve(answer.resume().headers))
      .on('error', reject)
      .end(body)
  })
  expect(headers['set-cookie']?.[0]).toMatch(/^__Host-chame-backup=.*; Secure/)
  expect(headers['strict-transport-security']).toMatch(/max-age=63072000/)
})

test('12: what was planned before something changed is not carried out', async () => {
  const serving = await openServing()
  const made = await serving.done(`${SHOP}/backups`)
  const { filename } = (made.kind === 'create' ? made.result : null) ?? { filename: '' }
  const planned = await serving.done(`${SHOP}/backups/${filename}/restore-plan`)
  const { plan } = planned.result as { plan: string }
  const other = (
    await serving.ask('POST', '/api/v1/tokens', { body: { name: 'other admin', role: 'admin' } })
  ).body.secret
  const body = { plan, confirm: 'shop' }
  const headers = { authorization: `Bearer ${other}` }
  expect(
    (await serving.ask('POST', `${SHOP}/backups/${filename}/restore`, { body, headers, as: null })).body.code,
  ).toBe('PLAN_STALE')
  expect(
    (await serving.ask('POST', `${SHOP}/backups/${filename}/restore`, { body, as: 'operator' })).status,
  ).toBe(403)
})

test('12: a policy is saved by who has seen what it would delete, and only while that holds', async () => {
  const { ask, done } = await openServing()
  const policy = { daily: { keepLast: 1 } }
  for (let i = 0; i < 2; i++) await done(`${SHOP}/backups`, { type: 'daily' })
  const plan = async (wanted: object = policy): Promise<string> =>
    (await ask('POST', `${SHOP}/cleanup-plan`, { body: wanted })).body.plan
  const save = async (id: string): Promise<string | undefined> =>
    (await ask('PUT', `${SHOP}/retention`, { body: { policy, plan: id } })).body.code
  // Of the policy that holds, and of another one.
  expect(await save(await plan({}))).toBe('PLAN_STALE')
  expect(await save(await plan({ policy: { daily: { keepLast: 2 } } }))).toBe('PLAN_STALE')
  const old = await plan({ policy })
  await done(`${SHOP}/backups`, { type: 'daily' })
  expect(await save(old)).toBe('PLAN_STALE')
  const fresh = await plan({ policy })
  expect(await save(fresh)).toBe(undefined)
  expect(await save(fresh)).toBe('PLAN_STALE')
})

test('13: what is logged has no secret, and a name cannot begin a line', async () => {
  const serving = await openServing()
  const bad = `chb_${'0'.repeat(16)}_${'S'.repeat(43)}`
  await serving.ask('GET', '/api/v1/databases', { as: null, headers: { authorization: `Bearer ${bad}` } })
  await serving.ask('POST', '/api/v1/session', { as: null, body: { token: bad } })
  await serving.ask('GET', `${SHOP}/backups/${encodeURIComponent('a\n{"level":"error"}')}`)
  const text = JSON.stringify(serving.logged)
  for (const secret of [...Object.values(serving.tokens), bad]) expect(text).not.toContain(secret.slice(21))
  expect(serving.logged.filter(({ event }) => event === 'log-in-refused')).toHaveLength(2)
})

test.each([
  ['is no JSON', (path: string) => writeFileSync(path, '{')],
  ['is of another form', (path: string) => writeFileSync(path, '{"schema":1,"tokens":[{}],"links":[]}')],
  ['can be read by others', (path: string) => chmodSync(path, 0o644)],
])('14: with a file of tokens that %s, nobody is let in', async (_, breakIt) => {
  const serving = await openServing()
  const { cookie } = await logIn(serving, { token: serving.tokens.admin })
  breakIt(join(serving.backupDir, 'server', 'access.json'))
  expect((await serving.ask('GET', '/api/v1/databases')).body).toMatchObject({
    status: 503,
    code: 'UNAVAILABLE',
  })
  expect((await serving.ask('GET', '/api/v1/session', { as: null, headers: { cookie } })).status).toBe(503)
  expect(
    (await serving.ask('POST', '/api/v1/session', { as: null, body: { token: serving.tokens.admin } }))
      .status,
  ).toBe(503)
  expect((await serving.ask('GET', '/readyz', { as: null })).status).toBe(503)
  expect((await serving.ask('GET', '/healthz', { as: null })).status).toBe(200)
})

function filesOf(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath, entry.name))
    .toSorted()
}
