import { rmSync } from 'node:fs'
import { expect, test } from 'vitest'
import { failedWith } from '../support/product.ts'
import { run, testWith } from '../support/requirements.ts'
import { HALF_TRANSACTION, startScript } from '../support/scripts.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import {
  BACKED_UP,
  backUpThenChange,
  expectCommit,
  keptIn,
  NOW,
  openScene,
  pragmaOf,
  restored,
  succeeded,
  treeOf,
} from './scene.ts'

test('what a restore overwrites is kept as a backup of type pre_restore', async () => {
  const scene = openScene()
  const created = await backUpThenChange(scene)
  const { preRestoreBackup: kept, ...result } = restored(
    await scene.product().restoreBackup('latest', { confirm: true }),
  )
  expect(result).toMatchObject({
    way: 'transaction',
    comparison: 'equal',
    targetPath: scene.databasePath,
    keptFiles: [],
    notes: [],
    backup: { filename: created.filename },
  })
  expect(kept).toMatchObject({
    type: 'pre_restore',
    metadataState: 'ok',
    description: `Before restoring ${created.filename} to ${scene.databasePath}`,
  })
  expectCommit(scene.databasePath, BACKED_UP)
  expectCommit(kept?.path ?? '', NOW)
  expect(await scene.product().listBackups({ type: 'pre_restore' })).toEqual([kept])
  expect(await scene.product().verifyBackup(kept?.filename ?? '')).toMatchObject({ status: 'intact' })
})

test('restoring the pre_restore backup undoes the restore', async () => {
  const scene = openScene()
  await backUpThenChange(scene)
  const product = scene.product()
  const first = restored(await product.restoreBackup('latest', { confirm: true }))
  expectCommit(scene.databasePath, BACKED_UP)
  const undone = restored(
    await product.restoreBackup(first.preRestoreBackup?.filename ?? '', { confirm: true }),
  )
  expectCommit(scene.databasePath, NOW)
  expectCommit(undone.preRestoreBackup?.path ?? '', BACKED_UP)
})

test('latest is never a pre_restore backup, so that restoring twice is no undo', async () => {
  const scene = openScene()
  const created = await backUpThenChange(scene)
  for (let time = 1; time <= 2; time++) {
    const result = restored(await scene.product().restoreBackup('latest', { confirm: true }))
    expect(result.backup.filename).toBe(created.filename)
    expectCommit(scene.databasePath, BACKED_UP)
  }
  expect(await scene.product().listBackups({ type: 'pre_restore' })).toHaveLength(2)
})

test('where pre_restore backups alone are left, latest is none of them and says so', async () => {
  const scene = openScene()
  const created = await backUpThenChange(scene)
  const product = scene.product()
  const { preRestoreBackup } = restored(await product.restoreBackup('latest', { confirm: true }))
  succeeded(await product.deleteBackup(created.filename, { force: true, confirm: true }))
  const { message, hint } = failedWith('BACKUP_NOT_FOUND', await product.verifyBackup('latest'))
  expect(message).toContain('but pre_restore ones')
  expect(hint).toContain('file name')
  expect(succeeded(await product.verifyBackup(preRestoreBackup?.filename ?? '')).status).toBe('intact')
})

test('a restore that changes nothing is one too', async () => {
  const scene = openScene()
  await backUpThenChange(scene, { now: null })
  const result = restored(await scene.product().restoreBackup('latest', { confirm: true }))
  expect(result.comparison).toBe('equal')
  expectCommit(scene.databasePath, BACKED_UP)
})

test('the pre_restore backup holds what is only in the WAL of a killed process', async () => {
  const scene = openScene()
  await backUpThenChange(scene)
  const app = await startScript(HALF_TRANSACTION.replace('BEGIN IMMEDIATE', ''), [
    scene.databasePath,
    'CREATE TABLE only_in_wal (a); INSERT INTO only_in_wal VALUES (1)',
  ])
  await app.kill()
  const { preRestoreBackup } = restored(await scene.product().restoreBackup('latest', { confirm: true }))
  expect(pragmaOf(preRestoreBackup?.path ?? '', "table_info('only_in_wal')")).not.toBeNull()
  expect(pragmaOf(scene.databasePath, "table_info('only_in_wal')")).toBeNull()
  expectCommit(scene.databasePath, BACKED_UP)
})

test('a hot journal that a killed process left is rolled back, in the pre_restore backup and in the target', async () => {
  const scene = openScene()
  await backUpThenChange(scene, { now: { journalMode: 'delete' } })
  const app = await startScript(HALF_TRANSACTION, [
    scene.databasePath,
    "UPDATE payload SET content = zeroblob(20000); UPDATE log SET hash = 'half'",
  ])
  await app.kill()
  const { preRestoreBackup, way } = restored(await scene.product().restoreBackup('latest', { confirm: true }))
  expect(way).toBe('transaction')
  expectCommit(preRestoreBackup?.path ?? '', NOW)
  expectCommit(scene.databasePath, BACKED_UP)
})

test('without a backup directory a restore makes one, for the pre_restore backup', async () => {
  const scene = openScene()
  const created = await backUpThenChange(scene)
  const away = scene.product({ backupDir: scene.path('other', 'place') })
  const { preRestoreBackup } = restored(await away.restoreBackup(created.backupPath, { confirm: true }))
  expect(preRestoreBackup?.path).toContain(scene.path('other', 'place', 'pre_restore'))
  expectCommit(preRestoreBackup?.path ?? '', NOW)
})

test('a disposable database is restored without a pre_restore backup', async () => {
  const scene = openScene()
  await backUpThenChange(scene)
  const result = restored(
    await scene.product({ disposable: true }).restoreBackup('latest', { confirm: true }),
  )
  expect(result.preRestoreBackup).toBeNull()
  expect(keptIn(scene)).toEqual([])
  expectCommit(scene.databasePath, BACKED_UP)
})

function mountTmpfs(sizeBytes: number): { readonly path: string; unmount(): void } {
  const path = temporaryDirectory()
  run('mount', ['-t', 'tmpfs', '-o', `size=${sizeBytes}`, 'tmpfs', path])
  return { path, unmount: () => void run('umount', ['-l', path]) }
}

testWith(
  ['root', 'linux'],
  'a restore without room beside the target is refused before the target is touched',
  async () => {
    const scene = openScene()
    const created = await backUpThenChange(scene, { backedUp: { commits: BACKED_UP, pageSize: 65_536 } })
    const size = succeeded(await scene.product().verifyBackup('latest')).backup.size
    const disk = mountTmpfs(size)
    try {
      const target = `${disk.path}/app.db`
      const result = await scene.product().restoreBackup(created.filename, { to: target })
      expect(result).toMatchObject({
        success: false,
        code: 'INSUFFICIENT_SPACE',
        message: expect.stringMatching(
          /^Insufficient disk space: the restore needs .+iB \(\d+ bytes\), .+ bytes\)? are available/,
        ),
      })
      expect(treeOf(disk.path)).toEqual({})
      expect(keptIn(scene)).toEqual([])
    } finally {
      disk.unmount()
    }
  },
)

testWith(
  ['root', 'linux'],
  'a restore without room for the pre_restore backup is refused before the target is touched',
  async () => {
    const scene = openScene()
    const created = await backUpThenChange(scene)
    const disk = mountTmpfs(1 << 20)
    try {
      const before = treeOf(scene.path('data'), { withTimes: true })
      const cramped = scene.product({ backupDir: disk.path })
      const result = await cramped.restoreBackup(created.backupPath, { confirm: true })
      expect(result).toMatchObject({
        success: false,
        code: 'INSUFFICIENT_SPACE',
        message: expect.stringContaining('the pre_restore backup needs'),
      })
      expect(treeOf(scene.path('data'), { withTimes: true })).toEqual(before)
      rmSync(`${disk.path}/.chame-backup.lock`)
      expect(Object.keys(treeOf(disk.path)).toSorted()).toEqual(['metadata', 'pre_restore'])
    } finally {
      disk.unmount()
    }
  },
)
