/** The security checklist of docs/security.md: 5, forged requests. */
import { expect, test } from 'vitest'
import { PERMISSIONS } from '../../src/server/permissions.ts'
import { logIn } from './log-in.ts'
import { openServing } from './serving.ts'

const SHOP = '/api/v1/databases/shop'

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
