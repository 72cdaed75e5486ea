/** What an administrator does around a database: settings in a file that people edit too, and files that are added. */
import { readdirSync, readFileSync, symlinkSync, lstatSync, writeFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Administration, Database } from '../../src/index.ts'
import { buildDatabase, buildLedger } from '../support/databases.ts'
import { backUp, failedWith, protect, succeeded } from '../support/product.ts'
import { temporaryDirectory } from '../support/temporary.ts'

const CONFIG = `{
\t"$schema": "./schema.json",
\t"databases": {
\t\t"shop": { "path": "shop.db", "backupDir": "backups", "retention": { "maxDeletions": 7 } },
\t\t"blog": { "path": "blog.db", "backupDir": "backups" }
\t},
\t"schedule": { "log": { "level": "debug" }, "digest": false }
}`

function configured(
  text: string = CONFIG,
  name = 'chame-backup.config.json',
): { file: string; admin: Administration } {
  const directory = temporaryDirectory()
  const file = join(directory, name)
  writeFileSync(file, text, { mode: 0o640 })
  return { file, admin: new Administration({ config: file }) }
}

test('settings are changed where they stand, and all else stays as it is', async () => {
  const { file, admin } = configured()
  const types = { daily: { keepDaily: 30 } }
  const schedule = { jobs: { daily: { cron: '30 1 * * *' }, weekly: false as const }, graceTime: '30s' }
  expect(succeeded(await admin.editSettings({ retention: { types }, schedule }))).toMatchObject({
    file,
    changed: true,
  })
  const text = readFileSync(file, 'utf8')
  expect(JSON.parse(text)).toEqual({
    $schema: './schema.json',
    databases: {
      shop: { path: 'shop.db', backupDir: 'backups', retention: { maxDeletions: 7, types } },
      blog: { path: 'blog.db', backupDir: 'backups' },
    },
    schedule: { log: { level: 'debug' }, ...schedule },
  })
  expect(text).toMatch(/^\{\n\t"\$schema"/)
  expect(text.endsWith('}')).toBe(true)
  expect(statSync(file).mode & 0o777).toBe(0o640)
  const shown = succeeded(await admin.settings())
  expect(shown.retention).toMatchObject({ policy: { daily: { keepDaily: 30 }, weekly: {} }, maxDeletions: 7 })
  expect(succeeded(await admin.editSettings({ retention: { types }, schedule })).changed).toBe(false)
  expect(readdirSync(join(file, '..'))).not.toContainEqual(expect.stringMatching(/^\.chame-/))
})

test.each([
  ['a policy that keeps nothing', { retention: { types: { daily: {} } } }],
  ['a policy of an unknown type', { retention: { types: { hourly: { keepLast: 1 } } } }],
  ['a job at no time', { schedule: { jobs: { daily: { cron: '99 * * * *' } } } }],
  ['a job of no kind', { schedule: { jobs: { other: { cron: '* * * * *' } } } }],
  ['a key that there is not', { schedule: { nothing: 1 } }],
  ['another database’s job', { schedule: { jobs: { daily: { databases: ['nothing'] } } } }],
])('%s is refused, and nothing is changed', async (_, request) => {
  const { file, admin } = configured()
  failedWith('INVALID_ARGUMENT', await admin.editSettings(request as never))
  expect(readFileSync(file, 'utf8')).toBe(CONFIG)
})

test('a configuration of code is not touched', async () => {
  const { file, admin } = configured('export default { path: "x.db" }', 'chame-backup.config.js')
  expect(succeeded(await admin.settings()).editable).toMatchObject({
    isEditable: false,
    why: expect.stringContaining(file),
  })
  failedWith('READ_ONLY', await admin.editSettings({ schedule: {} }))
  expect(readFileSync(file, 'utf8')).toBe('export default { path: "x.db" }')
})

test('a configuration that is a link stays one', async () => {
  const { file, admin } = configured()
  const link = join(temporaryDirectory(), 'chame-backup.config.json')
  symlinkSync(file, link)
  succeeded(await new Administration({ config: link }).editSettings({ schedule: { digest: '0 7 * * *' } }))
  expect(lstatSync(link).isSymbolicLink()).toBe(true)
  expect(succeeded(await admin.settings()).schedule.configured.digest).toBe('0 7 * * *')
})

test('no secret of a channel is in the settings', async () => {
  const { admin } = configured(
    JSON.stringify({
      notify: {
        channels: {
          ops: { kind: 'slack', url: { env: 'SLACK_URL' } },
          hook: { kind: 'webhook', url: 'https://example.org/secret-path' },
        },
      },
    }),
  )
  const shown = succeeded(await admin.settings())
  expect(shown.channels.map(({ name, kind }) => `${name} ${kind}`)).toEqual(['ops slack', 'hook webhook'])
  expect(JSON.stringify(shown)).not.toMatch(/secret-path|SLACK_URL/)
})

test('a file is added as a backup that can be restored, and stays where it is', async () => {
  const directory = temporaryDirectory()
  const path = join(directory, 'shop.db')
  buildLedger(path)
  const old = join(directory, 'old.db')
  buildDatabase(old, 'CREATE TABLE a (b); INSERT INTO a VALUES (1); PRAGMA user_version = 42', {
    journalMode: 'delete',
  })
  const before = readFileSync(old)
  const added = succeeded(
    await protect(path).addBackup(old, { createdAt: '2020-01-02T03:04:05Z', createdBy: 'me' }),
  )
  expect(added.backup).toMatchObject({
    type: 'manual',
    created: '2020-01-02T03:04:05.000Z',
    databaseVersion: '42',
    description: 'Added from old.db',
    createdBy: 'me',
    metadata: { tables: { a: 1 }, check: 'full' },
  })
  expect(readFileSync(old)).toEqual(before)
  expect(succeeded(await protect(path).verifyBackup(added.backup.path)).status).toBe('intact')
  const copy = join(directory, 'copy.db')
  succeeded(await protect(path).restoreBackup(added.backup.path, { to: copy }))
  expect(statSync(copy).size).toBe(before.length)
})

test.each([
  ['is not there', 'BACKUP_NOT_FOUND', () => {}],
  ['is no database', 'BACKUP_UNSUPPORTED', (path: string) => writeFileSync(path, 'x'.repeat(8192))],
  ['is empty', 'BACKUP_UNSUPPORTED', (path: string) => writeFileSync(path, '')],
  [
    'is damaged',
    'BACKUP_DAMAGED',
    (path: string) => {
      buildLedger(path, { journalMode: 'delete' })
      writeFileSync(path, readFileSync(path).fill(0xff, 4096))
    },
  ],
] as const)('a file that %s is not added', async (_, code, make) => {
  const directory = temporaryDirectory()
  buildLedger(join(directory, 'shop.db'))
  const file = join(directory, 'other.db')
  make(file)
  const database = protect(join(directory, 'shop.db'))
  failedWith(code, await database.addBackup(file))
  expect(await database.listBackups()).toEqual([])
})

test('what administrators do is in the audit log, without secrets', async () => {
  const { file, admin } = configured()
  const { secret, token } = succeeded(await admin.createToken({ name: 'a', role: 'viewer' }))
  succeeded(await admin.revokeToken(token.id))
  failedWith('INVALID_ARGUMENT', await admin.revokeToken(token.id))
  succeeded(await admin.editSettings({ schedule: { graceTime: '10s' } }))
  const { entries } = succeeded(await new Database({ config: file }).auditLog())
  expect(entries.map(({ action, result }) => `${action} ${result}`)).toEqual([
    'settings-edit success',
    'token-revoke INVALID_ARGUMENT',
    'token-revoke success',
    'token-create success',
  ])
  expect(JSON.stringify(entries)).not.toContain(secret.slice(21))
})

test('exports that something else has put there are neither listed nor opened', async () => {
  const directory = temporaryDirectory()
  const path = join(directory, 'shop.db')
  buildLedger(path)
  await backUp(path)
  succeeded(await protect(path).exportData())
  const admin = new Administration({ path, backupDir: join(directory, 'backups') })
  const [made] = succeeded(await admin.listExports()).exports
  const exportsDirectory = join(directory, 'backups', 'exports')
  writeFileSync(join(exportsDirectory, 'notes.txt'), 'mine')
  symlinkSync('/etc/passwd', join(exportsDirectory, 'shop_export_20250101_000000.json'))
  writeFileSync(join(exportsDirectory, 'blog_export_20250101_000000.json'), 'another database’s')
  expect(succeeded(await admin.listExports()).exports).toEqual([made])
  for (const name of [
    'notes.txt',
    'shop_export_20250101_000000.json',
    'blog_export_20250101_000000.json',
    '../../shop.db',
  ]) {
    failedWith('EXPORT_NOT_FOUND', await admin.openExport(name))
    failedWith('EXPORT_NOT_FOUND', await admin.deleteExport(name))
  }
})
