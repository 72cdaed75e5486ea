import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { type Config, Database, type RecoverySheet } from '../../src/index.ts'
import { CLI, cleanEnvironment } from '../cli/run-cli.ts'
import { expectCommit } from '../restore/scene.ts'
import { failedWith, succeeded } from '../support/product.ts'
import { COMMITS, type KeyPlace, openPlace } from './place.ts'

/** What the page says to save as the configuration of a bare machine. */
function configurationOn(text: string): Config {
  const json = /chame-backup\.config\.json:\n(?<json>[^]*?)\n {3}[c-f]\. /.exec(text)?.groups?.['json']
  return JSON.parse(json?.replace(/ +Should .*/, '') ?? '') as Config
}

function commandsOn(text: string, command: string): string[][] {
  const lines = text.matchAll(new RegExp(`^ +npx chame-backup (${command} .*)$`, 'gm'))
  return Array.from(lines, ([, line = '']) => line.split(' '))
}

async function sheetOf(place: KeyPlace): Promise<RecoverySheet & { text: string }> {
  const { config, backupDir } = place
  const database = new Database({ config, backupDir, engine: 'here' })
  const sheet = succeeded(await database.recoverySheet())
  return { ...sheet, text: sheet.text ?? '' }
}

test('what the page says restores on a bare machine from a target alone, and proves the key', async () => {
  const place = openPlace()
  place.encryptTo([await place.key('key.txt'), await place.key('spare.txt')], { path: 'app.db' })
  succeeded(await place.database().createBackup())
  const { text, hasSecret, warnings, databases } = await sheetOf(place)
  expect([hasSecret, warnings, databases]).toEqual([false, [], ['app']])
  const bare = place.path('bare')
  mkdirSync(bare)
  writeFileSync(`${bare}/chame-backup.config.json`, JSON.stringify(configurationOn(text)))
  writeFileSync(`${bare}/key.txt`, readFileSync(place.path('spare.txt')))
  const run = (args: readonly string[]): string =>
    execFileSync(process.execPath, [CLI, ...args], { cwd: bare, env: cleanEnvironment(), encoding: 'utf8' })
  const [restore = [], ...others] = commandsOn(text, 'restore')
  expect(others).toEqual([])
  run(restore)
  expectCommit(`${bare}/app-restored.db`, COMMITS)
  const [check = []] = commandsOn(text, 'keys check')
  expect(run(check)).toContain('Proven')
  const [drill = []] = commandsOn(text, 'drill')
  expect(run(drill)).toContain('passed')
})

test('nothing on the page is secret unless that is asked for', async () => {
  const place = openPlace()
  place.encryptTo([await place.key('key.txt')], {
    path: 'app.db',
    targets: {
      s3: {
        kind: 's3',
        bucket: 'backups',
        prefix: 'chame',
        accessKeyId: 'AKIA',
        secretAccessKey: { env: 'CHAME_S3_SECRET' },
        objectLock: { mode: 'GOVERNANCE', days: 3 },
        appendOnly: true,
        bandwidth: '1MB',
      },
      ssh: { kind: 'sftp', host: 'far.example', user: 'me', path: 'backups', privateKey: { file: 'id' } },
      known: {
        kind: 'sftp',
        host: 'near.example',
        user: 'me',
        path: 'b',
        privateKey: { file: 'id' },
        hostKey: `SHA256:${'A'.repeat(43)}`,
      },
      cloud: {
        kind: 'rclone',
        remote: ':webdav,user=me,pass=hunter2:/x',
        environment: { RCLONE_CONFIG_PASS: { env: 'RCLONE_PASSWORD' } },
      },
      drive: { kind: 'rclone', remote: 'drive:backups' },
      shared: { kind: 'rclone', remote: 'drive,token=hunter3:/y' },
    },
  })
  process.env['CHAME_S3_SECRET'] = 'hunter1'
  try {
    const { text } = await sheetOf(place)
    expect(text).not.toContain('hunter')
    expect(text).not.toContain('SECRET-KEY-1Q')
    expect(text).toContain('s3://backups/chame')
    expect(text).toContain('(append-only)')
    for (const secret of [
      'targets.s3.secretAccessKey: the environment variable CHAME_S3_SECRET',
      'targets.ssh.privateKey: the file id',
      'targets.ssh: what ~/.ssh/known_hosts says of far.example, or its fingerprint as hostKey',
      'targets.cloud.environment.RCLONE_CONFIG_PASS: the environment variable RCLONE_PASSWORD',
      'targets.cloud: the options of the remote',
      'targets.shared: the options of the remote',
      "targets.drive: what rclone's own configuration says",
    ])
      expect(text).toContain(secret)
    expect(text).not.toContain('targets.known:')
    expect(configurationOn(text).targets?.['s3']).toEqual({
      kind: 's3',
      bucket: 'backups',
      prefix: 'chame',
      accessKeyId: 'AKIA',
      secretAccessKey: { env: 'CHAME_S3_SECRET' },
      appendOnly: true,
    })
  } finally {
    delete process.env['CHAME_S3_SECRET']
  }
  const identity = place.path('key.txt')
  const [secret = ''] = /AGE-SECRET-KEY-1\w+/.exec(readFileSync(identity, 'utf8')) ?? []
  const output = place.path('sheet.txt')
  const sheet = succeeded(await place.database().recoverySheet({ identity, output }))
  expect(sheet).toMatchObject({ path: output, text: null, hasSecret: true })
  expect(readFileSync(output, 'utf8')).toContain(`KEY: ${secret}`)
  expect(readFileSync(output, 'utf8')).toContain('THE KEY IS ON THIS PAGE')
  expect(statSync(output).mode & 0o777).toBe(0o600)
  failedWith('TARGET_INVALID', await place.database().recoverySheet({ output }))
  expect(readFileSync(output, 'utf8')).toContain(secret)
})

test('a page about a passphrase says where it is, and has it only where that is asked for', async () => {
  const place = openPlace()
  writeFileSync(place.path('passphrase'), 'correct horse')
  place.encryptTo([], { encryption: { passphrase: { file: 'passphrase' } }, path: 'app.db' })
  const { text } = await sheetOf(place)
  expect(text).toContain('the file passphrase')
  expect(text).not.toContain('correct horse')
  expect(text).not.toContain('--identity')
  expect(configurationOn(text).databases).toEqual({
    app: { path: 'app.db', encryption: { passphrase: { file: 'passphrase' } } },
  })
  const passphraseFile = place.path('passphrase')
  const asked = succeeded(await place.database().recoverySheet({ passphraseFile }))
  expect(asked.text).toContain('PASSPHRASE: correct horse')
  expect(asked.hasSecret).toBe(true)
})

test('one page is about all databases, each with what holds for it, and warns where nothing is off-site', async () => {
  const place = openPlace()
  const [one, two] = [await place.key('one.txt'), await place.key('two.txt')]
  place.configure({
    signing: { trusted: ['MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE='] },
    databases: {
      shop: { path: 'shop.db', encoding: 'zstd+age', encryption: { recipients: [one] } },
      blog: { path: 'blog.db', encoding: 'blocks', encryption: { recipients: [one, two] } },
      wiki: { path: 'wiki.db' },
      chat: { path: 'chat.db', encoding: 'zstd' },
      docs: { path: 'docs.db', encoding: 'blocks' },
    },
  })
  const all = new Database({ config: place.config, engine: 'here' })
  const sheet = succeeded(await all.recoverySheet())
  const text = sheet.text ?? ''
  expect(sheet.databases).toEqual(['shop', 'blog', 'wiki', 'chat', 'docs'])
  expect(sheet.warnings).toEqual([
    expect.stringContaining('single key'),
    expect.stringContaining('no targets'),
  ])
  expect(text).toContain('Backups of shop:')
  expect(text).toContain('Backups of blog:')
  expect(text).toContain('stored as plain, NOT encrypted')
  expect(text).toContain('There is no target')
  expect(text).toContain('node recover.mjs TYPE/NAME.db.blocks blocks restored.db key.txt\n')
  expect(text).toContain('node recover.mjs TYPE/NAME.db.blocks blocks restored.db\n')
  expect(text).toContain('zstd -d NAME.db.zst -o restored.db')
  expect(commandsOn(text, 'restore')).toHaveLength(5)
  expect(configurationOn(text)).toMatchObject({
    backupDir: 'backups',
    signing: { trusted: [expect.stringMatching(/^MCow/)] },
  })
  const only = new Database({ config: place.config, database: 'wiki', engine: 'here' })
  const wiki = succeeded(await only.recoverySheet())
  expect(wiki.databases).toEqual(['wiki'])
  expect(wiki.text).toContain('Everybody: new backups are not encrypted')
})

test('of very many databases the page stays short, and names any of several targets', async () => {
  const place = openPlace()
  const names = Array.from({ length: 25 }, (_, index) => `db${index}`)
  place.configure({
    keepLocal: false,
    databases: Object.fromEntries(names.map(name => [name, { path: `${name}.db` }])),
    targets: { far: { kind: 'local', path: 'far' }, farther: { kind: 'local', path: 'farther' } },
  })
  const all = new Database({ config: place.config, engine: 'here' })
  const { text, warnings } = succeeded(await all.recoverySheet())
  expect(commandsOn(text ?? '', 'restore')).toHaveLength(20)
  expect(text).toContain('and so for 5 more')
  expect(text).toContain('Should far be gone, name another target')
  expect(text).toContain('at the targets alone')
  expect(warnings).toEqual([])
})
