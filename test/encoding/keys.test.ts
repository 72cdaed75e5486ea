import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { Database, generateKeys } from '../../src/index.ts'
import { failedWith, succeeded } from '../support/product.ts'
import { testWith, run } from '../support/requirements.ts'
import { expectCommit, flipByte, leftoversIn } from '../restore/scene.ts'
import { filesBelow } from '../support/temporary.ts'
import { COMMITS, newest, openPlace } from './place.ts'

test('without a key an encrypted backup is verified as it is stored, and the answer says so', async () => {
  const place = await openPlace()
  const database = place.product({ encoding: 'zstd+age' })
  succeeded(await database.createBackup())
  const verified = succeeded(await database.verifyBackup('latest', { record: true }))
  expect(verified).toMatchObject({
    status: 'intact',
    lookedAt: 'stored-file',
    check: 'none',
    checksumCompared: true,
    recorded: true,
  })
  flipByte((await newest(database)).path, 3000)
  expect(succeeded(await database.verifyBackup('latest'))).toMatchObject({
    status: 'damaged',
    problems: [{ code: 'CHECKSUM_DIFFERS' }],
  })
})

test('without a key nothing that needs the content is done, and nothing is changed', async () => {
  const place = await openPlace()
  const database = place.product({ encoding: 'zstd+age' })
  succeeded(await database.createBackup())
  const before = filesBelow(place.directory)
  for (const attempt of [
    database.restoreBackup('latest', { confirm: true }),
    database.drillBackup(),
    database.exportData({ from: 'latest' }),
    database.convertBackups({ encoding: 'plain', backups: ['latest'] }),
  ]) {
    const { message, hint } = failedWith('KEY_REQUIRED', await attempt)
    expect(message).toContain(place.backupDir)
    expect(hint).toContain('--identity')
  }
  expectCommit(place.databasePath, COMMITS)
  expect(filesBelow(place.directory).filter(name => !name.includes('pre_restore'))).toEqual(before)
})

test('the key of another is refused as such, and a changed file as damaged, whatever key is tried', async () => {
  const place = await openPlace()
  const database = place.product({ encoding: 'zstd+age' })
  succeeded(await database.createBackup())
  const other = place.path('other.txt')
  succeeded(await generateKeys({ output: other }))
  const to = place.path('to.db')
  failedWith('KEY_WRONG', await database.restoreBackup('latest', { to, identity: other }))
  failedWith('KEY_WRONG', await database.verifyBackup('latest', { identity: other }))
  flipByte((await newest(database)).path, 60)
  failedWith('BACKUP_DAMAGED', await database.restoreBackup('latest', { to, identity: other }))
  failedWith('BACKUP_DAMAGED', await database.restoreBackup('latest', { to, identity: place.identity }))
  expect(leftoversIn(place.directory)).toEqual([])
})

test('each of several recipients opens it, so one key can be lost', async () => {
  const place = await openPlace()
  const second = succeeded(await generateKeys({ output: place.path('second.txt') }))
  const recipients = [place.recipient, second.recipient]
  succeeded(await place.product({ encoding: 'zstd+age', encryption: { recipients } }).createBackup())
  for (const identity of [place.identity, place.path('second.txt')]) {
    const verified = succeeded(await place.product().verifyBackup('latest', { identity }))
    expect(verified).toMatchObject({ status: 'intact', lookedAt: 'image' })
  }
})

test('identities that the configuration names open it, from a file or the environment', async () => {
  const place = await openPlace()
  succeeded(await place.product({ encoding: 'zstd+age' }).createBackup())
  for (const where of [{ file: 'key.txt' }, { env: 'CHAME_TEST_IDENTITY' }]) {
    process.env['CHAME_TEST_IDENTITY'] = readFileSync(place.identity, 'utf8')
    try {
      const reader = place.product({ encryption: { identities: [where] } }, { engine: 'here' })
      expect(succeeded(await reader.verifyBackup('latest')).lookedAt).toBe('image')
    } finally {
      delete process.env['CHAME_TEST_IDENTITY']
    }
  }
  const missing = place.product({ encryption: { identities: [{ file: 'nowhere.txt' }] } })
  const { message } = failedWith('KEY_REQUIRED', await missing.verifyBackup('latest'))
  expect(message).toContain('nowhere.txt')
})

test('a passphrase alone encrypts and opens it', async () => {
  const place = await openPlace()
  writeFileSync(place.path('passphrase'), 'correct horse battery staple\n')
  const encryption = { passphrase: { file: 'passphrase' } }
  const database = place.product({ encoding: 'zstd+age', encryption })
  succeeded(await database.createBackup())
  expect(succeeded(await database.verifyBackup('latest')).lookedAt).toBe('image')
  writeFileSync(place.path('passphrase'), 'another\n')
  expect(failedWith('KEY_WRONG', await database.verifyBackup('latest')).hint).toContain('passphrase')
})

test.each([
  ['nobody to encrypt to', {}, 'keys generate'],
  ['what is no key', { recipients: ['age1nonsense'] }, 'age-keygen'],
  ['a key with a letter changed', { recipients: [`${'age1'.padEnd(61, 'q')}p`] }, 'age-keygen'],
  ['a post-quantum key', { recipients: [`age1pq1${'q'.repeat(100)}`] }, 'post-quantum'],
  [
    'a plugin’s key',
    { recipients: ['age1yubikey1qwt50d05nh5vutpdzmlg5wn80xq5negm4uj9ghv0snvdd3yysf5yw3rhl3t'] },
    'plugin',
  ],
  ['an SSH key', { recipients: ['ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIN'] }, 'SSH'],
  ['a secret key in place of its public one', { recipients: ['AGE-SECRET-KEY-1QQQ'] }, 'secret'],
])('%s is refused before anything is done', async (_, encryption, says) => {
  const place = await openPlace()
  const failure = failedWith(
    'CONFIG_INVALID',
    await place.product({ encoding: 'zstd+age', encryption }).createBackup(),
  )
  expect(`${failure.message} ${failure.hint}`).toContain(says)
  expect(filesBelow(place.backupDir)).toEqual([])
})

test('recipients and a passphrase cannot be had together', async () => {
  const place = await openPlace()
  const encryption = { recipients: [place.recipient], passphrase: { env: 'X' } }
  failedWith('CONFIG_INVALID', await place.product({ encryption }).createBackup())
})

test.each([
  ['an encrypted identity', 'age-encryption.org/v1\n-> scrypt x', 'encrypted itself'],
  ['something else', 'hello', 'something else'],
  ['nothing but comments', '# nothing\n', 'no identity'],
  ['a plugin’s identity', 'AGE-PLUGIN-YUBIKEY-1QQQ', 'plugin'],
])('an identity file with %s is refused, and none of it is quoted', async (_, content, says) => {
  const place = await openPlace()
  succeeded(await place.product({ encoding: 'zstd+age' }).createBackup())
  writeFileSync(place.path('bad.txt'), content)
  const failure = failedWith(
    'KEY_REQUIRED',
    await place.product().verifyBackup('latest', { identity: place.path('bad.txt') }),
  )
  expect(failure.message).toContain(says)
  expect(failure.message).not.toContain('hello')
})

test('a new key is its owner’s alone, and nothing is overwritten by it', async () => {
  const place = await openPlace()
  const output = place.path('new.txt')
  const made = succeeded(await generateKeys({ output }))
  expect(made).toEqual({ success: true, recipient: made.recipient, identityPath: output, identity: null })
  expect(statSync(output).mode & 0o777).toBe(0o600)
  const text = readFileSync(output, 'utf8')
  expect(text).toMatch(/^# created: \S+\n# public key: age1\w{58}\nAGE-SECRET-KEY-1\w{58}\n$/)
  failedWith('TARGET_INVALID', await generateKeys({ output }))
  expect(readFileSync(output, 'utf8')).toBe(text)
})

testWith(['age-keygen'], 'a new key is one that age-keygen reads', async () => {
  const place = await openPlace()
  expect(run('age-keygen', ['-y', place.identity]).trim()).toBe(place.recipient)
})

test('no secret key is in what a failure says, or in the settings that an operation is given', async () => {
  const place = await openPlace()
  succeeded(await place.product({ encoding: 'zstd+age' }).createBackup())
  const other = new Database({ path: place.databasePath, backupDir: place.backupDir })
  const secret = readFileSync(place.identity, 'utf8').split('\n').at(-2) as string
  flipByte((await newest(other)).path, 60)
  const failure = failedWith(
    'BACKUP_DAMAGED',
    await other.restoreBackup('latest', { to: place.path('to.db'), identity: place.identity }),
  )
  expect(JSON.stringify(failure)).not.toContain(secret.slice(15, 40))
})

test('damage that was found with the key is not forgotten by a look without it', async () => {
  const place = await openPlace()
  const database = place.product({ encoding: 'zstd+age' })
  const { filename } = succeeded(await database.createBackup())
  const path = place.path('backups', 'metadata', `${filename}.json`)
  const metadata = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>
  const damaged_at = new Date().toISOString()
  writeFileSync(path, JSON.stringify({ ...metadata, verified_at: null, damaged_at }))
  const verified = succeeded(await database.verifyBackup('latest', { record: true }))
  expect(verified).toMatchObject({ status: 'intact', lookedAt: 'stored-file', recorded: false })
  expect((await newest(database)).metadata).toMatchObject({ verified_at: null, damaged_at })
})

test('a key that is written nowhere is given back, to be kept by who asked for it', async () => {
  const { identity, identityPath, recipient } = succeeded(await generateKeys())
  expect(identityPath).toBeNull()
  expect(identity).toContain(`# public key: ${recipient}`)
  expect(identity).toMatch(/^AGE-SECRET-KEY-1/m)
})

test('without a key nobody vouches for an encrypted backup that was never checked', async () => {
  const place = await openPlace()
  const database = place.product({ encoding: 'zstd+age' }, { engine: 'here' })
  const { filename, metadata } = succeeded(await database.createBackup({ check: 'none' }))
  const { check: _, ...unchecked } = metadata
  writeFileSync(join(place.backupDir, 'metadata', `${filename}.json`), JSON.stringify(unchecked))
  const verified = succeeded(await database.verifyBackup('latest', { record: true }))
  expect(verified).toMatchObject({ status: 'intact', lookedAt: 'stored-file', recorded: false })
})

test('a key in the environment is the one that is there now', async () => {
  const place = await openPlace()
  const variable = 'CHAME_TEST_IDENTITY'
  const encryption = { recipients: [place.recipient], identities: [{ env: variable }] }
  const database = place.product({ encoding: 'zstd+age', encryption }, { engine: 'process' })
  onTestFinished(() => void delete process.env[variable])
  delete process.env[variable]
  succeeded(await database.createBackup())
  failedWith('KEY_REQUIRED', await database.verifyBackup('latest'))
  process.env[variable] = readFileSync(place.identity, 'utf8')
  expect(succeeded(await database.verifyBackup('latest'))).toMatchObject({ lookedAt: 'image' })
  delete process.env[variable]
  failedWith('KEY_REQUIRED', await database.verifyBackup('latest'))
})
