import { readFileSync, renameSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { BackupCreated, ErrorCode } from '../../src/index.ts'
import {
  BACKED_UP,
  backUpThenChange,
  expectCommit,
  flipByte,
  keptIn,
  openScene,
  restored,
  treeOf,
} from './scene.ts'

interface Damage {
  readonly what: string
  readonly code: ErrorCode
  readonly message: RegExp
  readonly inflict: (backup: BackupCreated, metadataPath: string) => void
}

function editMetadata(path: string, change: (metadata: Record<string, unknown>) => void): void {
  const metadata = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>
  change(metadata)
  writeFileSync(path, JSON.stringify(metadata))
}

const damages: readonly Damage[] = [
  {
    what: 'one flipped byte in its first page',
    code: 'BACKUP_DAMAGED',
    message: /SHA-256/,
    inflict: ({ backupPath }) => flipByte(backupPath, 60),
  },
  {
    what: 'one flipped byte in its last page',
    code: 'BACKUP_DAMAGED',
    message: /SHA-256/,
    inflict: ({ backupPath }) => flipByte(backupPath, statSync(backupPath).size - 10),
  },
  {
    what: 'its last page cut off',
    code: 'BACKUP_DAMAGED',
    message: /bytes, its metadata says/,
    inflict: ({ backupPath }) => truncateSync(backupPath, statSync(backupPath).size - 4096),
  },
  {
    what: 'nothing left of it',
    code: 'BACKUP_DAMAGED',
    message: /0 bytes, its metadata says/,
    inflict: ({ backupPath }) => truncateSync(backupPath, 0),
  },
  {
    what: 'a wrong checksum in its metadata',
    code: 'BACKUP_DAMAGED',
    message: /SHA-256/,
    inflict: (_, path) => editMetadata(path, metadata => (metadata['checksum'] = '0'.repeat(64))),
  },
  {
    what: 'a wrong size in its metadata',
    code: 'BACKUP_DAMAGED',
    message: /its metadata says 4096/,
    inflict: (_, path) => editMetadata(path, metadata => (metadata['file_size'] = 4096)),
  },
  {
    what: 'metadata that is not JSON',
    code: 'METADATA_INVALID',
    message: /not JSON/,
    inflict: (_, path) => writeFileSync(path, '{"timestamp": "2025-'),
  },
  {
    what: 'metadata without a checksum',
    code: 'METADATA_INVALID',
    message: /checksum/,
    inflict: (_, path) => editMetadata(path, metadata => delete metadata['checksum']),
  },
  {
    what: 'empty metadata',
    code: 'METADATA_INVALID',
    message: /not JSON/,
    inflict: (_, path) => writeFileSync(path, ''),
  },
  {
    what: 'damage that only its structure shows, for want of metadata',
    code: 'BACKUP_DAMAGED',
    message: /damaged/,
    inflict: ({ backupPath }, path) => {
      rmSync(path)
      writeFileSync(backupPath, readFileSync(backupPath).fill(0xa5, 4096, 16_384))
    },
  },
  {
    what: 'no database in it, for want of metadata',
    code: 'BACKUP_DAMAGED',
    message: /not a database/,
    inflict: ({ backupPath }, path) => {
      rmSync(path)
      writeFileSync(backupPath, 'This is a letter to my aunt.\n'.repeat(1000))
    },
  },
]

test.each(damages)('a backup with $what is refused before the target is touched', async damage => {
  const scene = openScene()
  const created = await backUpThenChange(scene)
  const metadataPath = join(scene.backupDir, 'metadata', `${created.filename}.json`)
  damage.inflict(created, metadataPath)
  const before = treeOf(scene.path('data'), { withTimes: true })
  const result = await scene.product().restoreBackup(created.filename, { confirm: true })
  expect(result).toMatchObject({
    success: false,
    code: damage.code,
    message: expect.stringMatching(damage.message),
    hint: expect.any(String),
  })
  expect(result).toMatchObject({ message: expect.stringContaining(created.backupPath) })
  expect(treeOf(scene.path('data'), { withTimes: true })).toEqual(before)
  expect(keptIn(scene)).toEqual([])
})

test('a dry run refuses a damaged backup as the restore would', async () => {
  const scene = openScene()
  const created = await backUpThenChange(scene)
  flipByte(created.backupPath, 5000)
  const result = await scene.product().restoreBackup('latest', { dryRun: true })
  expect(result).toMatchObject({ success: false, code: 'BACKUP_DAMAGED' })
})

test('an intact backup is restored although another one is damaged', async () => {
  const scene = openScene()
  const good = await backUpThenChange(scene)
  const bad = await scene.product().createBackup()
  if (!bad.success) throw new Error(bad.message)
  flipByte(bad.backupPath, 5000)
  expect(await scene.product().restoreBackup('latest', { confirm: true })).toMatchObject({
    code: 'BACKUP_DAMAGED',
  })
  restored(await scene.product().restoreBackup(good.filename, { confirm: true }))
  expectCommit(scene.databasePath, BACKED_UP)
})

test('a backup that is not there is said so, by name, path and latest', async () => {
  const scene = openScene()
  const created = await backUpThenChange(scene)
  renameSync(created.backupPath, scene.path('away.db'))
  const before = treeOf(scene.path('data'), { withTimes: true })
  for (const wanted of ['latest', created.filename, created.backupPath, `../manual/${created.filename}`]) {
    const result = await scene.product().restoreBackup(wanted, { confirm: true })
    expect(result, wanted).toMatchObject({ success: false, code: 'BACKUP_NOT_FOUND' })
  }
  const impossible = await scene.product().restoreBackup('a\0b', { confirm: true, to: 'c\0d' })
  expect(impossible).toMatchObject({ success: false, code: 'INVALID_ARGUMENT' })
  expect(treeOf(scene.path('data'), { withTimes: true })).toEqual(before)
})

test('what is no file cannot be restored', async () => {
  const scene = openScene()
  await backUpThenChange(scene)
  for (const wanted of [scene.backupDir, '/dev/zero']) {
    const result = await scene.product().restoreBackup(wanted, { confirm: true })
    expect(result, wanted).toMatchObject({ success: false, code: 'BACKUP_NOT_FOUND' })
  }
})
