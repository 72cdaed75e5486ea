/** Who signs what, and what becomes of a signature as a backup grows old. */
import { generateKeyPairSync } from 'node:crypto'
import { copyFileSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type Config, Database, generateKeys, generateSigningKey } from '../../src/index.ts'
import { assertIntact } from '../support/intact.ts'
import { failedWith, succeeded } from '../support/product.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { local, readJson } from '../off-site/place.ts'
import { forgetSigning, openSigned, readStored, writeStored } from './place.ts'

test('whatever is made is signed, and stays so whatever is noted of it later', async () => {
  const place = await openSigned(['far'])
  const database = place.database()
  const created = succeeded(await database.createBackup())
  expect(created.metadata).toMatchObject({ schema: 1, signature: { by: place.publicKey } })
  copyFileSync(created.backupPath, place.path('copy.db'))
  const added = succeeded(await database.addBackup(place.path('copy.db'), { backupType: 'weekly' }))
  const restored = succeeded(await database.restoreBackup(created.filename, { confirm: true }))
  expect(restored).toMatchObject({ preRestoreBackup: { signature: 'valid' } })
  const wanted = { backups: [added.backup.filename], encoding: 'zstd' } as const
  const [converted] = succeeded(await database.convertBackups(wanted)).converted
  expect(converted?.backup).toMatchObject({ encoding: 'zstd', signature: 'valid' })
  expect(converted?.backup.metadata?.signature).not.toEqual(added.backup.metadata?.signature)
  // What these change of the metadata is not what is signed.
  const pinned = succeeded(await database.pinBackup(created.filename, { reason: 'audit' }))
  succeeded(await database.verifyBackup(created.filename, { record: true }))
  const drilled = succeeded(await database.drillBackup({ backup: created.filename }))
  succeeded(await database.syncTargets())
  expect([added.backup, pinned.backup, drilled.backup].map(({ signature }) => signature)).toEqual(
    Array.from({ length: 3 }, () => 'valid'),
  )
  for (const [request, count] of [
    [{}, 3],
    [{ target: 'far' }, 3],
  ] as const) {
    const listed = await database.listBackups(request)
    expect(listed.map(({ signature }) => signature)).toEqual(Array.from({ length: count }, () => 'valid'))
  }
  const there = succeeded(await database.pinBackup(created.filename, { reason: 'audit', target: 'far' }))
  expect(there.backup).toMatchObject({ target: 'far', signature: 'valid' })
  expect(succeeded(await database.info()).backups.untrusted).toBe(0)
})

test.for(['zstd', 'blocks'] as const)('a backup stored as %s is signed as it is stored', async encoding => {
  const place = await openSigned(['far'], { encoding })
  const { filename } = succeeded(await place.database().createBackup())
  const verified = succeeded(await place.database().verifyBackup(filename, { target: 'far' }))
  expect(verified).toMatchObject({ status: 'intact', backup: { encoding, signature: 'valid' } })
  succeeded(await place.database().restoreBackup('latest', { target: 'far', to: place.path('to.db') }))
  assertIntact(place.path('to.db'))
})

test('a backup that is kept at targets alone is signed on its way there', async () => {
  const place = await openSigned(['far', 'farther'], { keepLocal: false })
  const { metadata } = succeeded(await place.database().createBackup())
  expect(metadata.signature?.by).toBe(place.publicKey)
  for (const target of ['far', 'farther'])
    expect(await place.database().listBackups({ target })).toMatchObject([{ signature: 'valid' }])
  succeeded(await place.database().restoreBackup('latest', { to: place.path('to.db') }))
})

test('a copy that got another number at a target, as the name was taken, is signed all the same', async () => {
  const place = await openSigned(['far'])
  const { filename } = succeeded(await place.database().createBackup({ copy: false }))
  const taken = readStored(place.backupDir, filename)
  for (const directory of ['manual', 'metadata']) mkdirSync(place.path('far', directory))
  writeStored(place.path('far'), { ...taken, metadata: { ...taken.metadata, database: 'other' } })
  succeeded(await place.database().syncTargets())
  const names = (await place.database().listBackups({ target: 'far' })).map(
    ({ filename: name, signature }) => `${name === filename ? 'taken' : 'numbered'} ${signature}`,
  )
  expect(names.toSorted()).toEqual(['numbered valid', 'taken wrong'])
})

test('a bare machine with the public key alone restores from a target', async () => {
  const place = await openSigned(['far'])
  succeeded(await place.database().createBackup())
  const bare = temporaryDirectory()
  const config: Config = {
    targets: { far: local(place.path('far')) },
    signing: { trusted: [place.publicKey] },
  }
  writeFileSync(join(bare, 'config.json'), JSON.stringify(config))
  const database = new Database({
    path: join(bare, 'app.db'),
    backupDir: join(bare, 'backups'),
    config: join(bare, 'config.json'),
    engine: 'here',
  })
  const order = { target: 'far', to: join(bare, 'app.db') }
  expect(succeeded(await database.restoreBackup('latest', order)).backup.signature).toBe('valid')
  assertIntact(join(bare, 'app.db'))
  // What it makes itself nobody signs.
  succeeded(await database.createBackup({ copy: false }))
  expect(await database.listBackups()).toMatchObject([{ signature: 'missing' }])
})

test('without a word about signatures in the configuration nobody signs, looks or asks', async () => {
  const place = await openSigned()
  const { filename } = succeeded(await place.database().createBackup())
  forgetSigning(place)
  const { metadata } = succeeded(await place.database().createBackup({ backupType: 'daily' }))
  expect(metadata).not.toHaveProperty('signature')
  for (const { signature } of await place.database().listBackups()) expect(signature).toBeNull()
  expect(succeeded(await place.database().info()).backups.untrusted).toBeNull()
  const drilled = succeeded(await place.database().drillBackup({ backup: filename }))
  expect(drilled.checks.map(({ name }) => name)).not.toContain('signature')
  succeeded(await place.database().restoreBackup(filename, { to: place.path('to.db') }))
  // Of a converted backup the old signature would be wrong.
  succeeded(await place.database().convertBackups({ backups: [filename], encoding: 'zstd' }))
  const converted = readJson(place.path('backups', 'metadata', `${filename}.zst.json`))
  expect(converted).not.toHaveProperty('signature')
})

test('backups from before are signed by converting them, once somebody vouches for them', async () => {
  const place = await openSigned()
  forgetSigning(place)
  const { filename } = succeeded(await place.database().createBackup())
  place.reconfigure({ signing: place.signing })
  const wanted = { backups: [filename], encoding: 'zstd' } as const
  failedWith('BACKUP_UNTRUSTED', await place.database().convertBackups(wanted))
  const accepted = { ...wanted, acceptUnsigned: true }
  const [done] = succeeded(await place.database().convertBackups(accepted)).converted
  expect(done?.backup.signature).toBe('valid')
  // One whose metadata does not say enough cannot be signed.
  const { metadata, bytes } = readStored(place.backupDir, `${filename}.zst`)
  const { database: _, signature: _signature, ...less } = metadata
  writeStored(place.backupDir, { filename: `${filename}.zst`, metadata: less, bytes })
  const again = { backups: [`${filename}.zst`], encoding: 'plain', acceptUnsigned: true } as const
  const [left] = succeeded(await place.database().convertBackups(again)).converted
  expect(left?.backup).toMatchObject({ signature: 'missing' })
  expect(left?.backup.metadata).not.toHaveProperty('signature')
})

test('a machine that has no key to sign with converts nothing that is signed', async () => {
  const place = await openSigned()
  succeeded(await place.database().createBackup())
  place.reconfigure({ signing: { trusted: [place.publicKey] } })
  const order = { encoding: 'zstd' } as const
  expect(failedWith('CONFIG_INVALID', await place.database().convertBackups(order)).message).toContain(
    'signatures',
  )
  expect(await place.database().listBackups()).toMatchObject([{ encoding: 'plain', signature: 'valid' }])
})

test('a key is its owner’s alone, and nothing is overwritten by it', async () => {
  const output = join(temporaryDirectory(), 'signing.key')
  const made = succeeded(await generateSigningKey({ output }))
  expect(made).toEqual({ success: true, publicKey: made.publicKey, keyPath: output, key: null })
  expect(statSync(output).mode & 0o777).toBe(0o600)
  const text = readFileSync(output, 'utf8')
  failedWith('TARGET_INVALID', await generateSigningKey({ output }))
  expect(readFileSync(output, 'utf8')).toBe(text)
  expect(succeeded(await generateSigningKey())).toMatchObject({
    keyPath: null,
    key: expect.stringContaining('BEGIN PRIVATE KEY') as string,
  })
})

const RSA = generateKeyPairSync('rsa', {
  modulusLength: 2048,
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  publicKeyEncoding: { type: 'spki', format: 'pem' },
}).privateKey

test.for([
  ['that is not there', null, 'cannot be read'],
  ['that is empty', '', 'empty'],
  ['that is something else', 'hello, world', 'PKCS #8'],
  ['that is a public one', '-----BEGIN PUBLIC KEY-----\nMCow', 'public key'],
  ['that is encrypted', '-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIGb', 'encrypted'],
  ['of another kind', RSA, 'Ed25519'],
  ['that decrypts backups', 'AGE', 'PKCS #8'],
  ['that the configuration does not trust', 'OTHER', 'signing.trusted'],
] as const)(
  'a key to sign with %s is refused before anything is made, and not quoted',
  async ([, text, says]) => {
    const place = await openSigned()
    const secret =
      text === 'AGE'
        ? succeeded(await generateKeys()).identity
        : text === 'OTHER'
          ? succeeded(await generateSigningKey()).key
          : text
    const file = secret === null ? 'nowhere.key' : 'bad.key'
    if (secret !== null) writeFileSync(place.path('bad.key'), secret)
    place.reconfigure({ signing: { ...place.signing, key: { file } } })
    const failure = failedWith('CONFIG_INVALID', await place.database().createBackup())
    expect(`${failure.message} ${failure.hint}`).toContain(says)
    for (const line of (secret ?? '').split('\n').filter(each => each.length > 20 && !each.startsWith('#')))
      expect(JSON.stringify(failure)).not.toContain(line)
    failedWith('CONFIG_INVALID', await place.database().addBackup(place.databasePath))
    expect(place.files('backups')).toEqual([])
  },
)

test('a key stands in the environment as well, on one line', async () => {
  const place = await openSigned()
  const pem = readFileSync(place.path('signing.key'), 'utf8')
  place.reconfigure({ signing: { ...place.signing, key: { env: 'CHAME_TEST_SIGNING' } } })
  try {
    for (const text of [pem, pem.split('\n')[1]]) {
      process.env['CHAME_TEST_SIGNING'] = text
      succeeded(await place.database().createBackup())
    }
  } finally {
    delete process.env['CHAME_TEST_SIGNING']
  }
  const listed = await place.database().listBackups()
  expect(listed.map(({ signature }) => signature)).toEqual(['valid', 'valid'])
})

test.for([
  ['age1qyqszqgpqyqszqgpqyqszqgpqyqszqgpqyqszqgpqyqszqgpqyqs3290gq'],
  ['MCowBQYDK2VwAyEA'],
  [`MCowBQYDK2VwAyEA${'A'.repeat(42)}B=`],
  [''],
])('%j is no public key, and the configuration is refused', async ([text = '']) => {
  const place = await openSigned()
  place.reconfigure({ signing: { trusted: [text] } })
  const { message } = failedWith('CONFIG_INVALID', await place.database().createBackup())
  expect(message).toContain('keys generate --signing')
})
