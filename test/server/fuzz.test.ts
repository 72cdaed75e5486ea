/** Every place of every request that the API's document tells of, with what nobody sends who means well. */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { basename, join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { Database } from '../../src/index.ts'
import { openHttpSink } from '../notify/sinks.ts'
import { succeeded } from '../support/product.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { type Attempt, attemptsOn, STRINGS, Turn, type Valid } from './attempts.ts'
import { filesOf } from './files.ts'
import { HOSTILE_ENCODINGS, inPath } from './hostile.ts'
import { ask } from './raw-request.ts'
import {
  type Answer,
  backUp,
  documentOf,
  holdToDocument,
  openServing,
  operationsOf,
  type Serving,
} from './serving.ts'

const SHOP = '/api/v1/databases/shop'
const CANARY = 'CANARY-4711'
/** Thousands of requests, or the whole of them, on a machine that does other things too. */
const PATIENCE_MS = 900_000

interface Fuzzed extends Valid {
  readonly serving: Serving
}

/**
 * A server with a backup, an export and a job, on which no further job begins: two that wait for a target that does not
 * answer have both places. So nothing that is begun here takes longer than its beginning.
 */
async function openFuzzed(): Promise<Fuzzed> {
  const config = {
    databases: { shop: { path: 'shop.db', backupDir: 'backups' } },
    targets: { there: { kind: 'local', path: temporaryDirectory() } },
    notify: { channels: { hook: { kind: 'webhook', url: (await openHttpSink()).url } } },
  }
  const silent = { kind: 's3', endpoint: await openSilent(), bucket: 'aaa', region: 'a', pathStyle: true }
  const keys = { accessKeyId: 'a', secretAccessKey: { file: 'key.txt' } }
  const targets = { ...config.targets, silent: { ...silent, ...keys } }
  const serving = await openServing({ config: { ...config, targets } })
  writeFileSync(join(serving.directory, 'key.txt'), 'secret', { mode: 0o600 })
  for (const place of ['secret.txt', 'backups/secret.txt'])
    writeFileSync(join(serving.directory, place), CANARY)
  const { ask: tell } = serving
  await tell('POST', '/api/v1/targets/silent/check', { body: {} })
  await tell('POST', '/api/v1/targets/silent/check', { body: {} })
  const { id } = (await tell('POST', `${SHOP}/scan`, { body: {} })).body
  await tell('POST', `/api/v1/jobs/${id}/cancel`, { body: {} })
  writeFileSync(join(serving.directory, 'chame-backup.config.json'), JSON.stringify(config))
  const database = new Database({
    config: join(serving.directory, 'chame-backup.config.json'),
    engine: 'here',
  })
  const { filename } = succeeded(await database.createBackup())
  const { exportPath } = succeeded(await database.exportData())
  const names = {
    database: 'shop',
    backup: filename,
    export: basename(exportPath),
    table: 'users',
    job: id,
    target: 'there',
    token: '0'.repeat(16),
  }
  return { serving, names, headers: { authorization: `Bearer ${serving.tokens.admin}` } }
}

/** Something that takes connections and never answers; its address. */
async function openSilent(): Promise<string> {
  const taken = new Set<Socket>()
  const silent = createServer(socket => taken.add(socket.on('error', () => {})))
  await once(silent.listen(0, '127.0.0.1'), 'listening')
  onTestFinished(() => {
    for (const socket of taken) socket.destroy()
    silent.close()
  })
  return `http://127.0.0.1:${(silent.address() as AddressInfo).port}`
}

/** Tries one; what it began is called off again. */
async function attempt(
  { serving: { url }, headers }: Fuzzed,
  { place, ...request }: Attempt,
): Promise<Answer> {
  const answer = await ask(url, request)
  const what = `${request.method} ${request.path.slice(0, 200)}, ${place}: ${request.body?.slice(0, 200) ?? ''}`
  // As a server reads it: with ".." in it, it is another path.
  const { pathname } = new URL(url + request.path)
  if (request.method !== 'HEAD') await holdToDocument(url, request.method, pathname, answer)
  expect([what, answer.status < 500]).toEqual([what, true])
  expect([what, LEAKED.exec(answer.text)]).toEqual([what, null])
  if (answer.status === 202) {
    const cancel = { method: 'POST', path: `/api/v1/jobs/${answer.body.id}/cancel`, body: '{}' }
    await ask(url, { ...cancel, headers: { ...headers, 'content-type': 'application/json' } })
  }
  return answer
}

/** A stack trace, or what is in a file that nobody may have. */
const LEAKED = new RegExp(`\\n\\s+at |node:internal|\\.[jt]s:\\d+|${CANARY}|root:x:0`)

/** The content of every file, but what the API may change: configuration, tokens, metadata and audit log. */
function contentOf(directory: string): Readonly<Record<string, string>> {
  const kept = filesOf(directory).filter(
    path => !/config\.json$|\/(?:server|metadata)\/|audit|\.lock|shop\.db-/.test(path),
  )
  return Object.fromEntries(
    kept.map(path => [path, createHash('sha256').update(readFileSync(path)).digest('hex')]),
  )
}

/** What there was is as it was; what is new is in the backup directory, as of a job that could not be called off in time. */
function expectUntouched({ directory, backupDir }: Serving, before: Readonly<Record<string, string>>): void {
  const after = Object.entries(contentOf(directory))
  const known = after.filter(([file]) => Object.hasOwn(before, file) || !file.startsWith(backupDir))
  expect(Object.fromEntries(known)).toEqual(before)
}

test(
  '8: nothing hostile at any place of any request fails the server, or leads anywhere but to an answer',
  async () => {
    const fuzzed = await openFuzzed()
    const { serving, headers } = fuzzed
    const before = contentOf(serving.directory)
    const { schemas } = (await documentOf(serving.url)).components
    const turn = new Turn()
    const reached = new Set<string>()
    const answers = new Map<string, number>()
    const operations = await operationsOf(serving.url)
    for (const described of operations) {
      for (const each of attemptsOn(described, fuzzed, { schemas, turn })) {
        const answer = await attempt(fuzzed, each)
        const said = answer.body?.code ?? String(answer.status)
        answers.set(said, (answers.get(said) ?? 0) + 1)
        reached.add(`${described.name} ${each.place}`)
      }
    }
    // What is not reached any more would not show otherwise.
    const places = operations.flatMap(({ name, operation: { parameters = [], requestBody } }) => [
      ...parameters.map(each => `${name} ${each.in} ${each.name}`),
      ...(requestBody?.content['application/json'] === undefined ? [] : [`${name} body`]),
    ])
    expect(places.filter(place => !reached.has(place))).toEqual([])
    expect(answers.values().reduce((sum, each) => sum + each)).toBeGreaterThan(1800)
    // Refused for many reasons, and deep inside too; what is only strange, and not wrong, is answered.
    expect([...answers.keys()]).toEqual(expect.arrayContaining(DEEP))

    expectUntouched(serving, before)
    const audit = await ask(serving.url, { method: 'GET', path: '/api/v1/audit/verify', headers })
    expect(audit.body.status).toBe('intact')
    expect(Object.getOwnPropertyNames(Object.prototype)).not.toContain('polluted')
  },
  PATIENCE_MS,
)

const DEEP = ['200', '201', '202', 'BACKUP_NOT_FOUND', 'EXPORT_NOT_FOUND', 'INVALID_ARGUMENT', 'PLAN_STALE']

/** What stands around a request; none of it is in the document. */
const HOSTILE_HEADERS: readonly Readonly<Record<string, string>>[] = [
  { authorization: 'Bearer' },
  { authorization: `Bearer chb_${'0'.repeat(16)}_../../etc/passwd` },
  { authorization: 'Basic YTpi' },
  { cookie: 'chame-backup=../../x; __Host-chame-backup=%00; =; ;;' },
  { range: 'bytes=-1,0-,9-1' },
  { range: `bytes=${'9'.repeat(30)}-` },
  { 'if-range': '"', 'if-none-match': '*', 'if-modified-since': 'never' },
  { 'content-type': 'application/json; charset=utf-7' },
  { 'content-encoding': 'gzip' },
  { accept: 'text/html', 'accept-language': 'x'.repeat(500) },
  { 'x-http-method-override': 'DELETE', 'x-original-url': '/api/v1/tokens', 'x-forwarded-for': '127.0.0.1' },
  { 'last-event-id': '-1' },
  { expect: '200-ok' },
  { origin: 'null' },
]
const OTHER_METHODS = ['PATCH', 'OPTIONS', 'TRACE', 'PROPFIND', 'PUT', 'POST', 'DELETE', 'HEAD']
const HOSTILE_QUERIES = [
  '?__proto__[x]=1&constructor=1',
  '?%',
  '??&&==;',
  '?limit=1&limit=2',
  '#x',
  '?confirm=%00',
]

test('8: neither do strange headers, queries, bodies or methods, on any route', async () => {
  const serving = await openServing()
  const headers = { authorization: `Bearer ${serving.tokens.admin}` }
  const fuzzed = { serving, names: {}, headers }
  const before = contentOf(serving.directory)
  const turn = new Turn()
  const document = await documentOf(serving.url)
  for (const { method, template } of await operationsOf(serving.url)) {
    const path = template.replaceAll(/\{(\w+)\}/g, 'nothing')
    const body = method === 'GET' ? {} : { body: '{' }
    for (const more of turn.some(HOSTILE_HEADERS, 5)) {
      const sent = { 'content-type': 'application/json', ...headers, ...more }
      await attempt(fuzzed, { place: JSON.stringify(more), method, path, headers: sent, ...body })
    }
    for (const query of turn.some(HOSTILE_QUERIES, 2))
      await attempt(fuzzed, { place: query, method, path: path + query, headers, ...body })
    for (const other of turn.some(OTHER_METHODS, 3)) {
      if (other.toLowerCase() in (document.paths[template] ?? {})) continue
      const answer = await attempt(fuzzed, { place: other, method: other, path, headers })
      if (other !== 'HEAD') expect([other, path, answer.status]).toEqual([other, path, 404])
    }
  }
  expectUntouched(serving, before)
})

test('8: no address of a page leads to a file but those of the console and the reference', async () => {
  const serving = await openServing()
  writeFileSync(join(serving.directory, 'secret.txt'), CANARY)
  // Where the console is built, every address of no file shows its page, for it to say that there is no such thing.
  const pages = [await serving.ask('GET', '/'), await serving.ask('GET', '/api/reference')]
  const known = pages.filter(({ status }) => status === 200).map(({ text }) => text)
  for (const written of [...STRINGS.flatMap(inPath), ...HOSTILE_ENCODINGS]) {
    for (const path of [`/${written}`, `/api/reference/${written}`]) {
      const { status, text } = await ask(serving.url, { method: 'GET', path })
      expect([path, status]).toEqual([path, expect.toBeOneOf([200, 400, 404, 431])])
      if (status === 200) expect([path, known.includes(text)]).toEqual([path, true])
      else expect([path, LEAKED.exec(text)]).toEqual([path, null])
    }
  }
})

/** Begun for real, as what they are told becomes names of tables, of files and in statements only then. */
const DEEP_ORDERS: readonly (readonly [path: string, body: object])[] = [
  ['backups', { type: '../../x' }],
  ['backups', { type: '__proto__', description: STRINGS.join('\n').slice(0, 10_000) }],
  ['exports', { format: 'csv', tables: STRINGS.map(each => each.slice(0, 1000)) }],
  ['exports', { format: 'csv', exclude: STRINGS.map(each => each.slice(0, 1000)) }],
  ['exports', { format: 'sql', redact: { 'users.password': 'mask', '../../x': 'omit' } }],
  ['exports', { format: 'json', redact: { '__proto__.constructor': 'hash', 'users.constructor': 'fake' } }],
  ['compare', { from: null, to: 'latest', table: "users'; DROP TABLE users; --" }],
  ['compare', { from: null, to: 'latest', table: '__proto__', offset: 9_007_199_254_740_991 }],
]

test(
  '8: what is begun with hostile orders fails as not valid, and writes nowhere else',
  async () => {
    const serving = await openServing()
    const outside = contentOf(serving.directory)
    await backUp(serving)
    for (const [path, body] of DEEP_ORDERS) {
      const job = await serving.done(`${SHOP}/${path}`, body)
      expect([path, job.problem?.code]).toEqual([path, 'INVALID_ARGUMENT'])
    }
    const backups = join(serving.directory, 'backups', '/')
    const after = Object.entries(contentOf(serving.directory)).filter(([file]) => !file.startsWith(backups))
    expect(Object.fromEntries(after)).toEqual(outside)
    const names = Object.keys(contentOf(serving.backupDir)).map(file => file.slice(backups.length))
    const grammar = /^(?:(?:manual|metadata)\/shop_backup_manual_|exports\/shop_export_)[\w.]+$/
    expect(names.filter(name => !grammar.test(name))).toEqual([])
  },
  PATIENCE_MS,
)
