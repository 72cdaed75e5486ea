/** What somebody can do who can write where backups are stored, here or at a target, and has not the key. */
import { generateKeyPairSync, sign } from 'node:crypto'
import { cpSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import {
  type Fingerprints,
  readFingerprintFile,
  writeFingerprintFile,
} from '../../src/blocks/fingerprints.ts'
import { UNSEALED } from '../../src/blocks/open-sealing.ts'
import type { BackupCreated, Config, Metadata, SignatureState } from '../../src/index.ts'
import { createBackup } from '../../src/operations/create-backup.ts'
import { signedText } from '../../src/signing/signed-text.ts'
import { openPlace, type Place } from '../off-site/place.ts'
import { buildLedger } from '../support/databases.ts'
import { contentOf } from '../support/intact.ts'
import { contextOf } from '../support/operation.ts'
import { failedWith, succeeded } from '../support/product.ts'
import {
  describing,
  newerFake,
  openSigned,
  readStored,
  type SignedPlace,
  type Stored,
  writeStored,
} from './place.ts'

/** As a door would ask: the backup directory, or a target. */
const PLACES = [
  ['the backup directory', 'backups', {}],
  ['a target', 'far', { target: 'far' }],
] as const

interface Written {
  readonly place: SignedPlace
  readonly root: string
  /** Two backups of the database of different content, and one of another database; all signed by one key. */
  readonly older: Stored
  readonly newer: Stored
  readonly others: Stored
}

async function openWritten(where: 'backups' | 'far'): Promise<Written> {
  const place = await openSigned(['far'])
  const added = { backupType: 'daily', createdAt: '2025-06-27T02:00:00Z' }
  const { backup: first } = succeeded(await place.database().addBackup(place.databasePath, added))
  succeeded(await place.database().syncTargets())
  rmSync(place.databasePath)
  buildLedger(place.databasePath, { commits: 45 })
  const second = succeeded(await place.database().createBackup({ backupType: 'daily' }))
  buildLedger(place.path('shop.db'), { commits: 3 })
  const shop = place.database({ path: place.path('shop.db') })
  const third = succeeded(await shop.createBackup({ backupType: 'daily' }))
  const root = place.path(where)
  const [older, newer, others] = [first, second, third].map(({ filename }) => readStored(root, filename)) as [
    Stored,
    Stored,
    Stored,
  ]
  return { place, root, older, newer, others }
}

/** What is signed with another key, as right as can be. */
function signedByAnother(metadata: Metadata): Metadata {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const value = sign(null, Buffer.from(signedText(metadata) ?? ''), privateKey).toString('base64')
  const by = publicKey.export({ type: 'spki', format: 'der' }).toString('base64')
  return { ...metadata, signature: { by, value } }
}

interface Attack {
  readonly what: string
  readonly stored: (written: Written) => Stored
  readonly state: SignatureState
}

/** Each puts something in the place of the newest backup, or beside it; all of it fits its own metadata. */
const ATTACKS: readonly Attack[] = [
  {
    what: 'an older backup under the name of the newest',
    stored: ({ older, newer }) => ({ ...older, filename: newer.filename }),
    state: 'wrong',
  },
  {
    what: 'a backup of another database under the name of this one’s',
    stored: ({ others, newer }) => ({ ...others, filename: newer.filename }),
    state: 'wrong',
  },
  {
    what: 'a backup of another database that says that it is of this one',
    stored: ({ others, newer }) => ({
      ...others,
      filename: newer.filename,
      metadata: { ...others.metadata, database: 'app', timestamp: newer.metadata.timestamp },
    }),
    state: 'wrong',
  },
  {
    what: 'another content, with a checksum to match',
    stored: ({ newer, others }) => ({
      ...newer,
      bytes: others.bytes,
      metadata: describing(others.bytes, newer.metadata),
    }),
    state: 'wrong',
  },
  {
    what: 'an older backup that says that it is newer',
    stored: ({ older, newer }) => ({
      ...older,
      filename: newer.filename,
      metadata: {
        ...older.metadata,
        timestamp: newer.metadata.timestamp,
        created_at: newer.metadata.created_at,
      },
    }),
    state: 'wrong',
  },
  {
    what: 'a backup among those of another type',
    stored: ({ newer }) => ({
      ...newer,
      filename: newer.filename.replace('_daily_', '_weekly_'),
      metadata: { ...newer.metadata, backup_type: 'weekly', created_at: '2099-01-01T00:00:00.000Z' },
    }),
    state: 'wrong',
  },
  {
    what: 'a backup whose signature is that of another',
    stored: ({ newer, older }) => ({
      ...newer,
      metadata: { ...newer.metadata, signature: older.metadata.signature },
    }),
    state: 'wrong',
  },
  {
    what: 'a signature that is nothing of the kind',
    stored: ({ newer, place }) => ({
      ...newer,
      metadata: { ...newer.metadata, signature: { by: place.publicKey, value: '§' } },
    }),
    state: 'wrong',
  },
  {
    what: 'metadata that lacks what is signed',
    stored: ({ newer }) => {
      const { image_checksum: _, ...less } = newer.metadata
      return { ...newer, metadata: less }
    },
    state: 'wrong',
  },
  {
    what: 'a newer backup without a signature',
    stored: ({ newer, place }) => newerFake(place, newer),
    state: 'missing',
  },
  {
    what: 'a newer backup with the signature of the last one',
    stored: ({ newer, place }) => newerFake(place, newer, { signature: newer.metadata.signature }),
    state: 'wrong',
  },
  {
    what: 'a newer backup that another key has signed',
    stored: ({ newer, place }) => {
      const fake = newerFake(place, newer)
      return { ...fake, metadata: signedByAnother(fake.metadata) }
    },
    state: 'unknown-key',
  },
  {
    what: 'a key that is no key',
    stored: ({ newer }) => ({
      ...newer,
      metadata: { ...newer.metadata, signature: { by: '\u001b[2J', value: '' } },
    }),
    state: 'unknown-key',
  },
]

test.for(PLACES)('nothing that no trusted key has signed is restored from %s', async ([, where, target]) => {
  const written = await openWritten(where)
  const { place, root } = written
  const pristine = place.path('pristine')
  cpSync(root, pristine, { recursive: true })
  const before = contentOf(place.databasePath)
  for (const { what, stored, state } of ATTACKS) {
    const attack = stored(written)
    mkdirSync(join(root, attack.metadata.backup_type), { recursive: true })
    writeStored(root, attack)
    const database = place.database()
    const seen = (await database.listBackups(target)).find(({ filename }) => filename === attack.filename)
    expect([what, seen?.signature]).toEqual([what, state])
    for (const order of [{ confirm: true }, { dryRun: true }, { to: place.path('to.db') }]) {
      const failure = failedWith(
        'BACKUP_UNTRUSTED',
        await database.restoreBackup('latest', { ...order, ...target }),
      )
      expect(failure.message).toContain(attack.filename)
      expect(failure.message).not.toContain('\u001b')
      // A signature that is there and wrong is nothing to be accepted.
      if (state !== 'missing') {
        const accepting = { ...order, ...target, acceptUnsigned: true }
        failedWith('BACKUP_UNTRUSTED', await database.restoreBackup(attack.filename, accepting))
      }
    }
    const verified = succeeded(await database.verifyBackup(attack.filename, target))
    expect(verified.backup.signature).toBe(state)
    expect(contentOf(place.databasePath)).toEqual(before)
    rmSync(root, { recursive: true })
    cpSync(pristine, root, { recursive: true })
  }
  expect(place.files('backups').filter(name => name.includes('pre_restore'))).toEqual([])
  succeeded(await place.database().restoreBackup('latest', { confirm: true, ...target }))
})

test.for(PLACES)(
  'of a newer fake in %s a restore of the latest says which one is the newest of ours, and takes neither',
  async ([, where, target]) => {
    const { place, root, newer } = await openWritten(where)
    writeStored(root, newerFake(place, newer))
    const database = place.database()
    const order = { to: place.path('to.db'), ...target }
    const { hint } = failedWith('BACKUP_UNTRUSTED', await database.restoreBackup('latest', order))
    expect(hint).toContain(newer.filename)
    expect(hint).toContain('--accept-unsigned')
    succeeded(await database.restoreBackup(newer.filename, order))
    expect(contentOf(place.path('to.db'))).toEqual(contentOf(place.databasePath))
    const drilled = succeeded(await database.drillBackup(target))
    expect(drilled).toMatchObject({
      status: 'failed',
      backup: { signature: 'missing' },
      checks: [
        { name: 'signature', status: 'failed' },
        { name: 'stored-file', status: 'skipped' },
        { name: 'restore', status: 'skipped' },
        { name: 'integrity', status: 'skipped' },
        { name: 'row-counts', status: 'skipped' },
      ],
    })
    expect(succeeded(await database.info(target)).backups).toMatchObject({
      untrusted: 1,
      lastGood: { filename: newer.filename },
    })
  },
)

test('where nobody has signed anything yet a restore of the latest names no other', async () => {
  const { place, root, newer, older } = await openWritten('backups')
  for (const { filename, metadata, bytes } of [newer, older]) {
    const { signature: _, ...unsigned } = metadata
    writeStored(root, { filename, metadata: unsigned, bytes })
  }
  const order = { to: place.path('to.db') }
  const { hint } = failedWith('BACKUP_UNTRUSTED', await place.database().restoreBackup('latest', order))
  expect(hint).not.toContain('newest one')
  // Whoever knows where it comes from takes it all the same, and proves that it can be restored.
  const accepting = { acceptUnsigned: true }
  succeeded(await place.database().restoreBackup('latest', { ...order, ...accepting }))
  const drilled = succeeded(await place.database().drillBackup(accepting))
  expect(drilled).toMatchObject({
    status: 'passed',
    checks: [{ name: 'signature', status: 'skipped' }, {}, {}, {}, {}],
  })
})

test('a changed file is damaged, whatever its signature says: that is of the metadata', async () => {
  const { place, root, newer } = await openWritten('backups')
  writeStored(root, { ...newer, bytes: newer.bytes.with(5000, (newer.bytes[5000] ?? 0) ^ 1) as Buffer })
  expect(await place.database().listBackups({ limit: 1 })).toMatchObject([{ signature: 'valid' }])
  failedWith('BACKUP_DAMAGED', await place.database().restoreBackup('latest', { to: place.path('to.db') }))
  const drilled = succeeded(await place.database().drillBackup())
  expect(drilled.checks.map(({ name, status }) => `${name} ${status}`).slice(0, 3)).toEqual([
    'signature passed',
    'stored-file failed',
    'restore skipped',
  ])
})

test('a backup that was deleted and is put there again is what it was, and not the latest', async () => {
  const { place, root, older, newer } = await openWritten('backups')
  succeeded(await place.database().deleteBackup(older.filename, { confirm: true }))
  writeStored(root, older)
  // No signature can show that there was more, or that this one was to be gone.
  const listed = await place.database().listBackups()
  expect(listed.map(({ filename, signature }) => [filename, signature])).toEqual([
    [newer.filename, 'valid'],
    [older.filename, 'valid'],
  ])
  const restored = await place.database().restoreBackup('latest', { to: place.path('to.db') })
  expect(succeeded(restored).backup.filename).toBe(newer.filename)
  // What does show it is the audit log.
  const { entries } = succeeded(await place.database().auditLog())
  expect(entries).toContainEqual(expect.objectContaining({ action: 'delete', on: older.filename }))
})

test('fakes that say that they were verified take the place of no backup that is signed', async () => {
  const place = await openSigned(['far'], { retention: { types: { daily: { keepLast: 2 } } } })
  const names: string[] = []
  for (let index = 0; index < 2; index++)
    names.unshift(succeeded(await place.database().createBackup({ backupType: 'daily' })).filename)
  for (const where of ['backups', 'far']) {
    const root = place.path(where)
    const like = readStored(root, names[0] ?? '')
    for (let count = 1; count <= 3; count++) {
      const at = new Date(Date.parse(like.metadata.created_at ?? '') + count).toISOString()
      const { signature: _, ...unsigned } = like.metadata
      const metadata = { ...unsigned, created_at: at, verified_at: at }
      writeStored(root, { ...like, metadata, filename: `app_backup_daily_20990101_00000${count}.db` })
    }
  }
  const last = succeeded(await place.database().info()).backups
  expect(last).toMatchObject({ untrusted: 3, lastGood: { filename: names[0] } })
  const cleaned = succeeded(await place.database().cleanupOldBackups())
  // The oldest of the fakes goes: two are the last two, and two are the last two good ones.
  for (const { deleted, kept } of [cleaned, ...cleaned.targets]) {
    expect(deleted.map(({ backup }) => backup.signature)).toEqual(['missing'])
    expect(kept.map(({ backup }) => backup.filename)).toEqual(expect.arrayContaining(names))
  }
  succeeded(await place.database().deleteBackup(names[1] ?? '', { confirm: true }))
  failedWith('BACKUP_PROTECTED', await place.database().deleteBackup(names[0] ?? '', { confirm: true }))
})

test('a backup of his own is not signed as the next one, though he says in the cache that the database has not changed since it', async () => {
  const place = await openSigned()
  const own = openPlace([], { encoding: 'blocks' }, { commits: 77 })
  // As of a time at which the times of files have settled, so that an untouched database need not be read.
  const now = (): Date => new Date(Date.now() + 60_000)
  const signing = { ...place.signing, key: { file: place.path('signing.key') } }
  const backUp = (of: Place, backupType: string, config: Config = {}): Promise<BackupCreated> =>
    createBackup({ encoding: 'blocks', backupType }, contextOf({ path: of.databasePath, now, config }))
  const [first] = [await backUp(place, 'daily', { signing }), await backUp(own, 'weekly')]
  const cacheOf = ({ backupDir }: Place): string => join(backupDir, 'blocks', 'cache', 'app.fingerprints')
  const ours = await readFingerprintFile(cacheOf(place), UNSEALED)
  const his = await readFingerprintFile(cacheOf(own), UNSEALED)
  cpSync(own.backupDir, place.backupDir, { recursive: true, force: false })
  await writeFingerprintFile(
    { ...(his as Fingerprints), stamp: (ours as Fingerprints).stamp },
    cacheOf(place),
  )
  const { metadata } = await backUp(place, 'daily', { signing })
  expect(his?.restorePoint).toMatch(/^weekly\//)
  expect(metadata.signature).toBeDefined()
  expect(metadata.image_checksum).toBe(first.metadata.image_checksum)
})
