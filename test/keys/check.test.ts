import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { proveKey, publicKeyOf } from '../../src/encoding/prove-key.ts'
import { BackupError, generateKeys } from '../../src/index.ts'
import { flipByte, leftoversIn } from '../restore/scene.ts'
import { failedWith, succeeded } from '../support/product.ts'
import { openPlace, packsBelow } from './place.ts'

test.each(['zstd+age', 'blocks'] as const)(
  'a key is proven by decrypting the newest backup, here and at a target (%s)',
  async encoding => {
    const place = openPlace()
    const recipient = await place.key('key.txt')
    place.encryptTo([recipient], { encoding })
    const { filename, metadata } = succeeded(await place.database().createBackup())
    for (const at of [{}, { target: 'far' }]) {
      const checked = succeeded(await place.database().checkKeys({ identity: place.path('key.txt'), ...at }))
      expect(checked).toMatchObject({
        status: 'proven',
        keys: [{ kind: 'identity', recipient, opens: 1 }],
        recipients: [{ recipient, isProven: true }],
        newest: { filename, target: at.target ?? null, openedBy: [0], problem: null },
        unencrypted: 0,
        proof: { filename, imageBytes: metadata.image_size, problems: [] },
      })
      expect(checked.warnings).toEqual([expect.stringContaining('single key')])
    }
    expect(leftoversIn(place.path())).toEqual([])
  },
)

test('pages of an empty database prove no key', async () => {
  const place = openPlace()
  place.encryptTo([await place.key('key.txt')], { encoding: 'blocks' })
  await place.key('other.txt')
  writeFileSync(place.databasePath, '')
  succeeded(await place.database().createBackup())
  for (const name of ['other.txt', 'key.txt'])
    failedWith('BACKUP_NOT_FOUND', await place.database().checkKeys({ identity: place.path(name) }))
})

test('of several keys each is tried by itself, and recipients whose identity is not there stay unproven', async () => {
  const place = openPlace()
  const [one, two, three] = [
    await place.key('one.txt'),
    await place.key('two.txt'),
    await place.key('three.txt'),
  ]
  place.encryptTo([one])
  succeeded(await place.database().createBackup())
  place.encryptTo([one, two, three, two])
  const { filename } = succeeded(await place.database().createBackup())
  const both = place.path('both.txt')
  const texts = ['one.txt', 'two.txt', 'one.txt'].map(name => readFileSync(place.path(name), 'utf8'))
  writeFileSync(both, texts.join(''))
  const checked = succeeded(await place.database().checkKeys({ identity: both }))
  expect(checked).toMatchObject({
    status: 'proven',
    keys: [
      { recipient: one, opens: 2 },
      { recipient: two, opens: 1 },
    ],
    recipients: [
      { recipient: one, isProven: true },
      { recipient: two, isProven: true },
      { recipient: three, isProven: false },
    ],
    backups: [{ filename, openedBy: [0, 1] }, { openedBy: [0] }],
    warnings: [],
  })
})

test('after a change of keys the new one alone is incomplete, and the old one does not open the newest', async () => {
  const place = openPlace()
  place.encryptTo([await place.key('old.txt')])
  const old = succeeded(await place.database().createBackup())
  place.encryptTo([await place.key('new.txt')])
  succeeded(await place.database().createBackup({ encoding: 'blocks' }))
  expect(succeeded(await place.database().checkKeys({ identity: place.path('new.txt') }))).toMatchObject({
    status: 'incomplete',
    backups: [{ openedBy: [0] }, { filename: old.filename, openedBy: [], problem: null }],
    proof: { problems: [] },
  })
  expect(succeeded(await place.database().checkKeys({ identity: place.path('old.txt') }))).toMatchObject({
    status: 'failed',
    backups: [{ openedBy: [] }, { openedBy: [0] }],
    recipients: [{ isProven: false }],
    proof: null,
  })
})

test('a key that opens a backup does not prove one that is damaged', async () => {
  const place = openPlace()
  place.encryptTo([await place.key('key.txt')])
  const request = { identity: place.path('key.txt') }
  const { backupPath } = succeeded(await place.database().createBackup())
  flipByte(backupPath, readFileSync(backupPath).length - 10)
  const damaged = succeeded(await place.database().checkKeys(request))
  expect(damaged).toMatchObject({
    status: 'failed',
    keys: [{ opens: 1 }],
    recipients: [{ isProven: false }],
    proof: {
      imageBytes: 0,
      problems: expect.arrayContaining([expect.objectContaining({ code: 'CHECKSUM_DIFFERS' })]),
    },
  })
  writeFileSync(backupPath, 'age-encryption.org/v1\n')
  expect(succeeded(await place.database().checkKeys(request))).toMatchObject({
    status: 'failed',
    newest: { openedBy: [], problem: expect.stringContaining('age header') },
    proof: null,
  })
})

test('a header that somebody altered opens with no key, and the backup is said to be damaged', async () => {
  const place = openPlace()
  place.encryptTo([await place.key('key.txt')])
  const { backupPath } = succeeded(await place.database().createBackup())
  flipByte(backupPath, readFileSync(backupPath).indexOf('\n--- ') + 10)
  const checked = succeeded(await place.database().checkKeys({ identity: place.path('key.txt') }))
  expect(checked).toMatchObject({ status: 'failed', newest: { openedBy: [] }, proof: null })
  expect(checked.newest.problem).toContain('header')
})

test('without any key there is nothing to try, and it is said how to name one', async () => {
  const place = openPlace()
  place.encryptTo([await place.key('key.txt')])
  succeeded(await place.database().createBackup())
  expect(failedWith('KEY_REQUIRED', await place.database().checkKeys()).hint).toContain('--identity')
})

test('where a pack or a list of pages is lost, nobody can tell whether a key opens the backup', async () => {
  const place = openPlace()
  place.encryptTo([await place.key('key.txt')], { encoding: 'blocks' })
  const request = { identity: place.path('key.txt') }
  const { backupPath } = succeeded(await place.database().createBackup())
  for (const [at, directory] of [
    [{}, 'backups'],
    [{ target: 'far' }, 'far'],
  ] as const) {
    for (const pack of packsBelow(place, directory)) rmSync(pack)
    const { status, newest } = succeeded(await place.database().checkKeys({ ...request, ...at }))
    expect([status, newest.openedBy]).toEqual(['failed', []])
    expect(newest.problem).toContain('.pack')
    expect(newest.problem).toContain('missing')
  }
  flipByte(backupPath, 20)
  expect(succeeded(await place.database().checkKeys(request)).newest.problem).toContain('checksum')
})

test('backups that are not encrypted are counted, and are nothing to try a key on', async () => {
  const place = openPlace()
  place.encryptTo([await place.key('key.txt')])
  const request = { identity: place.path('key.txt') }
  const none = failedWith('BACKUP_NOT_FOUND', await place.database().checkKeys(request))
  expect(none.hint).toContain('encryption.recipients')
  for (const encoding of ['plain', 'zstd'] as const)
    succeeded(await place.database().createBackup({ encoding, copy: false }))
  const plain = failedWith('BACKUP_NOT_FOUND', await place.database().checkKeys(request))
  expect(plain.message).toContain('2 there are not encrypted')
  const far = failedWith('BACKUP_NOT_FOUND', await place.database().checkKeys({ ...request, target: 'far' }))
  expect(far.message).toContain('at the target far')
  succeeded(await place.database().createBackup())
  expect(succeeded(await place.database().checkKeys(request))).toMatchObject({
    status: 'proven',
    unencrypted: 2,
  })
})

test('pages that are not encrypted are no backup to try a key on', async () => {
  const place = openPlace()
  await place.key('key.txt')
  place.configure({ encoding: 'blocks', timeZone: 'UTC' })
  succeeded(await place.database().createBackup())
  failedWith('BACKUP_NOT_FOUND', await place.database().checkKeys({ identity: place.path('key.txt') }))
})

test('keys of the configuration are tried where none is named, and none of them where one is', async () => {
  const place = openPlace()
  const recipient = await place.key('key.txt')
  await place.key('other.txt')
  place.encryptTo([recipient])
  succeeded(await place.database().createBackup())
  failedWith('KEY_REQUIRED', await place.database().checkKeys())
  place.encryptTo([recipient], {
    encryption: { recipients: [recipient], identities: [{ file: 'key.txt' }] },
  })
  expect(succeeded(await place.database().checkKeys()).status).toBe('proven')
  const other = await place.database().checkKeys({ identity: place.path('other.txt') })
  expect(succeeded(other)).toMatchObject({ status: 'failed', keys: [{ opens: 0 }] })
  failedWith('KEY_REQUIRED', await place.database().checkKeys({ identity: place.path('nowhere.txt') }))
})

test.each(['zstd+age', 'blocks'] as const)(
  'a passphrase from a drawer is tried, too (%s)',
  async encoding => {
    const place = openPlace()
    writeFileSync(place.path('passphrase'), 'correct horse\n')
    place.encryptTo([], { encoding, encryption: { passphrase: { file: 'passphrase' } } })
    succeeded(await place.database().createBackup())
    expect(succeeded(await place.database().checkKeys())).toMatchObject({
      status: 'proven',
      keys: [{ kind: 'passphrase', recipient: null, opens: 1 }],
      recipients: [],
    })
    writeFileSync(place.path('drawer'), 'correct horse')
    writeFileSync(place.path('wrong'), 'incorrect horse')
    const [right, wrong] = [{ passphraseFile: place.path('drawer') }, { passphraseFile: place.path('wrong') }]
    expect(succeeded(await place.database().checkKeys(right)).status).toBe('proven')
    expect(succeeded(await place.database().checkKeys(wrong))).toMatchObject({
      status: 'failed',
      proof: null,
    })
  },
)

test('what a restore has put aside is not what a key is proven on', async () => {
  const place = openPlace()
  place.encryptTo([await place.key('key.txt')])
  const identity = place.path('key.txt')
  const { filename } = succeeded(await place.database().createBackup())
  succeeded(await place.database().restoreBackup('latest', { confirm: true, identity }))
  const checked = succeeded(await place.database().checkKeys({ identity }))
  expect(checked.backups).toHaveLength(2)
  expect(checked.newest.filename).toBe(filename)
  rmSync(join(place.backupDir, 'manual', filename))
  expect(succeeded(await place.database().checkKeys({ identity })).newest.filename).toContain('pre_restore')
})

test('a key is tried as soon as it is made, as it is on the disk', async () => {
  const place = openPlace()
  const recipient = await place.key('key.txt')
  await proveKey(recipient, place.path('key.txt'))
  const { identity } = succeeded(await generateKeys())
  const [secret = ''] = /AGE-SECRET-KEY-\w+/.exec(identity ?? '') ?? []
  const another = await publicKeyOf(secret)
  const failed = await proveKey(another, place.path('key.txt')).catch((error: unknown) => error)
  expect(failed).toBeInstanceOf(BackupError)
  expect(failed).toMatchObject({ code: 'KEY_WRONG' })
})

test('a machine without any key lists, verifies, deletes and cleans up, and gives nothing of the content away', async () => {
  const place = openPlace()
  place.encryptTo([await place.key('key.txt')])
  const { filename } = succeeded(await place.database().createBackup())
  const { filename: second } = succeeded(await place.database().createBackup())
  const machine = place.database()
  expect(await machine.listBackups()).toHaveLength(2)
  expect(succeeded(await machine.verifyBackup(filename))).toMatchObject({
    status: 'intact',
    lookedAt: 'stored-file',
    checksumCompared: true,
  })
  succeeded(await machine.cleanupOldBackups())
  for (const attempt of [
    machine.restoreBackup(filename, { to: place.path('out.db') }),
    machine.lookInside(filename),
    machine.exportData({ from: filename }),
    machine.compareBackups(filename),
    machine.drillBackup({ backup: filename }),
  ])
    failedWith('KEY_REQUIRED', await attempt)
  succeeded(await machine.deleteBackup(second, { confirm: true }))
})
