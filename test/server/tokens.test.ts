/** The security checklist of docs/security.md: 2, tokens, and 14, what cannot be read lets nobody in. */
import { chmodSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { filesOf } from './files.ts'
import { logIn } from './log-in.ts'
import { openServing } from './serving.ts'

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
