/** Encrypted backups of pages, through every operation. */
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { listPacks } from '../../src/blocks/store.ts'
import { type Database, generateKeys } from '../../src/index.ts'
import { COMMITS, newest, openPlace, type Place } from '../encoding/place.ts'
import { expectCommit, flipByte, leftoversIn, restored } from '../restore/scene.ts'
import { openDatabase } from '../support/databases.ts'
import { assertIntact } from '../support/intact.ts'
import { commitToLedger } from '../support/ledger.ts'
import { failedWith, succeeded } from '../support/product.ts'
import { allBytesBelow } from './sealed-scene.ts'

const HERE = { engine: 'here' } as const
/** So much that it fills whole groups, which nothing can compress. */
const SECRET = Buffer.concat(
  Array.from({ length: 4096 }, (_, i) => createHash('sha512').update(String(i)).digest()),
)
const MARKERS = [100_000, 200_000].map(at => SECRET.subarray(at, at + 24))

function commit({ databasePath }: Place, times = 1): void {
  const connection = openDatabase(databasePath)
  for (let i = 0; i < times; i++) commitToLedger(connection)
  connection.close()
}

function sealed(place: Place): Database {
  return place.product({ encoding: 'blocks' }, HERE)
}

test('pages are encrypted where the configuration names whom to, and used everywhere with a key', async () => {
  const place = await openPlace()
  const database = sealed(place)
  const { identity } = place
  const first = succeeded(await database.createBackup())
  expect(first.metadata).toMatchObject({ encoding: 'blocks', encrypted: true, check: 'quick' })
  commit(place)
  const second = succeeded(await database.createBackup())
  expect(second.metadata.added_bytes).toBeLessThan(first.metadata.added_bytes ?? 0)

  const verified = succeeded(await database.verifyBackup('latest', { identity }))
  expect(verified).toMatchObject({ status: 'intact', check: 'full', lookedAt: 'image' })
  expect(succeeded(await database.drillBackup({ identity })).status).toBe('passed')
  const exported = succeeded(await database.exportData({ from: 'latest', identity, format: 'ndjson' }))
  expect(exported.rows).toBeGreaterThan(COMMITS)
  const looked = succeeded(await database.lookInside('latest', { identity }))
  expect(looked.tables.length).toBeGreaterThan(0)
  const compared = succeeded(await database.compareBackups(first.filename, { identity }))
  expect(compared).toMatchObject({ success: true })

  const to = place.path('elsewhere.db')
  restored(await database.restoreBackup(first.filename, { to, identity }))
  expectCommit(to, COMMITS)
  const over = restored(await database.restoreBackup(first.filename, { confirm: true, identity }))
  // What was there before is readable by the process that made it, whatever keys it has: so it is one file.
  expect(over.preRestoreBackup).toMatchObject({ encoding: 'zstd+age' })
  expectCommit(place.databasePath, COMMITS)
  expect(leftoversIn(place.directory)).toEqual([])
})

test('without a key nothing that needs the content is done, with another’s it is refused as such', async () => {
  const place = await openPlace()
  const database = sealed(place)
  succeeded(await database.createBackup())
  const other = place.path('other.txt')
  succeeded(await generateKeys({ output: other }))
  const to = place.path('to.db')
  const attempts = (identity?: string) => {
    const key = identity === undefined ? {} : { identity }
    return [
      database.restoreBackup('latest', { to, ...key }),
      database.drillBackup(key),
      database.exportData({ from: 'latest', ...key }),
      database.lookInside('latest', key),
      database.convertBackups({ encoding: 'plain', backups: ['latest'], ...key }),
    ]
  }
  for (const attempt of attempts()) failedWith('KEY_REQUIRED', await attempt)
  for (const attempt of attempts(other)) failedWith('KEY_WRONG', await attempt)
  failedWith('KEY_WRONG', await database.verifyBackup('latest', { identity: other }))
  expect(existsSync(to)).toBe(false)
  const [pack] = await listPacks(place)
  flipByte(pack?.path ?? '', Math.floor((pack?.sizeBytes ?? 0) / 2))
  failedWith('BACKUP_DAMAGED', await database.restoreBackup('latest', { to, identity: other }))
  failedWith('BACKUP_DAMAGED', await database.restoreBackup('latest', { to, identity: place.identity }))
  expect(leftoversIn(place.directory)).toEqual([])
})

test('without a key every stored byte is verified, and the answer says that nobody looked inside', async () => {
  const place = await openPlace()
  const database = sealed(place)
  succeeded(await database.createBackup())
  const verified = succeeded(await database.verifyBackup('latest', { record: true }))
  expect(verified).toMatchObject({ status: 'intact', lookedAt: 'stored-file', check: 'none', recorded: true })
  expect(succeeded(await database.verifyStore())).toMatchObject({
    status: 'intact',
    packs: 1,
    lockedPacks: 1,
  })
  const { identity } = place
  expect(succeeded(await database.verifyStore({ identity }))).toMatchObject({
    status: 'intact',
    lockedPacks: 0,
  })
  const [pack] = await listPacks(place)
  const path = pack?.path ?? ''
  const bytes = readFileSync(path)
  for (const ruin of [() => flipByte(path, Math.floor(bytes.length / 2)), () => rmSync(path)]) {
    ruin()
    expect(succeeded(await database.verifyBackup('latest'))).toMatchObject({
      status: 'damaged',
      problems: [{ code: 'NOT_DECODABLE', message: expect.stringContaining(path) as string }],
    })
    expect(succeeded(await database.verifyStore()).problems).toMatchObject([
      { path, hurts: [(await newest(database)).path] },
    ])
    writeFileSync(path, bytes)
  }
  flipByte((await newest(database)).path, 60)
  expect(succeeded(await database.verifyBackup('latest')).problems[0]?.code).toBe('CHECKSUM_DIFFERS')
})

test('nothing of the database is in the clear in the backup directory or at a target, which alone is enough', async () => {
  const place = await openPlace()
  const connection = openDatabase(place.databasePath)
  connection.exec('CREATE TABLE secret (content)')
  connection.prepare('INSERT INTO secret VALUES (?)').run(SECRET)
  connection.close()
  const has = (directory: string): boolean[] => {
    const all = allBytesBelow(directory)
    return MARKERS.map(marker => all.includes(marker))
  }
  const far = { kind: 'local', path: place.path('far') } as const
  succeeded(
    await place
      .product({ encryption: {}, encoding: 'blocks' }, { backupDir: place.path('plain') })
      .createBackup(),
  )
  expect(has(place.path('plain'))).toEqual([true, true])

  mkdirSync(far.path)
  const database = place.product({ encoding: 'blocks', targets: { far } }, HERE)
  const { targets, filename } = succeeded(await database.createBackup())
  expect(targets).toMatchObject([{ name: 'far', status: 'copied' }])
  commit(place)
  succeeded(await database.createBackup())
  expect(has(place.backupDir)).toEqual([false, false])
  expect(has(far.path)).toEqual([false, false])
  for (const name of ['naming.key', 'cache']) {
    expect(existsSync(join(place.backupDir, 'blocks', name))).toBe(true)
    expect(existsSync(join(far.path, 'blocks', name))).toBe(false)
  }
  rmSync(place.backupDir, { recursive: true })
  const bare = place.product({ targets: { far } }, { ...HERE, backupDir: place.path('bare') })
  const { identity } = place
  expect(succeeded(await bare.verifyBackup(filename, { target: 'far' }))).toMatchObject({
    status: 'intact',
    lookedAt: 'stored-file',
  })
  const to = place.path('to.db')
  failedWith('KEY_REQUIRED', await bare.restoreBackup(filename, { target: 'far', to }))
  restored(await bare.restoreBackup(filename, { target: 'far', to, identity }))
  const read = openDatabase(to)
  expect(Buffer.from(read.prepare('SELECT content FROM secret').get()?.['content'] as Uint8Array)).toEqual(
    SECRET,
  )
  read.close()
})

test('a pack that is damaged at a target is put there again without a key', async () => {
  const place = await openPlace()
  const far = { kind: 'local', path: place.path('far') } as const

  mkdirSync(far.path)
  const database = place.product({ encoding: 'blocks', targets: { far } }, HERE)
  const { filename } = succeeded(await database.createBackup())
  const [pack] = await listPacks({ backupDir: far.path })
  for (const at of [30, Math.floor((pack?.sizeBytes ?? 0) / 2)]) {
    flipByte(pack?.path ?? '', at)
    const verified = succeeded(await database.verifyBackup(filename, { target: 'far', record: true }))
    expect(verified).toMatchObject({ status: 'damaged' })
    expect(verified.problems[0]?.message).toContain('far:blocks/')
    succeeded(await database.syncTargets())
    expect(succeeded(await database.verifyBackup(filename, { target: 'far' })).status).toBe('intact')
  }
})

test('turning encryption on or off, or naming others, leaves old backups as they were, each with its own key', async () => {
  const place = await openPlace()
  const second = succeeded(await generateKeys({ output: place.path('second.txt') }))
  const configs = [
    { encryption: {}, identity: undefined },
    { encryption: { recipients: [place.recipient] }, identity: place.identity },
    { encryption: { recipients: [second.recipient] }, identity: place.path('second.txt') },
    { encryption: {}, identity: undefined },
  ]
  const made: { filename: string; commits: number; identity: string | undefined }[] = []
  for (const [number, { encryption, identity }] of configs.entries()) {
    const database = place.product({ encoding: 'blocks', encryption }, HERE)
    const { filename, metadata } = succeeded(await database.createBackup())
    expect(metadata.encrypted === true).toBe(identity !== undefined)
    made.push({ filename, commits: COMMITS + number, identity })
    commit(place)
  }
  const database = sealed(place)
  for (const { filename, commits, identity } of made) {
    const to = place.path(`${filename}.restored`)
    if (identity !== undefined) failedWith('KEY_REQUIRED', await database.restoreBackup(filename, { to }))
    restored(await database.restoreBackup(filename, { to, ...(identity === undefined ? {} : { identity }) }))
    expect(assertIntact(to).commits).toBe(commits)
  }
  expect(succeeded(await database.verifyStore())).toMatchObject({ status: 'intact', backups: 4 })
  // A key that is not there any more costs nobody else anything.
  succeeded(await database.deleteBackup(made[1]?.filename ?? '', { confirm: true }))
  for (const at of [0, 2, 3]) {
    const { filename, identity } = made[at] ?? { filename: '', identity: undefined }
    const verified = await database.verifyBackup(filename, identity === undefined ? {} : { identity })
    expect(succeeded(verified)).toMatchObject({ status: 'intact', lookedAt: 'image' })
  }
})

test('encrypted backups of pages are converted to and from other encodings, and stay what they were', async () => {
  const place = await openPlace()
  const database = sealed(place)
  const { identity } = place
  const original = succeeded(await database.createBackup({ encoding: 'plain', description: 'as it was' }))
  for (const encoding of ['blocks', 'zstd+age', 'blocks', 'plain'] as const) {
    const { converted } = succeeded(await database.convertBackups({ encoding, identity }))
    expect(converted).toHaveLength(1)
    const metadata = converted[0]?.backup.metadata
    expect(metadata).toMatchObject({
      encoding,
      description: 'as it was',
      image_checksum: original.metadata.image_checksum,
    })
    expect(metadata?.encrypted === true).toBe(encoding === 'blocks')
    const verified = succeeded(await database.verifyBackup('latest', { identity }))
    expect(verified).toMatchObject({ status: 'intact', lookedAt: 'image' })
  }
})

test('an identity that the configuration names is used by a clean-up, and a passphrase encrypts alone', async () => {
  const place = await openPlace()
  writeFileSync(place.path('passphrase'), 'correct horse battery staple\n')
  for (const encryption of [
    { recipients: [place.recipient], identities: [{ file: 'key.txt' }] },
    { passphrase: { file: 'passphrase' } },
  ]) {
    const backupDir = place.path('recipients' in encryption ? 'one' : 'two')
    const database = place.product({ encoding: 'blocks', encryption }, { ...HERE, backupDir })
    for (let number = 0; number < 3; number++) {
      commit(place, 10)
      succeeded(await database.createBackup({ backupType: 'daily' }))
    }
    const cleaned = succeeded(await database.cleanupOldBackups({ policy: { daily: { keepLast: 1 } } }))
    expect(cleaned.packs?.status).toBe('done')
    expect(cleaned.packs?.rewrittenPacks).toBeGreaterThan(0)
    expect(succeeded(await database.verifyBackup('latest'))).toMatchObject({
      status: 'intact',
      lookedAt: 'image',
    })
  }
})

test('an empty database, and one that nobody touched, are backed up encrypted as well', async () => {
  const place = await openPlace({ isFilled: false })
  writeFileSync(place.databasePath, '')
  const database = sealed(place)
  succeeded(await database.createBackup())
  const to = place.path('to.db')
  failedWith('KEY_REQUIRED', await database.restoreBackup('latest', { to }))
  restored(await database.restoreBackup('latest', { to, identity: place.identity }))
  expect(readFileSync(to)).toHaveLength(0)
})
