/** Once stored pages were found damaged, no later backup relies on them. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { doubtedPacks, doubtPacks, doubtsOf, isFitAgain } from '../../src/blocks/doubted-packs.ts'
import { Slots } from '../../src/blocks/live-pages.ts'
import { listPacks, packPath } from '../../src/blocks/store.ts'
import { createBackup } from '../../src/operations/create-backup.ts'
import { openPlace, type Place } from '../off-site/place.ts'
import { openDatabase } from '../support/databases.ts'
import { commitToLedger } from '../support/ledger.ts'
import { contextOf } from '../support/operation.ts'
import { succeeded } from '../support/product.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { randomPages, StoreScene } from './stored.ts'

function openScene(): Place {
  return openPlace([], { encoding: 'blocks' })
}

/** As of some minutes from now, when all times of files have settled: what nobody has touched is not read then. */
async function backUp(place: Place, minutes: number): Promise<{ backupPath: string; snapshotWay: string }> {
  const now = (): Date => new Date(Date.now() + minutes * 60_000)
  return await createBackup({ encoding: 'blocks' }, contextOf({ path: place.databasePath, now }))
}

function commit({ databasePath }: Place): void {
  const connection = openDatabase(databasePath)
  commitToLedger(connection)
  connection.close()
}

/** Damages the first pages of the largest pack; returns what puts them right again. */
async function damageLargest(place: Place): Promise<() => void> {
  const packs = (await listPacks(place)).toSorted((a, b) => b.sizeBytes - a.sizeBytes)
  const path = packs[0]?.path ?? ''
  const whole = readFileSync(path)
  const bytes = Buffer.from(whole)
  bytes[100]! ^= 1
  writeFileSync(path, bytes)
  return () => writeFileSync(path, whole)
}

async function statusOf(place: Place, backup: string, record: boolean): Promise<string> {
  return succeeded(await place.database().verifyBackup(backup, { record })).status
}

test('a backup that is made after another one was found damaged is whole', async () => {
  const place = openScene()
  const first = await backUp(place, 0)
  commit(place)
  await backUp(place, 0)
  await damageLargest(place)
  expect(await statusOf(place, first.backupPath, true)).toBe('damaged')
  commit(place)
  const { backupPath } = await backUp(place, 0)
  expect(await statusOf(place, backupPath, false)).toBe('intact')
  succeeded(await place.database().restoreBackup('latest', { to: place.path('restored.db') }))
})

test('a database that nobody has touched is read again once pages of its backup were found damaged', async () => {
  const place = openScene()
  await backUp(place, 1)
  await damageLargest(place)
  expect(succeeded(await place.database().verifyStore()).status).toBe('damaged')
  const { snapshotWay } = await backUp(place, 2)
  expect(snapshotWay).toBe('wal')
  expect(await statusOf(place, 'latest', false)).toBe('intact')
})

test('what was found damaged and is whole again is relied upon as before', async () => {
  const place = openScene()
  const first = await backUp(place, 1)
  const mend = await damageLargest(place)
  expect(await statusOf(place, first.backupPath, true)).toBe('damaged')
  mend()
  expect(await statusOf(place, first.backupPath, true)).toBe('intact')
  for (let number = 0; number < 2; number++) expect((await backUp(place, 2)).snapshotWay).toBe('unchanged')
  expect(await listPacks(place)).toHaveLength(1)
})

test('a drill that finds a backup damaged keeps the next one from relying on its pages', async () => {
  const place = openScene()
  await backUp(place, 1)
  await damageLargest(place)
  expect(succeeded(await place.database().drillBackup()).status).toBe('failed')
  await backUp(place, 2)
  expect(succeeded(await place.database().drillBackup()).status).toBe('passed')
})

test('a backup whose own file cannot be read says of no pack that it is damaged', async () => {
  const place = openScene()
  const { backupPath } = await backUp(place, 1)
  const bytes = readFileSync(backupPath)
  bytes[90]! ^= 1
  writeFileSync(backupPath, bytes)
  expect(await statusOf(place, backupPath, true)).toBe('damaged')
  expect((await backUp(place, 2)).snapshotWay).toBe('wal')
  expect(await listPacks(place)).toHaveLength(1)
})

test('pages are not found by their content in a pack in which damage was found', async () => {
  const scene = new StoreScene(temporaryDirectory())
  const image = { pageSize: 512, bytes: randomPages(1600, 512, 1) }
  await scene.put('a', image)
  const path = (await listPacks(scene.store))[0]?.path ?? ''
  const bytes = readFileSync(path)
  // In one of the last pages: the first thousand are stored anew before any is looked for.
  bytes[Math.floor((bytes.length - 1600 * 20) * 0.9)]! ^= 1
  writeFileSync(path, bytes)
  expect((await scene.verify(['a'])).damage).toHaveLength(1)
  const other = { ...image, bytes: Buffer.concat([image.bytes.subarray(512), randomPages(1, 512, 9_000)]) }
  await scene.put('b', other, { database: 'shop' })
  expect((await scene.restore('b')).equals(other.bytes)).toBe(true)
  rmSync(path)
  expect((await scene.restore('b')).equals(other.bytes)).toBe(true)
})

test('what cannot even be read of a pack in which damage was found is relied upon no more', async () => {
  const { store } = new StoreScene(temporaryDirectory())
  const id = 'ab'.repeat(32)
  await doubtPacks([id], doubtsOf(store))
  // A read of it fails as one of a broken disk does: not by what is read.
  mkdirSync(packPath(store, id), { recursive: true })
  expect(await isFitAgain(id, new Slots(), store)).toBe(false)
  expect([...(await doubtedPacks(doubtsOf(store)))]).toEqual([id])
})

test('a backup in which damage was found without noting it changes nothing', async () => {
  const place = openScene()
  const first = await backUp(place, 1)
  await damageLargest(place)
  expect(await statusOf(place, first.backupPath, false)).toBe('damaged')
  expect((await backUp(place, 2)).snapshotWay).toBe('unchanged')
})
