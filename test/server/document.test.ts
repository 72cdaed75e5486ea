/** The API against its own OpenAPI document: every answer that it tells of is given, and is as it says. */
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { z } from 'zod'
import { ERRORS, type ErrorCode } from '../../src/index.ts'
import { failureProblem, problemOf, Refusal } from '../../src/server/problems.ts'
import { HTTP_CODES, type HttpCode, problem } from '../../src/server/schemas/common.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { backUp, documentOf, openServing, operationsOf, type Serving } from './serving.ts'

const SHOP = '/api/v1/databases/shop'

/** Everything that can be had of one database: a target that works, one that does not, and a channel. */
async function openWhole(): Promise<Serving> {
  const ntfy = createServer((_, response) => void response.end('{}'))
  await once(ntfy.listen(0, '127.0.0.1'), 'listening')
  onTestFinished(() => void ntfy.close())
  const { port } = ntfy.address() as AddressInfo
  return openServing({
    config: {
      databases: { shop: { path: 'shop.db', backupDir: 'backups' } },
      targets: {
        there: { kind: 'local', path: temporaryDirectory() },
        missing: { kind: 'local', path: 'elsewhere' },
      },
      notify: { channels: { ops: { kind: 'ntfy', url: `http://127.0.0.1:${port}`, topic: 'backups' } } },
    },
  })
}

/** A cell of every form. */
const CELLS =
  "SELECT 1, 9007199254740993, 1.5, 1.0, 9e999, NULL, 'x', CAST(x'ff' AS TEXT), x'00', printf('%9999d', 1)"

test('every operation of the document answers with each success that it tells of', async () => {
  const serving = await openWhole()
  const { ask, done, url, tokens } = serving
  const range = { headers: { range: 'bytes=0-9' } }
  const readings = async (paths: readonly string[]): Promise<void> => {
    for (const path of paths) expect([path, (await ask('GET', path)).status]).toEqual([path, 200])
  }
  await readings(['/healthz', '/readyz', '/api/v1/session', '/api/v1/databases', SHOP, `${SHOP}/history`])
  await ask('POST', '/api/v1/session', { body: { token: tokens.admin }, as: null })
  await ask('DELETE', '/api/v1/session')

  const filename = await backUp(serving)
  const backup = `${SHOP}/backups/${filename}`
  await readings([`${SHOP}/backups`, backup, `${backup}/content`, `${backup}/tables`])
  await readings([`${backup}/tables/users/rows`])
  await ask('GET', `${backup}/content`, range)
  await ask('PUT', `${backup}/pin`, { body: { reason: 'x' } })
  await ask('DELETE', `${backup}/pin`)
  await ask('POST', `${backup}/query`, { body: { sql: CELLS } })
  await done(`${backup}/verify`)
  await done(`${backup}/drill`)
  await done(`${SHOP}/compare`, { from: null, to: filename })
  const planned = await done(`${backup}/restore-plan`, { check: 'full' })
  const { plan } = planned.result as { plan: string }
  const restored = await done(`${backup}/restore`, { plan, confirm: 'shop', check: 'none' })
  expect(restored.status).toBe('succeeded')
  await uploaded(serving, join(serving.backupDir, 'manual', filename))
  await ask('DELETE', `${backup}?confirm=${filename}`)

  await done(`${SHOP}/exports`)
  await done(`${SHOP}/scan`)
  await readings([`${SHOP}/exports`])
  const [made] = (await ask('GET', `${SHOP}/exports`)).body.exports as { name: string }[]
  await readings([`${SHOP}/exports/${made?.name}/content`])
  await ask('GET', `${SHOP}/exports/${made?.name}/content`, range)
  await ask('DELETE', `${SHOP}/exports/${made?.name}`)

  await readings([`${SHOP}/retention`, '/api/v1/schedule', '/api/v1/notifications', '/api/v1/targets'])
  const policy = { daily: { keepLast: 3 } }
  const seen = (await ask('POST', `${SHOP}/cleanup-plan`, { body: { policy } })).body
  await ask('PUT', `${SHOP}/retention`, { body: { policy, plan: seen.plan } })
  await ask('POST', `${SHOP}/retention/simulate`, { body: { span: '10d' } })
  const cleanup = (await ask('POST', `${SHOP}/cleanup-plan`, { body: {} })).body
  await done(`${SHOP}/cleanup`, { plan: cleanup.plan })
  await ask('PUT', '/api/v1/schedule', { body: { jobs: { weekly: false } } })
  await done('/api/v1/schedule/jobs/daily/run')
  await ask('POST', '/api/v1/notifications/test', { body: {} })
  await done('/api/v1/targets/missing/check')
  const { id } = await done('/api/v1/targets/there/check')
  const compared = await done('/api/v1/audit/verify')
  expect(compared.result).toMatchObject({ anchors: [{ target: 'there' }, { status: 'failed' }] })

  await readings(['/api/v1/jobs', `/api/v1/jobs/${id}`, `/api/v1/jobs/${id}/events`, '/api/v1/settings'])
  await ask('POST', `/api/v1/jobs/${id}/cancel`, { body: {} })
  await readings([
    '/api/v1/metrics',
    '/api/v1/audit',
    '/api/v1/audit/verify',
    '/api/v1/tokens',
    '/api/v1/recovery-sheet',
  ])
  const { token } = (await ask('POST', '/api/v1/tokens', { body: { name: 'a', role: 'viewer' } })).body
  await ask('DELETE', `/api/v1/tokens/${token.id}`)

  const told = (await operationsOf(url)).flatMap(({ name, operation }) =>
    Object.keys(operation.responses)
      .filter(status => status !== 'default')
      .map(status => `${name} ${status}`),
  )
  expect([...serving.answered].filter(name => !name.endsWith('default')).toSorted()).toEqual(told.toSorted())
})

async function uploaded(serving: Serving, path: string): Promise<void> {
  const headers = { 'content-type': 'application/octet-stream' }
  const added = await serving.ask('POST', `${SHOP}/backups/upload`, { headers, body: readFileSync(path) })
  expect(added.status).toBe(201)
}

test('every operation refuses with a problem that the document tells of, and says what it takes', async () => {
  const serving = await openServing()
  const { ask, url } = serving
  const operations = await operationsOf(url)
  for (const { name, method, template, operation } of operations) {
    expect([name, operation.responses['default']]).not.toEqual([name, undefined])
    if (method === 'GET' || method === 'DELETE') continue
    const path = template.replaceAll(/\{\w+\}/g, 'nothing')
    const isUpload = path.endsWith('/upload')
    const types = Object.keys(operation.requestBody?.content ?? {})
    expect([name, types]).toEqual([name, [isUpload ? 'application/octet-stream' : 'application/json']])
    const answers = [
      await ask(method, path, { body: '{}', headers: { 'content-type': 'text/plain' } }),
      ...(isUpload
        ? []
        : [
            await ask(method, path, { body: '{' }),
            await ask(method, path, { body: { nothing: 'known' } }),
            await ask(method, path, { body: ' '.repeat(2 << 20) }),
          ]),
    ]
    expect([name, answers.map(({ body }) => body.code)]).toEqual([
      name,
      isUpload
        ? ['MEDIA_TYPE_UNSUPPORTED']
        : ['MEDIA_TYPE_UNSUPPORTED', 'REQUEST_INVALID', 'REQUEST_INVALID', 'BODY_TOO_LARGE'],
    ])
    const takesKey = operation.parameters?.some(each => each.name === 'idempotency-key') === true
    const isKeyless = method === 'PUT' || ['/api/v1/tokens', '/api/v1/session'].includes(path)
    expect([name, takesKey]).toEqual([name, !isKeyless])
  }
  const refusing = operations.filter(({ method }) => method === 'POST' || method === 'PUT')
  expect([...serving.answered].toSorted()).toEqual(refusing.map(({ name }) => `${name} default`).toSorted())
})

test('where a name in the path is of nothing, every operation says so', async () => {
  const { ask, url } = await openServing()
  for (const { name, method, template } of await operationsOf(url)) {
    const [, last] = [...template.matchAll(/\{(\w+)\}/g)].map(([, each]) => each)
    const first = /\{(\w+)\}/.exec(template)?.[1]
    if (first === undefined || template.endsWith('/upload')) continue
    const path = template
      .replace('{database}', last === 'backup' || last === 'export' ? 'shop' : 'nothing')
      .replace('{job}', template.includes('schedule') ? 'nothing' : 'job_0000000000000000')
      .replace('{token}', '0'.repeat(16))
      .replaceAll(/\{\w+\}/g, 'nothing')
    const bodies: Record<string, object> = {
      restore: { plan: 'x', confirm: 'shop' },
      query: { sql: 'SELECT 1' },
      pin: { reason: 'x' },
      compare: { from: null, to: 'x' },
      retention: { policy: {}, plan: 'x' },
      cleanup: { plan: 'x' },
    }
    const body = bodies[path.split('/').at(-1) ?? ''] ?? {}
    const sent = method === 'GET' || method === 'DELETE' ? {} : { body }
    const { body: answer } = await ask(method, method === 'DELETE' ? `${path}?confirm=x` : path, sent)
    const expected = { backup: 'BACKUP_NOT_FOUND', export: 'EXPORT_NOT_FOUND' }[last ?? '']
    expect([name, answer.code]).toEqual([
      name,
      expected ?? (first === 'database' ? 'DATABASE_NOT_FOUND' : 'NOT_FOUND'),
    ])
  }
})

test('every code there is makes a problem that the document knows, with the status of the code', async () => {
  const { url } = await openServing()
  const { Problem } = (await documentOf(url)).components.schemas
  const asDocumented = z.fromJSONSchema(JSON.parse(JSON.stringify(Problem)))
  for (const [code, { http }] of Object.entries(ERRORS) as [ErrorCode, { http: number }][]) {
    const made = failureProblem({ success: false, code, message: 'x' }, 'urn:uuid:1')
    expect(problem.parse(made)).toMatchObject({ code, status: http })
    expect([code, asDocumented.safeParse(made).success]).toEqual([code, true])
  }
  for (const [code, status] of Object.entries(HTTP_CODES) as [HttpCode, number][]) {
    const made = problemOf(new Refusal(code, 'x'), 'urn:uuid:1')
    expect(problem.parse(made)).toMatchObject({ code, status })
    expect([code, asDocumented.safeParse(made).success]).toEqual([code, true])
  }
})

/** How each of HTTP's own refusals comes about; what is too slow, and headers too large, are in limits.test.ts. */
const PROVOKED: Readonly<
  Record<Exclude<HttpCode, 'REQUEST_TIMEOUT' | 'HEADERS_TOO_LARGE'>, (serving: Serving) => Promise<unknown>>
> = {
  REQUEST_INVALID: ({ ask }) => ask('GET', `${SHOP}/backups?limit=0`),
  UNAUTHENTICATED: ({ ask }) => ask('GET', SHOP, { as: null }),
  FORBIDDEN: ({ ask }) => ask('GET', '/api/v1/tokens', { as: 'viewer' }),
  NOT_FOUND: ({ ask }) => ask('GET', '/api/v1/jobs/job_0000000000000000'),
  PLAN_STALE: ({ ask }) => ask('POST', `${SHOP}/cleanup`, { body: { plan: 'x' } }),
  BODY_TOO_LARGE: ({ ask }) => ask('POST', `${SHOP}/backups`, { body: ' '.repeat(2 << 20) }),
  MEDIA_TYPE_UNSUPPORTED: ({ ask }) =>
    ask('POST', `${SHOP}/backups`, { body: '{}', headers: { 'content-type': 'text/plain' } }),
  RANGE_NOT_SATISFIABLE: async serving =>
    serving.ask('GET', `${SHOP}/backups/${await backUp(serving)}/content`, {
      headers: { range: 'bytes=999999999-' },
    }),
  HOST_NOT_ALLOWED: ({ url }) => askAsHost(url, 'evil.example'),
  async KEY_REUSED({ ask }) {
    const headers = { 'idempotency-key': 'k' }
    await ask('POST', `${SHOP}/retention/simulate`, { body: { span: '1d' }, headers })
    return ask('POST', `${SHOP}/retention/simulate`, { body: { span: '2d' }, headers })
  },
  async TOO_MANY_REQUESTS({ ask }) {
    const headers = { authorization: `Bearer chb_${'0'.repeat(16)}_${'A'.repeat(43)}` }
    for (let i = 0; i < 5; i++) await ask('GET', SHOP, { as: null, headers })
    return ask('GET', SHOP, { as: null, headers })
  },
  UNAVAILABLE({ ask, backupDir }) {
    writeFileSync(join(backupDir, 'server', 'access.json'), '{')
    return ask('GET', SHOP)
  },
}

test('each of HTTP’s own refusals is given for its own reason, with its status', async () => {
  const serving = await openServing()
  for (const [code, provoke] of Object.entries(PROVOKED)) {
    const { status, body } = (await provoke(serving)) as { status: number; body: { code: string } }
    expect([code, status]).toEqual([body.code, HTTP_CODES[code as HttpCode]])
  }
})

function askAsHost(url: string, host: string): Promise<{ status: number; body: unknown }> {
  const { hostname, port } = new URL(url)
  return new Promise((resolve, reject) => {
    request({ hostname, port, path: '/healthz', headers: { host } }, answer => {
      let text = ''
      answer.setEncoding('utf8').on('data', (part: string) => (text += part))
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, body: JSON.parse(text) }))
    })
      .on('error', reject)
      .end()
  })
}
