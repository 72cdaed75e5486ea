/** Every code that the API's document knows: how it comes about over HTTP, or why it cannot, or is tested elsewhere. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import { CatalogLock } from '../../src/catalog/lock.ts'
import { ERRORS, type ErrorCode, generateKeys, generateSigningKey } from '../../src/index.ts'
import { makeApp } from '../../src/server/app.ts'
import type { Service } from '../../src/server/environment.ts'
import type { HttpCode } from '../../src/server/schemas/common.ts'
import type { Job } from '../../src/server/schemas/jobs.ts'
import { succeeded } from '../support/product.ts'
import { temporaryDirectory } from '../support/temporary.ts'
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
const DATABASES = { shop: { path: 'shop.db', backupDir: 'backups' } }
/** Of a backup that there is not. */
const NOTHING = 'shop_backup_manual_20250101_000000.db'

/** The answer itself, or the job that it had begun, at its end. */
type Provoke = (serving: Serving) => Promise<Answer | Job>

function configure({ directory }: Serving, more: object): void {
  const config = JSON.stringify({ databases: DATABASES, ...more })
  writeFileSync(join(directory, 'chame-backup.config.json'), config)
}

function upload({ ask }: Serving, body: Buffer): Promise<Answer> {
  return ask('POST', `${SHOP}/backups/upload`, {
    body,
    headers: { 'content-type': 'application/octet-stream' },
  })
}

/** In an order in which each leaves what the next one needs. */
const PROVOKED = {
  DATABASE_NOT_FOUND: ({ ask }) => ask('GET', '/api/v1/databases/nothing'),
  BACKUP_NOT_FOUND: ({ ask }) => ask('GET', `${SHOP}/backups/${NOTHING}`),
  EXPORT_NOT_FOUND: ({ ask }) => ask('DELETE', `${SHOP}/exports/nothing.json`),
  DELETE_NOT_CONFIRMED: async serving =>
    serving.ask('DELETE', `${SHOP}/backups/${await backUp(serving)}?confirm=x`),
  async BACKUP_PROTECTED({ ask }) {
    const { filename } = (await ask('GET', `${SHOP}/backups/latest`)).body
    return ask('DELETE', `${SHOP}/backups/${filename}?confirm=${filename}`)
  },
  BACKUP_UNSUPPORTED: serving => upload(serving, Buffer.from('no database at all')),
  BACKUP_DAMAGED: serving => upload(serving, readFileSync(serving.databasePath).fill(0xff, 4096)),
  INVALID_ARGUMENT: ({ ask }) => ask('GET', `${SHOP}/backups?target=nothing`),
  CONFIG_INVALID: ({ ask }) => ask('POST', '/api/v1/notifications/test', { body: {} }),
  async METADATA_INVALID({ ask, backupDir }) {
    const { filename } = (await ask('GET', `${SHOP}/backups/latest`)).body
    const path = join(backupDir, 'metadata', `${filename}.json`)
    const before = readFileSync(path)
    writeFileSync(path, '{')
    const answer = await ask('PUT', `${SHOP}/backups/${filename}/pin`, { body: { reason: 'x' } })
    writeFileSync(path, before)
    return answer
  },
  async CATALOG_LOCKED(serving) {
    configure(serving, { waitForLockMs: 10 })
    const signal = new AbortController().signal
    using _lock = await CatalogLock.acquire(serving.backupDir, { waitMs: 0, signal })
    return await serving.done(`${SHOP}/backups`)
  },
  async DATABASE_LOCKED(serving) {
    const connection = new DatabaseSync(serving.databasePath)
    connection.exec('PRAGMA locking_mode = exclusive; BEGIN EXCLUSIVE; DELETE FROM users')
    try {
      return await serving.done(`${SHOP}/scan`)
    } finally {
      connection.exec('ROLLBACK')
      connection.close()
    }
  },
  async CANCELLED(serving) {
    configure(serving, {})
    const signal = new AbortController().signal
    using _lock = await CatalogLock.acquire(serving.backupDir, { waitMs: 0, signal })
    const { id } = (await serving.ask('POST', `${SHOP}/backups`, { body: {} })).body
    await serving.ask('POST', `/api/v1/jobs/${id}/cancel`, { body: {} })
    return await serving.ended(id)
  },
  TARGET_UNREACHABLE(serving) {
    configure(serving, { targets: { missing: { kind: 'local', path: 'elsewhere' } } })
    return serving.ask('GET', `${SHOP}/backups?target=missing`)
  },
  async BACKUP_UNTRUSTED(serving) {
    const output = join(serving.directory, 'signing.key')
    const { publicKey } = succeeded(await generateSigningKey({ output }))
    configure(serving, { signing: { trusted: [publicKey] } })
    return await serving.done(`${SHOP}/backups/latest/restore-plan`)
  },
  async KEY_REQUIRED(serving) {
    const output = join(temporaryDirectory(), 'key.txt')
    const { recipient } = succeeded(await generateKeys({ output }))
    configure(serving, { encoding: 'zstd+age', encryption: { recipients: [recipient] } })
    return serving.ask('GET', `${SHOP}/backups/${await backUp(serving)}/content?form=database`)
  },
  async KEY_WRONG(serving) {
    const output = join(temporaryDirectory(), 'key.txt')
    const { identityPath } = succeeded(await generateKeys({ output }))
    configure(serving, { encryption: { identities: [{ file: identityPath }] } })
    return serving.ask('GET', `${SHOP}/backups/latest/content?form=database`)
  },
  DATABASE_INVALID(serving) {
    configure(serving, {})
    writeFileSync(serving.databasePath, 'no database')
    return serving.done(`${SHOP}/backups`)
  },
} as const satisfies Partial<Record<ErrorCode, Provoke>>

/** Why the others are not provoked here. */
const NOT_HERE: Readonly<Record<Exclude<ErrorCode, keyof typeof PROVOKED>, string>> = {
  RESTORE_NOT_CONFIRMED:
    'A restore without the database’s name is REQUEST_INVALID before the operation is asked.',
  TARGET_INVALID: 'No request names a file to write to.',
  EXPORT_INVALID: 'No route imports.',
  OBJECT_NOT_FOUND: 'A target’s own; the catalog makes BACKUP_NOT_FOUND of it.',
  SCHEDULER_LOCKED: 'A job is run beside the scheduler that is at work.',
  NOTIFICATION_FAILED: 'In a result of status 200: test/notify.',
  CLEANUP_REFUSED: 'In the state of a scheduled job: test/scheduler.',
  JOB_TIMED_OUT: 'In the state of a scheduled job: test/scheduler.',
  DATABASE_CHANGING: 'A race: test/backup.',
  DATABASE_DAMAGED: 'As in every other job: test/backup.',
  RESTORE_FAILED: 'Needs a disk that fails: test/restore, npm run faults.',
  RESTORE_ROLLED_BACK: 'Needs a disk that fails: test/restore, npm run faults.',
  INSUFFICIENT_SPACE: 'Needs a full disk: test/server/stored-files.',
  PERMISSION_DENIED: 'Needs another user: test/backup, npm run faults.',
  READ_ONLY: 'Needs a disk that is read-only, or a configuration of code: test/server/administration.',
  IO_FAILED: 'Needs a disk that fails: npm run faults.',
  STALLED: 'Needs a disk that hangs: npm run faults.',
  ENGINE_FAILED: 'Needs a process that is killed: test/faults.',
  TARGET_REFUSED: 'Needs a server that refuses: test/off-site.',
  TARGET_FULL: 'Needs a server without room: test/off-site.',
  OBJECT_LOCKED: 'Needs a server that locks: test/off-site.',
  OBJECT_DAMAGED: 'Needs a server that lies: test/off-site.',
  QUERY_TIMED_OUT: 'Takes as long as its limit: test/look.',
  UNEXPECTED: 'A bug: below.',
}

test('every code of an operation comes over HTTP with its status, in the answer or in the job', async () => {
  const serving = await openServing()
  for (const [code, provoke] of Object.entries(PROVOKED) as [ErrorCode, Provoke][]) {
    const answer = await provoke(serving)
    const problem = 'headers' in answer ? answer.body : answer.problem
    expect([code, problem?.code, problem?.status]).toEqual([code, code, ERRORS[code].http])
    if ('headers' in answer) expect(answer.status).toBe(ERRORS[code].http)
  }
  const all = [...Object.keys(PROVOKED), ...Object.keys(NOT_HERE)]
  expect(all.toSorted()).toEqual(Object.keys(ERRORS).toSorted())
})

test('every operation refuses whom it should, and each says so with a problem', async () => {
  const serving = await openServing()
  const { ask, url } = serving
  const operations = await operationsOf(url)
  for (const { name, method, template, operation } of operations) {
    const path = template.replaceAll(/\{(\w+)\}/g, 'nothing')
    const isUpload = path.endsWith('/upload')
    const type = { 'content-type': isUpload ? 'application/octet-stream' : 'application/json' }
    const sent = method === 'GET' ? {} : { body: '{}', headers: type }
    const ranks = { viewer: [], operator: ['viewer'], admin: ['operator', 'viewer'] } as const
    const role = operation['x-role'] as 'public' | keyof typeof ranks
    const expected: HttpCode[] = role === 'public' ? [] : ['UNAUTHENTICATED']
    const answers = role === 'public' ? [] : [await ask(method, path, { ...sent, as: null })]
    for (const lower of role === 'public' ? [] : ranks[role]) {
      expected.push('FORBIDDEN')
      answers.push(await ask(method, path, { ...sent, as: lower }))
    }
    expect([name, answers.map(({ body }) => body.code)]).toEqual([name, expected])
  }
  // What anybody may ask for refuses, too: while the server cannot do its work, or for another site's page.
  await ask('POST', '/api/v1/session', { body: {}, as: null })
  writeFileSync(join(serving.backupDir, 'server', 'access.json'), '{')
  await ask('GET', '/readyz', { as: null })
  const refused = [...serving.answered].filter(each => each.endsWith(' default'))
  const told = operations.map(({ name }) => `${name} default`).filter(each => !NEVER_REFUSED.includes(each))
  expect(refused.toSorted()).toEqual(told.toSorted())
})

/** Answered whatever there is; only as another host it is not: document.test. */
const NEVER_REFUSED: readonly string[] = ['GET /healthz default']

test('of an unforeseen error the answer says only that there was one, and the log which', async () => {
  const logged: string[] = []
  const log = { error: (fields: object) => void logged.push(JSON.stringify(fields)), debug: () => {} }
  // A server that lacks everything else.
  const app = makeApp({ log, rest: { disturb: () => {} } } as unknown as Service, {
    hosts: new Set(['localhost']),
    consoleDirectory: null,
  })
  const answer = await app.request('/readyz', { headers: { host: 'localhost' } })
  const body = (await answer.json()) as object
  expect(body).toMatchObject({ status: 500, code: 'UNEXPECTED', detail: expect.stringMatching(/log/) })
  expect(JSON.stringify(body)).not.toMatch(/TypeError|undefined|\bat /)
  expect(logged).toEqual([expect.stringMatching(/TypeError.*readyz|TypeError.*aborted/)])
  expect(answer.headers.get('content-security-policy')).not.toBe(null)
})

test('an answer with a key that the document does not tell of is not one of the document’s', async () => {
  const { url, ask } = await openServing()
  const answer = await ask('GET', '/healthz')
  const leaking = { ...answer, body: { ...answer.body, path: '/secret' } }
  await expect(holdToDocument(url, 'GET', '/healthz', leaking)).rejects.toThrow(/not as the document says/)
  const wrong = { ...answer, body: { status: 'broken' } }
  await expect(holdToDocument(url, 'GET', '/healthz', wrong)).rejects.toThrow(/not as the document says/)
})

test('the document says of every name in a path what it is, and refers to nothing that it has not', async () => {
  const { url } = await openServing()
  const document = await documentOf(url)
  for (const { name, template, operation } of await operationsOf(url)) {
    const inPath = [...template.matchAll(/\{(\w+)\}/g)].map(([, each = '']) => each)
    const told = (operation.parameters ?? []).filter(each => each.in === 'path')
    expect([name, told.map(each => each.name).toSorted()]).toEqual([name, inPath.toSorted()])
    expect([name, told.every(each => each.required === true)]).toEqual([name, true])
  }
  const references = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)].map(([, each]) => each)
  const known = Object.keys(document.components.schemas).map(each => `#/components/schemas/${each}`)
  expect(references.filter(each => !known.includes(each ?? ''))).toEqual([])
})
