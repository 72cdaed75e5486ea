/** Damage to what backups of pages rely on, here and at a target. */
import { existsSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { generateKeys } from '../../src/index.ts'
import { failedWith, succeeded } from '../support/product.ts'
import { backUp, BLOCKS, commit, openBlocksPlace, packsIn, restoredFromFar } from './blocks-place.ts'
import { local, namesAt, type Place, readJson } from './place.ts'

test('a pack that is damaged in the backup directory is copied nowhere', async () => {
  const place = openBlocksPlace()
  const name = await backUp(place, false)
  const [pack = ''] = packsIn(place, 'backups')
  const bytes = readFileSync(place.path('backups', pack))
  writeFileSync(place.path('backups', pack), bytes.with(100, (bytes[100] ?? 0) ^ 1))
  const synced = succeeded(await place.database().syncTargets())
  expect(synced.targets).toMatchObject([{ copied: [], failed: [{ filename: name, code: 'BACKUP_DAMAGED' }] }])
  expect(packsIn(place, 'far')).toEqual([])
  expect(await namesAt(place, 'far')).toEqual([])
})

const DAMAGE: readonly (readonly [string, (place: Place, pack: string, point: string) => void])[] = [
  ['a byte of a pack is another', (place, pack) => change(place, pack, bytes => flip(bytes, 100))],
  [
    "a byte of a pack's index is another",
    (place, pack) => change(place, pack, bytes => flip(bytes, bytes.length - 100)),
  ],
  ['a pack is cut short', (place, pack) => change(place, pack, bytes => bytes.subarray(0, 500))],
  ['a pack is empty', (place, pack) => change(place, pack, () => Buffer.alloc(0))],
  ['a pack is missing', (place, pack) => rmSync(place.path('far', pack))],
  ['a byte of its own file is another', (place, _, point) => change(place, point, bytes => flip(bytes, 80))],
]

function change(place: Place, name: string, act: (bytes: Buffer) => Uint8Array): void {
  const path = place.path('far', name)
  writeFileSync(path, act(readFileSync(path)))
}

function flip(bytes: Buffer, at: number): Uint8Array {
  return bytes.with(at, (bytes[at] ?? 0) ^ 1)
}

test.for(DAMAGE)(
  'at a target %s: nothing is touched, a verification names it, and a sync mends it',
  async ([what, damage]) => {
    const place = openBlocksPlace()
    const name = await backUp(place, true)
    const [pack = ''] = packsIn(place, 'far')
    damage(place, pack, `manual/${name}`)
    commit(place, 5)
    const before = readFileSync(place.databasePath)
    const order = { target: 'far', confirm: true }
    const failure = failedWith('OBJECT_DAMAGED', await place.database().restoreBackup(name, order))
    expect(failure.message).toContain(what.includes('own file') ? 'SHA-256' : `far:${pack}`)
    failedWith(
      'OBJECT_DAMAGED',
      await place.database().restoreBackup(name, { target: 'far', to: place.path('new.db') }),
    )
    expect(existsSync(place.path('new.db'))).toBe(false)
    expect(readFileSync(place.databasePath)).toEqual(before)
    expect(place.files('backups').filter(each => each.startsWith('pre_restore'))).toEqual([])
    const verified = succeeded(await place.database().verifyBackup(name, { target: 'far', record: true }))
    expect(verified).toMatchObject({ status: 'damaged', recorded: true })
    expect(succeeded(await place.database().syncTargets()).targets).toMatchObject([{ copied: [name] }])
    expect(await restoredFromFar(place, name)).toBe(20)
    expect(readJson(place.path('far', 'metadata', `${name}.json`))['damaged_at']).toBeUndefined()
  },
)

test('of an encrypted backup at a target a changed or a cut file is found without a key', async () => {
  const place = openBlocksPlace()
  const { recipient } = succeeded(await generateKeys({ output: place.path('key.txt') }))
  place.configure({ ...BLOCKS, targets: { far: local('far') }, encryption: { recipients: [recipient] } })
  const name = await backUp(place, true)
  const statusOf = async (): Promise<string> =>
    succeeded(await place.database().verifyBackup(name, { target: 'far' })).status
  expect(await statusOf()).toBe('intact')
  change(place, `manual/${name}`, bytes => flip(bytes, bytes.length - 40))
  expect(await statusOf()).toBe('damaged')
  truncateSync(place.path('far', 'manual', name), 3)
  expect(await statusOf()).toBe('damaged')
})
