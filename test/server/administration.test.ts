/** What an administrator does around a database: settings in a file that people edit too, and tokens. */
import { lstatSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { Administration, Database, type EditSettingsRequest, type SettingsEdited } from '../../src/index.ts'
import { editSettings } from '../../src/operations/edit-settings.ts'
import { mountLoop, MOUNTS } from '../disks/devices.ts'
import { buildDatabase } from '../support/databases.ts'
import { failedWith, protect, succeeded } from '../support/product.ts'
import { run, testWith } from '../support/requirements.ts'
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
  const schedule = {
    jobs: { daily: { cron: '30 1 * * *' }, weekly: false as const },
    graceTime: '30s',
    maxBackupAge: '36h',
  }
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
  expect(shown.schedule.configured.maxBackupAge).toBe('36h')
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
  ['a list for a schedule', { schedule: [] }],
  ['nothing for a schedule', { schedule: null }],
  ['a number for a schedule', { schedule: 5 }],
  ['a list for what is kept', { retention: [] }],
  ['another database’s job', { schedule: { jobs: { daily: { databases: ['nothing'] } } } }],
])('%s is refused, and nothing is changed', async (_, request) => {
  const { file, admin } = configured()
  failedWith('INVALID_ARGUMENT', await admin.editSettings(request as never))
  expect(readFileSync(file, 'utf8')).toBe(CONFIG)
})

/** What an edit does to a file, where the configuration was loaded before. */
async function edit(
  directory: string,
  file: string | null,
  request: EditSettingsRequest,
): Promise<SettingsEdited> {
  const loaded = { config: {}, directory, file }
  return await editSettings(request, { loaded, database: 'shop' })
}

test('where there is no configuration, one is made, for its owner alone', async () => {
  const directory = temporaryDirectory()
  const retention = { types: { daily: { keepDaily: 30 } } }
  const edited = await edit(directory, null, { retention, schedule: { graceTime: '30s' } })
  const file = join(directory, 'chame-backup.config.json')
  expect(edited).toEqual({ success: true, file, changed: true })
  expect(readFileSync(file, 'utf8')).toBe(
    `${JSON.stringify({ schedule: { graceTime: '30s' }, retention }, null, 2)}\n`,
  )
  expect(statSync(file).mode & 0o777).toBe(0o600)
})

test('what is edited of a database that the file does not name holds for all, and the end of the file stays', async () => {
  const directory = temporaryDirectory()
  const file = join(directory, 'c.json')
  writeFileSync(file, '{"databases": {"blog": {"path": "blog.db"}}, "schedule": {"digest": false}}\n')
  const retention = { types: { daily: { keepDaily: 30 } } }
  await edit(directory, file, { retention })
  const text = readFileSync(file, 'utf8')
  expect(JSON.parse(text)).toEqual({
    databases: { blog: { path: 'blog.db' } },
    schedule: { digest: false },
    retention,
  })
  expect(text.endsWith('}\n')).toBe(true)
})

test.each(['[]', 'null', '{', '"text"'])(
  'a file that has become %s since it was loaded is left as it is',
  async text => {
    const directory = temporaryDirectory()
    const file = join(directory, 'c.json')
    writeFileSync(file, text)
    await expect(edit(directory, file, { schedule: {} })).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
    expect(readFileSync(file, 'utf8')).toBe(text)
  },
)

test('what somebody else saves while settings are edited is not overwritten', async () => {
  const directory = temporaryDirectory()
  const file = join(directory, 'c.json')
  writeFileSync(file, '{}')
  const request: EditSettingsRequest = {
    // Read once the file was: somebody saves it just then.
    get schedule() {
      writeFileSync(file, '{"timeZone": "UTC"}')
      return { graceTime: '30s' }
    },
  }
  await expect(edit(directory, file, request)).rejects.toMatchObject({ code: 'CATALOG_LOCKED' })
  expect(readFileSync(file, 'utf8')).toBe('{"timeZone": "UTC"}')
  expect(readdirSync(directory)).toEqual(['c.json'])
})

test('an edit of what somebody else has changed since is refused', async () => {
  const { file, admin } = configured()
  const { version } = succeeded(await admin.settings()).editable
  expect(succeeded(await admin.settings()).editable.version).toBe(version)
  const theirs = CONFIG.replace('"maxDeletions": 7', '"maxDeletions": 9')
  writeFileSync(file, theirs)
  failedWith('CATALOG_LOCKED', await admin.editSettings({ schedule: { graceTime: '30s' }, version }))
  expect(readFileSync(file, 'utf8')).toBe(theirs)
  const seen = succeeded(await admin.settings()).editable.version
  expect(succeeded(await admin.editSettings({ schedule: { graceTime: '30s' }, version: seen })).changed).toBe(
    true,
  )
})

testWith(
  [...MOUNTS, 'mkfs.ext4', 'chattr'],
  'a configuration whose directory cannot be written to is said to be so, and stays',
  async () => {
    const directory = temporaryDirectory()
    mountLoop(directory, 'ext4', 16)
    const file = join(directory, 'chame-backup.config.json')
    writeFileSync(file, CONFIG)
    run('chattr', ['+i', directory])
    onTestFinished(() => void run('chattr', ['-i', directory]))
    const { editable } = succeeded(await new Administration({ config: file }).settings())
    expect(editable).toMatchObject({ file, isEditable: false, why: expect.stringContaining(directory) })
    await expect(edit(directory, file, { schedule: {} })).rejects.toMatchObject({ code: 'READ_ONLY' })
    expect(readFileSync(file, 'utf8')).toBe(CONFIG)
  },
)

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

test('what is said of a database is the same when its backups are listed already, and when they are not', async () => {
  const path = join(temporaryDirectory(), 'shop.db')
  buildDatabase(path, 'CREATE TABLE users (id INTEGER PRIMARY KEY)')
  const database = protect(path)
  succeeded(await database.createBackup())
  const admin = new Administration({ path, backupDir: join(path, '..', 'backups') })
  for (const isThere of [true, false]) {
    if (!isThere) rmSync(path)
    const listed = succeeded(await admin.info(await database.listBackups()))
    // What passes meanwhile, and how full the disk is.
    const { disk: _, ...info } = succeeded(await database.info())
    const ages = { newestAgeMs: expect.any(Number), lastGoodAgeMs: expect.any(Number) }
    expect(listed).toEqual({ ...info, disk: expect.anything(), backups: { ...info.backups, ...ages } })
    expect([listed.backups.count, listed.database === null]).toEqual([1, !isThere])
  }
})
