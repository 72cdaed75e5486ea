import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism, userInfo } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { configJsonSchema } from '../../src/config/json-schema.ts'
import { loadConfig } from '../../src/config/load.ts'
import type { LoadedConfig } from '../../src/config/load.ts'
import { resolveSettings } from '../../src/config/settings.ts'
import { temporaryDirectory } from '../support/temporary.ts'

type Configured = LoadedConfig['config']

function loaded(config: Configured, directory = '/etc/app'): LoadedConfig {
  return { config, directory, file: join(directory, 'chame-backup.config.json') }
}

test('the published schema is the configuration’s own', () => {
  const published: unknown = JSON.parse(
    readFileSync(new URL('../../schema/config.schema.json', import.meta.url), 'utf8'),
  )
  expect(published).toEqual(configJsonSchema())
})

test('without a file, options or environment the defaults hold', () => {
  const settings = resolveSettings({ config: {}, directory: '/elsewhere', file: null }, {}, {}, '/here')
  expect(settings).toEqual({
    name: 'chame',
    path: '/here/data/chame.db',
    backupDir: '/here/backups',
    check: 'quick',
    keepDamaged: false,
    timeZone: undefined,
    backupTypes: ['manual', 'daily', 'weekly', 'pre_restore'],
    fileMode: 0o600,
    directoryMode: 0o700,
    waitForLockMs: 30_000,
    stallAfterMs: 1_800_000,
    maxBackupAgeMs: null,
    createdBy: userInfo().username,
    storing: {
      encoding: 'plain',
      zstd: { level: 3, threads: Math.min(availableParallelism(), 4) },
      encryption: { recipients: [], passphrase: null, identities: [], directory: '/elsewhere' },
    },
    signing: { key: null, trusted: [], directory: '/elsewhere' },
    exporting: { redact: {}, sensitiveWords: [], notSensitive: [], redactionKey: undefined },
    retention: {
      policy: {
        daily: { keepLast: 7, keepDaily: 7 },
        weekly: { keepLast: 4, keepWeekly: 4 },
        pre_restore: { keepLast: 5, minAge: '7d' },
      },
      maxDeletions: 100,
    },
    targets: {},
    keepLocal: true,
    targetDirectory: '/elsewhere',
    disposable: false,
  })
})

const ENVIRONMENT = {
  CHAME_BACKUP_PATH: 'env.db',
  CHAME_BACKUP_DIR: 'env-backups',
  CHAME_BACKUP_CHECK: 'none',
  CHAME_BACKUP_TIME_ZONE: 'Asia/Tokyo',
}
const CONFIG: Configured = {
  path: 'file.db',
  backupDir: 'file-backups',
  check: 'full',
  timeZone: 'Europe/Berlin',
}

test('the environment wins over the defaults, the file over the environment, options over the file', () => {
  const environment = resolveSettings({ config: {}, directory: '/x', file: null }, {}, ENVIRONMENT, '/here')
  expect(environment).toMatchObject({
    name: 'env',
    path: '/here/env.db',
    backupDir: '/here/env-backups',
    check: 'none',
    timeZone: 'Asia/Tokyo',
  })
  const file = resolveSettings(loaded(CONFIG), {}, ENVIRONMENT, '/here')
  expect(file).toMatchObject({
    name: 'file',
    path: '/etc/app/file.db',
    backupDir: '/etc/app/file-backups',
    check: 'full',
    timeZone: 'Europe/Berlin',
  })
  const options = resolveSettings(
    loaded(CONFIG),
    { path: 'option.db', backupDir: '/abs', timeZone: 'UTC' },
    ENVIRONMENT,
    '/here',
  )
  expect(options).toMatchObject({
    name: 'option',
    path: '/here/option.db',
    backupDir: '/abs',
    check: 'full',
    timeZone: 'UTC',
  })
})

const SEVERAL: Configured = {
  check: 'full',
  backupDir: 'all',
  databases: {
    shop: { path: 'shop.db' },
    blog: { path: '/var/blog.db', backupDir: 'blog-backups', check: 'none', keepDamaged: true },
  },
}

test('of several databases the first is meant, or the default one, or the one that is named', () => {
  const settings = (config: Configured, database?: string, env = {}): { name: string } =>
    resolveSettings(loaded(config), database === undefined ? {} : { database }, env, '/here')
  expect(settings(SEVERAL)).toMatchObject({
    name: 'shop',
    path: '/etc/app/shop.db',
    backupDir: '/etc/app/all',
    check: 'full',
    keepDamaged: false,
  })
  expect(settings({ ...SEVERAL, defaultDatabase: 'blog' }).name).toBe('blog')
  expect(settings({ ...SEVERAL, defaultDatabase: 'blog' }, 'shop').name).toBe('shop')
  expect(settings(SEVERAL, undefined, { CHAME_BACKUP_DATABASE: 'blog' }).name).toBe('blog')
  expect(settings(SEVERAL, 'blog')).toMatchObject({
    name: 'blog',
    path: '/var/blog.db',
    backupDir: '/etc/app/blog-backups',
    check: 'none',
    keepDamaged: true,
  })
})

test('a database that the file does not have is refused, with those that it has', () => {
  for (const name of ['news', 'constructor', '__proto__', 'toString']) {
    expect(() => resolveSettings(loaded(SEVERAL), { database: name }, {}, '/here')).toThrow(
      expect.objectContaining({
        code: 'INVALID_ARGUMENT',
        hint: expect.stringContaining('shop, blog') as unknown,
      }),
    )
  }
})

test('without a list of databases a name names the one there is, if it is a name', () => {
  expect(resolveSettings(loaded({ path: 'x.db' }), { database: 'main' }, {}, '/h')).toMatchObject({
    name: 'main',
    path: '/etc/app/x.db',
  })
  expect(() => resolveSettings(loaded({ path: 'x.db' }), { database: '../x' }, {}, '/h')).toThrow(
    expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
  )
})

test('types and modes of the file are taken', () => {
  const settings = resolveSettings(
    loaded({ backupTypes: ['hourly', 'manual'], fileMode: '0640', directoryMode: '750', waitForLockMs: 0 }),
    {},
    {},
    '/h',
  )
  expect(settings).toMatchObject({
    backupTypes: ['manual', 'daily', 'weekly', 'pre_restore', 'hourly'],
    fileMode: 0o640,
    directoryMode: 0o750,
    waitForLockMs: 0,
  })
})

test('what is said of exports for all and for one database adds up, and the nearer way counts', () => {
  const config: Configured = {
    export: {
      redact: { 'users.email': 'mask', 'users.name': 'fake' },
      sensitiveWords: ['badge'],
      notSensitive: ['a.pin'],
    },
    databases: {
      shop: {
        export: { redact: { 'users.email': 'hash' }, sensitiveWords: ['shoe size'], notSensitive: ['b.pin'] },
      },
      blog: {},
    },
  }
  const exporting = (database: string): unknown =>
    resolveSettings(loaded(config), { database }, {}, '/h').exporting
  expect(exporting('shop')).toEqual({
    redact: { 'users.email': 'hash', 'users.name': 'fake' },
    sensitiveWords: ['badge', 'shoe size'],
    notSensitive: ['a.pin', 'b.pin'],
    redactionKey: undefined,
  })
  expect(exporting('blog')).toEqual({ ...config.export, redactionKey: undefined })
})

test('rules of retention are by type, those of a database replace those of all, and types that the file adds have some too', async () => {
  const config: Configured = {
    backupTypes: ['hourly'],
    retention: { types: { daily: { keepLast: 30 }, hourly: { keepHourly: 48 } }, maxDeletions: 500 },
    databases: { shop: { retention: { types: { daily: { keepWithin: '1y' } }, maxDeletions: 7 } }, blog: {} },
  }
  const directory = temporaryDirectory()
  writeFileSync(join(directory, 'chame-backup.config.json'), JSON.stringify(config))
  const read = await loadConfig(directory)
  const retention = (database: string): unknown => resolveSettings(read, { database }, {}, '/h').retention
  const others = {
    weekly: { keepLast: 4, keepWeekly: 4 },
    pre_restore: { keepLast: 5, minAge: '7d' },
    hourly: { keepHourly: 48 },
  }
  expect(retention('shop')).toEqual({ policy: { ...others, daily: { keepWithin: '1y' } }, maxDeletions: 7 })
  expect(retention('blog')).toEqual({ policy: { ...others, daily: { keepLast: 30 } }, maxDeletions: 500 })
})

test('the key of redacted values comes from the environment, and an empty one is none', () => {
  const keyIn = (environment: Record<string, string>): string | undefined =>
    resolveSettings(loaded({}), {}, environment, '/h').exporting.redactionKey
  expect(keyIn({ CHAME_BACKUP_REDACTION_KEY: 'of ours' })).toBe('of ours')
  expect(keyIn({ CHAME_BACKUP_REDACTION_KEY: '' })).toBeUndefined()
})

test.each([
  ['CHAME_BACKUP_CHECK', 'deep'],
  ['CHAME_BACKUP_TIME_ZONE', 'Mars/Olympus'],
])('%s = %j in the environment is refused, by its name', (key, value) => {
  expect(() =>
    resolveSettings({ config: {}, directory: '/x', file: null }, {}, { [key]: value }, '/h'),
  ).toThrow(
    expect.objectContaining({
      message: expect.stringContaining(key === 'CHAME_BACKUP_TIME_ZONE' ? value : key) as unknown,
    }),
  )
})

test('a variable of the environment that is empty counts as not set', () => {
  const empty = Object.fromEntries(
    ['PATH', 'DIR', 'DATABASE', 'CHECK', 'TIME_ZONE'].map(name => [`CHAME_BACKUP_${name}`, '']),
  )
  const none = { config: {}, directory: '/x', file: null }
  expect(resolveSettings(none, {}, empty, '/h')).toEqual(resolveSettings(none, {}, {}, '/h'))
})

test('the file is found in the working directory, TypeScript before JavaScript before JSON', async () => {
  const directory = temporaryDirectory()
  expect(await loadConfig(directory)).toEqual({ config: {}, directory, file: null })
  writeFileSync(join(directory, 'chame-backup.config.json'), '{"path": "json.db"}')
  expect(await loadConfig(directory)).toMatchObject({ config: { path: 'json.db' }, directory })
  writeFileSync(join(directory, 'chame-backup.config.js'), 'export default { path: "js.db" }')
  expect(await loadConfig(directory)).toMatchObject({ config: { path: 'js.db' } })
  writeFileSync(
    join(directory, 'chame-backup.config.ts'),
    'const path: string = "ts.db"\nexport default { path }',
  )
  expect(await loadConfig(directory)).toMatchObject({
    config: { path: 'ts.db' },
    file: join(directory, 'chame-backup.config.ts'),
  })
})

test('an explicit file is read from where it lies, and its relative paths start there', async () => {
  const directory = temporaryDirectory()
  mkdirSync(join(directory, 'etc'))
  writeFileSync(join(directory, 'etc', 'my.json'), '{"path": "x.db"}')
  const config = await loadConfig(directory, 'etc/my.json')
  expect(config).toMatchObject({ directory: join(directory, 'etc'), file: join(directory, 'etc', 'my.json') })
  expect(resolveSettings(config, {}, {}, '/h').path).toBe(join(directory, 'etc', 'x.db'))
})
