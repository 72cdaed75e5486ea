/** What a disk or a careless hand does to a backup that is stored: at every 1/64 of its file, and at every byte of its metadata. */
import { readFileSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import type { BackupCreated, Database } from '../../src/index.ts'
import {
  backUpThenChange,
  BACKED_UP,
  expectCommit,
  NOW,
  openScene,
  removeDatabase,
  type Scene,
} from '../restore/scene.ts'
import { select } from './extent.ts'
import { publish } from './figures.ts'

const PLACES = 64
const BLOCK = 4096

type Damage = (image: Buffer, offset: number) => Buffer

const damages: readonly [title: string, damage: Damage][] = [
  ['a flipped bit', (image, offset) => withByte(image, offset, byte => byte ^ 0x10)],
  ['a zeroed block', (image, offset) => withBlock(image, offset, Buffer.alloc(BLOCK))],
  [
    'a block of another place',
    (image, offset) => withBlock(image, offset, blockAt(image, offset + 7 * BLOCK)),
  ],
  ['a cut', (image, offset) => image.subarray(0, offset)],
]

test.each(damages)('%s anywhere in a stored backup is found, and never restored', async (title, damage) => {
  const scene = openScene()
  const backup = await backUpThenChange(scene)
  const product = scene.product()
  const whole = readFileSync(backup.backupPath)
  const places = select(
    Array.from({ length: PLACES }, (_, i) => i),
    8,
  )
  let damaged = 0
  for (const place of places) {
    const image = damage(whole, Math.floor((place * whole.length) / PLACES))
    if (image.equals(whole)) continue
    damaged++
    writeFileSync(backup.backupPath, image)
    const verified = await product.verifyBackup(backup.filename)
    expect(verified, `place ${place}`).toMatchObject({ success: true, status: 'damaged' })
    await expectRefused(scene, product, backup)
  }
  expect(damaged).toBeGreaterThan(places.length / 2)
  publish({
    group: 'Malformed databases',
    what: `stored backup with ${title}`,
    count: damaged,
    unit: 'images',
    outcome: 'all found, none restored',
  })
})

test('a changed byte anywhere in the metadata never makes a backup restore something else', async () => {
  const scene = openScene()
  const backup = await backUpThenChange(scene)
  const product = scene.product()
  const path = scene.path('backups', 'metadata', `${backup.filename}.json`)
  const whole = readFileSync(path)
  const offsets = select(Array.from(whole.keys()), 40)
  let refused = 0
  for (const offset of offsets) {
    writeFileSync(
      path,
      withByte(whole, offset, byte => byte ^ 0x01),
    )
    const listed = await product.listBackups()
    expect(
      listed.map(({ filename }) => filename),
      `byte ${offset}`,
    ).toEqual([backup.filename])
    // A letter of the description may change unseen; what is restored may not.
    const copy = scene.path('copy.db')
    removeDatabase(copy)
    const result = await product.restoreBackup(backup.filename, { to: copy })
    if (result.success) {
      expectCommit(copy, BACKED_UP)
      continue
    }
    refused++
    expect(result, `byte ${offset}`).toMatchObject({ hint: expect.stringMatching(/\w/) as string })
    expect(['BACKUP_DAMAGED', 'METADATA_INVALID', 'BACKUP_UNSUPPORTED']).toContain(result.code)
  }
  expect(refused).toBeGreaterThan(5)
  expectCommit(scene.databasePath, NOW)
  publish({
    group: 'Malformed databases',
    what: 'metadata with a changed byte',
    count: offsets.length,
    unit: 'images',
    outcome: `${refused} refused, ${offsets.length - refused} restored as they were, 0 restored otherwise`,
  })
})

async function expectRefused(scene: Scene, product: Database, { filename }: BackupCreated): Promise<void> {
  const before = readFileSync(scene.databasePath)
  const result = await product.restoreBackup(filename, { confirm: true })
  expect(result).toMatchObject({ success: false, code: 'BACKUP_DAMAGED' })
  expect(readFileSync(scene.databasePath).equals(before)).toBe(true)
}

function withByte(image: Buffer, offset: number, change: (byte: number) => number): Buffer {
  const copy = Buffer.from(image)
  copy[offset] = change(copy[offset] ?? 0)
  return copy
}

function blockAt(image: Buffer, offset: number): Buffer {
  const start = Math.floor((offset % image.length) / BLOCK) * BLOCK
  return image.subarray(start, start + BLOCK)
}

function withBlock(image: Buffer, offset: number, block: Buffer): Buffer {
  const copy = Buffer.from(image)
  block.copy(copy, Math.floor(offset / BLOCK) * BLOCK)
  return copy
}
