import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { configJsonSchema } from '../../src/config/json-schema.ts'
import { loadConfig } from '../../src/config/load.ts'
import { resolveSettings, type Settings, type SettingsOverrides } from '../../src/config/settings.ts'
import { temporaryDirectory } from '../support/temporary.ts'

interface Sources {
  readonly file?: object
  readonly options?: SettingsOverrides
  readonly environment?: Record<string, string>
}

async function settingsOf({
  file,
  options = {},
  environment = {},
}: Sources): Promise<Settings & { readonly in: string }> {
  const directory = temporaryDirectory()
  if (file !== undefined) writeFileSync(join(directory, 'chame-backup.config.json'), JSON.stringify(file))
  const settings = resolveSettings(await loadConfig(directory), options, environment, directory)
  return { ...settings, in: directory }
}

test('without anything said, data/chame.db is backed up to backups, checked quickly, for its owner only', async () => {
  const settings = await settingsOf({})
  expect(settings).toMatchObject({
    name: 'chame',
    path: join(settings.in, 'data/chame.db'),
    backupDir: join(settings.in, 'backups'),
    check: 'quick',
    keepDamaged: false,
    fileMode: 0o600,
    directoryMode: 0o700,
    disposable: false,
  })
})

test('options win over the configuration file, that over the environment, that over the defaults', async () => {
  const environment = { CHAME_BACKUP_PATH: 'env.db', CHAME_BACKUP_DIR: 'env', CHAME_BACKUP_CHECK: 'none' }
  const file = { path: 'file.db', backupDir: 'file' }
  const all = await settingsOf({ options: { path: 'option.db' }, file, environment })
  expect(all).toMatchObject({
    path: join(all.in, 'option.db'),
    backupDir: join(all.in, 'file'),
    check: 'none',
  })
  const two = await settingsOf({ file: { path: 'file.db' }, environment })
  expect(two).toMatchObject({ path: join(two.in, 'file.db'), backupDir: join(two.in, 'env') })
  const one = await settingsOf({ environment })
  expect(one).toMatchObject({ path: join(one.in, 'env.db'), name: 'env' })
})

describe('with several databases', () => {
  const file = {
    backupDir: 'all',
    databases: { chame: { path: 'a.db' }, shop: { path: 'b.db', backupDir: 'own', check: 'full' } },
  }

  test('the first is meant unless one is named', async () => {
    expect((await settingsOf({ file })).name).toBe('chame')
    expect((await settingsOf({ file: { ...file, defaultDatabase: 'shop' } })).name).toBe('shop')
    expect((await settingsOf({ file, environment: { CHAME_BACKUP_DATABASE: 'shop' } })).name).toBe('shop')
  })

  test('each may say its own, and takes the rest from the top', async () => {
    const shop = await settingsOf({ file, options: { database: 'shop' } })
    expect(shop).toMatchObject({
      name: 'shop',
      path: join(shop.in, 'b.db'),
      backupDir: join(shop.in, 'own'),
      check: 'full',
    })
    const chame = await settingsOf({ file, options: { database: 'chame' } })
    expect(chame).toMatchObject({
      path: join(chame.in, 'a.db'),
      backupDir: join(chame.in, 'all'),
      check: 'quick',
    })
  })

  test("a caller's own path is not one of them under another name", async () => {
    expect(await settingsOf({ file, options: { path: 'other.db' } })).toMatchObject({ name: 'other' })
  })

  test.each(['nothing', '__proto__', 'toString', '../x'])(
    '%s is unknown, and the error names those there are',
    async database => {
      await expect(settingsOf({ file, options: { database } })).rejects.toMatchObject({
        code: 'INVALID_ARGUMENT',
        hint: expect.stringContaining('chame, shop'),
      })
    },
  )
})

test.each([
  [{ pth: 'x.db' }, /pth/],
  [{ path: 5 }, /path/],
  [{ check: 'deep' }, /"none".*"quick".*"full"|check/s],
  [{ timeZone: 'Mars/Olympus' }, /IANA time zone/],
  [{ fileMode: '0999' }, /octal mode/],
  [{ backupTypes: ['metadata'] }, /backupTypes/],
  [{ databases: { '../x': { path: 'x.db' } } }, /databases/],
  [{ databases: { shop: { pth: 'x.db' } } }, /pth[^]*shop|shop[^]*pth/],
  [{ waitForLockMs: -1 }, /waitForLockMs/],
])('a configuration with %j is refused, and the error names the key', async (file, message) => {
  await expect(settingsOf({ file })).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    message: expect.stringMatching(message),
  })
})

test.each([
  ['CHAME_BACKUP_CHECK', 'deep', /CHAME_BACKUP_CHECK.*none, quick, full/],
  ['CHAME_BACKUP_TIME_ZONE', 'Mars/Olympus', /Mars\/Olympus.*IANA/],
])(
  'a wrong %s in the environment is refused, and the error says what it should be',
  async (name, value, message) => {
    await expect(settingsOf({ environment: { [name]: value } })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(message),
    })
  },
)

test.each([
  [
    'chame-backup.config.ts',
    "import type { Config } from 'chame-backup'\nexport default { path: 'x.db' } satisfies Config",
  ],
  ['chame-backup.config.js', "export default { path: 'x.db' }"],
  ['chame-backup.config.json', '{ "path": "x.db" }'],
])('%s is found in the working directory', async (name, text) => {
  const directory = temporaryDirectory()
  writeFileSync(join(directory, 'package.json'), '{ "type": "module" }')
  writeFileSync(join(directory, name), text)
  expect(await loadConfig(directory)).toMatchObject({
    config: { path: 'x.db' },
    directory,
    file: join(directory, name),
  })
})

test.each([
  ['missing.json', null, /there is no such file/],
  ['broken.json', '{', /JSON/],
  ['throws.mjs', "throw new Error('no luck')", /no luck/],
  ['nothing.mjs', 'export const x = 1', /no default export/],
])(
  'a configuration file that cannot be read, such as %s, is an error that says why',
  async (name, text, message) => {
    const directory = temporaryDirectory()
    if (text !== null) writeFileSync(join(directory, name), text)
    await expect(loadConfig(directory, name)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(message),
      path: join(directory, name),
    })
  },
)

test('the published JSON schema is that of this version', () => {
  const published: unknown = JSON.parse(
    readFileSync(new URL('../../schema/config.schema.json', import.meta.url), 'utf8'),
  )
  expect(configJsonSchema()).toEqual(published)
})
