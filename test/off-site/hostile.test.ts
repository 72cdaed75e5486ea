/** What a target holds was perhaps not written by us. */
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { findAtTarget, readTargetCatalog } from '../../src/catalog/target-catalog.ts'
import type { StoredObject, Target } from '../../src/storage/target.ts'
import { madeUp } from '../retention/made-up.ts'
import { failedWith, succeeded } from '../support/product.ts'
import { makeBackups, namesAt, openPlace } from './place.ts'

const SIGNAL = new AbortController().signal
const NAME = 'app_backup_daily_20250627_020000.db'

/** A target that lists and answers whatever it is told to. */
function lying(objects: Readonly<Record<string, string>>, more: Partial<StoredObject> = {}): Target {
  const object = (key: string): StoredObject => ({
    key,
    sizeBytes: Buffer.byteLength(objects[key] ?? ''),
    modified: '2025-06-27T02:00:00.000Z',
    ...more,
  })
  return {
    name: 'far',
    kind: 's3',
    put: () => Promise.reject(new Error('nothing is written here')),
    putIfAbsent: () => Promise.reject(new Error('nothing is written here')),
    async *get(key) {
      yield Buffer.from(objects[key] ?? '')
    },
    head: key => Promise.resolve(Object.hasOwn(objects, key) ? object(key) : null),
    async *list() {
      for (const key of Object.keys(objects)) yield object(key)
    },
    delete: () => Promise.reject(new Error('nothing is deleted here')),
    freeBytes: () => Promise.resolve(null),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
}

const METADATA = JSON.stringify(madeUp('2025-06-27T02:00:00Z').metadata)

test.for([
  'metadata/../../etc/passwd.db.json',
  'metadata/..%2f..%2fapp.db.json',
  'metadata/a/b.db.json',
  'metadata/.db.json',
  'metadata/\0.db.json',
  'metadata/x\\y.db.json',
  `metadata/${'a'.repeat(300)}.db.json`,
  'metadata/notes.txt',
  'elsewhere/app_backup_daily_20250627_020000.db.json',
])('a key that names no backup is not listed: %j', async key => {
  const image = key.replace('metadata/', 'daily/').replace(/\.json$/, '')
  const target = lying({ [key]: METADATA, [image]: 'x'.repeat(100) })
  const catalog = await readTargetCatalog(target, {}, { signal: SIGNAL, cache: null })
  expect(catalog).toMatchObject({ backups: [], marks: [] })
})

test.for(['../../etc', 'metadata', 'targets', 'blocks', 'a/b', '', 'x'.repeat(40)])(
  'metadata that says the type %j lists nothing',
  async type => {
    const text = JSON.stringify({ ...madeUp('2025-06-27T02:00:00Z').metadata, backup_type: type })
    const target = lying({ [`metadata/${NAME}.json`]: text, [`${type}/${NAME}`]: 'x' })
    expect((await readTargetCatalog(target, {}, { signal: SIGNAL, cache: null })).backups).toEqual([])
  },
)

test.for([
  ['no JSON', '{'],
  ['a number', '3'],
  ['other types', '{"file_size": "many"}'],
  ['nothing', ''],
] as const)('metadata that is %s is listed as such, and hides nothing else', async ([, text]) => {
  const other = madeUp('2025-06-26T02:00:00Z')
  const target = lying({
    [`metadata/${NAME}.json`]: text,
    [`daily/${NAME}`]: 'x',
    [`metadata/${other.filename}.json`]: JSON.stringify(other.metadata),
    [`daily/${other.filename}`]: 'x'.repeat(100),
  })
  const { backups } = await readTargetCatalog(target, {}, { signal: SIGNAL, cache: null })
  expect(backups).toMatchObject([
    { filename: NAME, metadataState: 'invalid', metadata: null },
    { filename: other.filename, metadataState: 'ok' },
  ])
})

test('metadata without end is not read to its end', async () => {
  let sent = 0
  const target: Target = {
    ...lying({ [`metadata/${NAME}.json`]: '{}', [`daily/${NAME}`]: 'x' }),
    async *get() {
      for (;;) {
        sent += 1 << 20
        yield Buffer.alloc(1 << 20, ' ')
      }
    },
  }
  const { backups } = await readTargetCatalog(target, {}, { signal: SIGNAL, cache: null })
  expect(backups).toMatchObject([{ metadataState: 'invalid' }])
  expect(sent).toBeLessThan(32 << 20)
  const huge = lying({ [`metadata/${NAME}.json`]: '{}', [`daily/${NAME}`]: 'x' }, { sizeBytes: 1e12 })
  const listed = await readTargetCatalog(huge, {}, { signal: SIGNAL, cache: null })
  expect(listed.backups).toMatchObject([{ metadataState: 'invalid' }])
})

test('an object whose date is none is listed all the same', async () => {
  for (const modified of ['yesterday', null]) {
    const target = lying({ [`metadata/${NAME}.json`]: '{', [`daily/${NAME}`]: 'x' }, { modified })
    const { backups } = await readTargetCatalog(target, {}, { signal: SIGNAL, cache: null })
    expect(backups).toMatchObject([{ created: '1970-01-01T00:00:00.000Z' }])
  }
})

test('the newest is found by few of many, whatever their names say', async () => {
  const many = Array.from({ length: 60 }, (_, index) =>
    madeUp(new Date(Date.parse('2025-04-01T02:00:00Z') + index * 86_400_000).toISOString()),
  )
  // Its clock went an hour back: by its name it is the second newest.
  const newest = madeUp('2025-05-30T03:30:00Z', { metadata: { created_at: '2025-05-30T23:00:00.000Z' } })
  const objects = Object.fromEntries(
    [...many, newest].flatMap(({ filename, metadata }) => [
      [`metadata/${filename}.json`, JSON.stringify(metadata)],
      [`daily/${filename}`, 'x'.repeat(100)],
    ]),
  )
  const read: string[] = []
  const target = lying(objects)
  const counting: Target = {
    ...target,
    get(key, options) {
      read.push(key)
      return target.get(key, options)
    },
  }
  const found = await findAtTarget(counting, 'app', 'latest', { signal: SIGNAL, cache: null })
  expect(found.filename).toBe(newest.filename)
  expect(read.length).toBeLessThan(6)
})

test.for(['../config.json', '/etc/passwd', 'manual/x.db', '..', 'far:../../config.json', '\0'])(
  'a name that is a path finds nothing at a target: %j',
  async wanted => {
    const place = openPlace()
    await makeBackups(place, 1)
    succeeded(await place.database().syncTargets())
    const result = await place.database().deleteBackup(wanted, { target: 'far', confirm: true })
    expect(result).toMatchObject({ success: false })
    expect(['BACKUP_NOT_FOUND', 'INVALID_ARGUMENT']).toContain(result.success || result.code)
  },
)

test("a name that is nobody's is found at no target, and the failure says how to see what there is", async () => {
  const place = openPlace()
  const failure = failedWith(
    'BACKUP_NOT_FOUND',
    await place.database().deleteBackup(NAME, { target: 'far', confirm: true }),
  )
  expect(failure.hint).toContain('list --target far')
  failedWith(
    'BACKUP_NOT_FOUND',
    await place.database().deleteBackup('latest', { target: 'far', confirm: true }),
  )
})

test('links and directories with the names of backups are no backups of a target', async () => {
  const place = openPlace()
  mkdirSync(place.path('far', 'metadata', `${NAME}.json`), { recursive: true })
  mkdirSync(place.path('far', 'daily', NAME), { recursive: true })
  writeFileSync(place.path('far', 'daily', 'readme.txt'), 'hello')
  expect(await namesAt(place, 'far')).toEqual([])
  expect(readdirSync(place.path('far'))).toEqual(['daily', 'metadata'])
})
