/** The security checklist of docs/security.md: 10, requests that the server itself sends. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { startServer } from '../../src/server/serve.ts'
import { openHttpSink } from '../notify/sinks.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { placesIn } from './json-schema.ts'
import { documentOf, openServing, operationsOf } from './serving.ts'

const CANARY = 'CANARY-of-the-receiver'

test('10: nothing in a request says where something is sent, or names a file', async () => {
  const { url } = await openServing()
  const { schemas } = (await documentOf(url)).components
  const places = (await operationsOf(url)).flatMap(
    ({ name, operation: { parameters = [], requestBody } }) => [
      ...parameters.map(each => `${name} ${each.name}`),
      ...placesIn(requestBody?.content['application/json']?.schema ?? {}, schemas).map(
        each => `${name} ${each.name}`,
      ),
    ],
  )
  expect(places.length).toBeGreaterThan(150)
  const telling =
    /ur[il]s?$|endpoint|host|address|server|proxy|hook|bucket|smtp|^port$|path|file|dir|command|identit/i
  expect(places.filter(place => telling.test(place.split(/[ /]/).at(-1) ?? ''))).toEqual([])
})

test.each([
  { targets: { evil: { kind: 's3', endpoint: 'https://evil.example', bucket: 'aaa' } } },
  { notify: { channels: { evil: { kind: 'webhook', url: 'https://evil.example' } } } },
  { log: { path: '/etc/passwd' } },
  { jobs: { daily: { url: 'https://evil.example' } } },
])('10: settings that cannot be changed over HTTP are not: %j', async body => {
  const { ask, directory } = await openServing()
  const config = join(directory, 'chame-backup.config.json')
  const before = readFileSync(config, 'utf8')
  expect((await ask('PUT', '/api/v1/schedule', { body })).body.code).toBe('REQUEST_INVALID')
  expect(readFileSync(config, 'utf8')).toBe(before)
})

/** A target at `endpoint`, as a configuration has it. */
function s3At(endpoint: string): object {
  return { kind: 's3', endpoint, bucket: 'aaa', accessKeyId: 'a', secretAccessKey: { file: 'key.txt' } }
}

test.each([301, 307, 403])(
  '10: a server of a target that answers %i leads nowhere else, and what it says is not passed on',
  async status => {
    const elsewhere = await openHttpSink()
    const there = await openHttpSink(response => {
      response.writeHead(status, {
        location: `${elsewhere.url}/latest/meta-data`,
        'x-amz-request-id': CANARY,
      })
      response.end(`<Error><Code>${CANARY}</Code><Message>${CANARY}</Message></Error>`)
    })
    const databases = { shop: { path: 'shop.db', backupDir: 'backups' } }
    const serving = await openServing({ config: { databases, targets: { there: s3At(there.url) } } })
    writeFileSync(join(serving.directory, 'key.txt'), 'secret', { mode: 0o600 })
    const listed = await serving.ask('GET', '/api/v1/databases/shop/backups?target=there')
    const checked = await serving.done('/api/v1/targets/there/check')
    expect(there.received.length).toBeGreaterThan(0)
    expect(elsewhere.received).toEqual([])
    const said = [listed.text, JSON.stringify(checked), (await serving.ask('GET', '/api/v1/targets')).text]
    for (const text of said) expect(text).not.toContain(CANARY)
    expect(listed.body.code).toBeOneOf(['TARGET_REFUSED', 'TARGET_UNREACHABLE'])
  },
)

test('10: nor is what a receiver of notifications says, and its redirects are not followed', async () => {
  const elsewhere = await openHttpSink()
  const there = await openHttpSink(response => {
    response.writeHead(302, { location: `${elsewhere.url}/latest/meta-data` }).end(CANARY)
  })
  const databases = { shop: { path: 'shop.db', backupDir: 'backups' } }
  const notify = { channels: { hook: { kind: 'webhook', url: there.url } } }
  const { ask } = await openServing({ config: { databases, notify } })
  const tested = await ask('POST', '/api/v1/notifications/test', { body: {} })
  expect(tested.body).toMatchObject({ status: 'failed', channels: [{ status: 'failed' }] })
  expect([there.received.length, elsewhere.received]).toEqual([1, []])
  expect(tested.text).not.toContain(CANARY)
})

test.each([
  'http://169.254.169.254',
  'http://2852039166',
  'http://0xa9fea9fe',
  'http://0251.0376.0251.0376',
  'http://[::ffff:169.254.169.254]',
  'http://[fd00:ec2::254]',
  'http://[fe80::1]',
  'http://metadata.google.internal',
  'http://100.100.100.200',
])('10: a target at %s, which hands out credentials to whoever asks, is no configuration', async endpoint => {
  const directory = temporaryDirectory()
  const config = join(directory, 'chame-backup.config.json')
  writeFileSync(config, JSON.stringify({ path: 'shop.db', targets: { there: s3At(endpoint) } }))
  const log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }
  const options = { host: '127.0.0.1', port: 0, socket: null, tls: null, allowedHosts: [], log }
  await expect(startServer({ ...options, database: { config } })).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    message: expect.stringMatching(/plain http/),
  })
})
