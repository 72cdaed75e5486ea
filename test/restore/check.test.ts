/** How deep a backup is checked before it is restored: its checksum at all times, what SQLite finds as was asked. */
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { RestoreBackupRequest } from '../../src/index.ts'
import { addWrongIndex } from '../support/databases.ts'
import { failedWith, succeeded } from '../support/product.ts'
import {
  BACKED_UP,
  backUpThenChange,
  expectCommit,
  flipByte,
  openScene,
  restored,
  type Scene,
} from './scene.ts'

type Edit = (metadata: Record<string, unknown>) => void

/** A backup that SQLite cannot read, though its checksum is that of its bytes, and its metadata otherwise as it was. */
async function backUpMalformed(scene: Scene, edit: Edit = () => {}): Promise<Buffer> {
  const { backupPath, filename } = await backUpThenChange(scene)
  const bytes = readFileSync(backupPath).fill(0xa5, 4096, 16_384)
  writeFileSync(backupPath, bytes)
  const path = join(scene.backupDir, 'metadata', `${filename}.json`)
  const metadata = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>
  const checksum = createHash('sha256').update(bytes).digest('hex')
  Object.assign(metadata, { checksum, image_checksum: checksum })
  edit(metadata)
  writeFileSync(path, JSON.stringify(metadata))
  return bytes
}

async function refuse(scene: Scene, request: RestoreBackupRequest): Promise<void> {
  failedWith('BACKUP_DAMAGED', await scene.product().restoreBackup('latest', request))
}

test('a restore checks by itself, unless it is told to leave that to what was checked before', async () => {
  const scene = openScene()
  const bytes = await backUpMalformed(scene)
  const to = scene.path('restored.db')
  await refuse(scene, { to })
  await refuse(scene, { to, check: 'quick' })
  await refuse(scene, { to, check: 'full' })
  await refuse(scene, { to, dryRun: true })
  restored(await scene.product().restoreBackup('latest', { to, check: 'none' }))
  expect(readFileSync(to).equals(bytes)).toBe(true)
  const plan = await scene.product().restoreBackup('latest', { dryRun: true, check: 'none' })
  expect(plan).toMatchObject({ success: true, dryRun: true })
})

test.for<[string, Edit]>([
  ['was never checked', metadata => (metadata['verified_at'] = null)],
  // As a copy that was read again at a target may be, of which only the bytes were looked at.
  ['has only been compared with its checksum', metadata => (metadata['check'] = 'none')],
  ['is from before anybody noted that', metadata => delete metadata['verified_at']],
  ['was found damaged since', metadata => (metadata['damaged_at'] = '2026-01-02T03:04:05.000Z')],
])('a backup that %s is checked all the same', async ([, edit]) => {
  const scene = openScene()
  await backUpMalformed(scene, edit)
  await refuse(scene, { to: scene.path('restored.db'), check: 'none' })
})

test('without a check by SQLite a changed byte is found as well', async () => {
  const scene = openScene()
  const { backupPath, filename } = await backUpThenChange(scene)
  restored(await scene.product().restoreBackup(filename, { confirm: true, check: 'none' }))
  expectCommit(scene.databasePath, BACKED_UP)
  flipByte(backupPath, 5000)
  failedWith(
    'BACKUP_DAMAGED',
    await scene.product().restoreBackup(filename, { confirm: true, check: 'none' }),
  )
  expectCommit(scene.databasePath, BACKED_UP)
})

test('a full check finds before a restore what a quick one does not', async () => {
  const scene = openScene()
  mkdirSync(scene.path('data'))
  addWrongIndex(scene.databasePath)
  succeeded(await scene.product().createBackup())
  const to = scene.path('restored.db')
  await refuse(scene, { to, check: 'full' })
  restored(await scene.product().restoreBackup('latest', { to }))
})
