/**
 * Every place of every request that the API's document tells of, with what nobody sends who means well. Always the same
 * requests: what is random in them has a seed.
 */
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
import { filesOf } from './files.ts'
import {
  anyStrings,
  HOSTILE_ENCODINGS,
  HOSTILE_KEYS,
  HOSTILE_NAMES,
  HOSTILE_NUMBERS,
  HOSTILE_TEXTS,
  HOSTILE_VALUES,
  inPath,
  printJson,
} from './hostile.ts'
import { placesIn, type Schemas, validOf } from './json-schema.ts'
import { ask, type RawRequest } from './raw-request.ts'
import {
  type Answer,
  backUp,
  type Described,
  documentOf,
  holdToDocument,
  openServing,
  operationsOf,
  type Serving,
} from './serving.ts'

const SHOP = '/api/v1/databases/shop'
const SEED = 42
const CANARY = 'CANARY-4711'
/** CHAME_FUZZ=whole: everything at every place, in some minutes. */
const IS_WHOLE = process.env['CHAME_FUZZ'] === 'whole'

interface Fuzzed {
  readonly serving: Serving
  /** For each parameter of a path, what is there. */
  readonly names: Readonly<Record<string, string>>
  readonly headers: Readonly<Record<string, string>>
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

/** A request with something hostile at one place. */
interface Attempt extends RawRequest {
  /** Such as "query limit". */
  readonly place: string
}

/** All attempts on an operation. */
function attemptsOn(
  { method, template, operation }: Described,
  { names, headers }: Fuzzed,
  { schemas, turn }: { readonly schemas: Schemas; readonly turn: Turn },
): Attempt[] {
  const isScheduled = template.includes('schedule')
  const valid: Readonly<Record<string, string>> = isScheduled ? { ...names, job: 'daily' } : names
  const [type, content] = Object.entries(operation.requestBody?.content ?? {})[0] ?? []
  const isJson = type === 'application/json'
  const schema = content?.schema ?? {}
  const fine =
    type === undefined ? undefined : isJson ? printJson(validOf(schema, schemas)) : 'no backup at all'
  const { parameters = [] } = operation
  const query = parameters.filter(each => each.in === 'query' && each.required === true)
  const request = (place: string, change: Partial<Parts>): Attempt => {
    const parts = {
      names: valid,
      query: query.map(({ name }) => [name, 'x'] as const),
      headers: {},
      body: fine,
      ...change,
    }
    const path = template.replaceAll(/\{(\w+)\}/g, (_, name: string) => parts.names[name] ?? '')
    const search = parts.query.map(pair => pair.map(encodeURIComponent).join('=')).join('&')
    return {
      place,
      method,
      path: search === '' ? path : `${path}?${search}`,
      headers: { ...headers, ...(type === undefined ? {} : { 'content-type': type }), ...parts.headers },
      ...(parts.body === undefined ? {} : { body: parts.body }),
    }
  }
  const others = (name: string): (readonly [string, string])[] =>
    query.filter(each => each.name !== name).map(each => [each.name, 'x'])
  const inParameters = parameters.flatMap(({ name, in: where }) => {
    const place = `${where} ${name}`
    const strings = turn.some(STRINGS, 6)
    if (where === 'path') {
      const written = [...strings.flatMap(inPath), ...turn.some(HOSTILE_ENCODINGS, 2), '']
      return written.map(each => request(place, { names: { ...valid, [name]: each } }))
    }
    if (where === 'header') {
      const sendable = turn.some(SENDABLE, 6)
      return [...sendable, 'x'.repeat(4096)].map(each => request(place, { headers: { [name]: each } }))
    }
    const keys = turn.some(['[]', '[0]', '[__proto__]', '.x'], 1).map(more => name + more)
    return [
      ...strings.map(each => request(place, { query: [...others(name), [name, each.toWellFormed()]] })),
      request(place, { query: others(name) }),
      request(place, { query: [...others(name), [name, 'x'], [name, '1']] }),
      ...keys.map(key => request(place, { query: [...others(name), [key, '1']] })),
    ]
  })
  if (!isJson) return inParameters
  const body = (place: string, value: unknown): Attempt => request(place, { body: printJson(value) ?? '' })
  const inBody = placesIn(schema, schemas).flatMap(place => {
    const values = [
      undefined,
      ...turn.some(HOSTILE_VALUES, 4),
      ...turn.some(STRINGS, 4),
      turn.some(STRINGS, 9),
    ]
    return values.map(value => body(`body ${place.name}`, place.put(value)))
  })
  const base = validOf(schema, schemas) as object
  return [
    ...inParameters,
    ...inBody,
    ...HOSTILE_VALUES.map(value => body('body', value)),
    ...HOSTILE_KEYS.map(key => body('body', { ...base, [key]: base })),
    ...turn.some(NO_JSON, 3).map(text => request('body', { body: text })),
  ]
}

/** Whatever stands where text is asked for; the last ones are of any characters. */
const STRINGS: readonly string[] = [
  ...HOSTILE_NAMES,
  ...HOSTILE_TEXTS,
  ...HOSTILE_NUMBERS,
  ...anyStrings(SEED, 40),
  HOSTILE_TEXTS.join('').repeat(2000),
]
/** Of those, what may stand in a header at all. */
const SENDABLE = STRINGS.filter(each => /^[\x21-\x7e\xa0-\xff]{1,4096}$/.test(each))
const NO_JSON = ['', '{', 'null,', '\0', '{"a":1,"a":2}', '['.repeat(100_000), '\u{feff}{}']

/** Deals lists out, so many at a time and in turn, so that no place has all of them and each of them comes to some. */
class Turn {
  readonly #next = new Map<readonly unknown[], number>()

  some<Item>(list: readonly Item[], count: number): readonly Item[] {
    if (IS_WHOLE) return list
    const first = this.#next.get(list) ?? 0
    this.#next.set(list, first + count)
    return Array.from({ length: count }, (_, i) => list[(first + i) % list.length] as Item)
  }
}

/** What a request has at each of its places. */
interface Parts {
  readonly names: Readonly<Record<string, string>>
  readonly query: readonly (readonly [string, string])[]
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | undefined
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

/** The content of every file, but what the API may change: the configuration, the tokens, and the audit log. */
function contentOf(directory: string): Readonly<Record<string, string>> {
  const kept = filesOf(directory).filter(
    path => !/config\.json$|\/server\/|audit|\.lock|shop\.db-/.test(path),
  )
  return Object.fromEntries(
    kept.map(path => [path, createHash('sha256').update(readFileSync(path)).digest('hex')]),
  )
}

test('8: nothing hostile at any place of any request fails the server, or leads anywhere but to an answer', async () => {
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
  expect(answers.values().reduce((sum, each) => sum + each)).toBeGreaterThan(2500)
  // Refused for many reasons, and deep inside too; what is only strange, and not wrong, is answered.
  expect([...answers.keys()]).toEqual(expect.arrayContaining(DEEP))

  expect(contentOf(serving.directory)).toEqual(before)
  const audit = await ask(serving.url, { method: 'GET', path: '/api/v1/audit/verify', headers })
  expect(audit.body.status).toBe('intact')
  expect(Object.getOwnPropertyNames(Object.prototype)).not.toContain('polluted')
})

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
  expect(contentOf(serving.directory)).toEqual(before)
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
  ['exports', { format: 'json', redact: JSON.parse('{"__proto__":"hash","users.constructor":"fake"}') }],
  ['compare', { from: null, to: 'latest', table: "users'; DROP TABLE users; --" }],
  ['compare', { from: null, to: 'latest', table: '__proto__', offset: 9_007_199_254_740_991 }],
]

test('8: what is begun with hostile orders fails as not valid, and writes nowhere else', async () => {
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
})
