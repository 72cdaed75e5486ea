import { symlinkSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import {
  BACKED_UP,
  backUpThenChange,
  expectCommit,
  NOW,
  openScene,
  rebuild,
  restored,
  treeOf,
} from './scene.ts'

test('a restore over the protected database without confirmation is refused, and nothing is touched', async () => {
  const scene = openScene()
  await backUpThenChange(scene)
  const before = treeOf(scene.directory, { withTimes: true })
  for (const request of [{}, { confirm: false }]) {
    expect(await scene.product().restoreBackup('latest', request)).toMatchObject({
      success: false,
      code: 'RESTORE_NOT_CONFIRMED',
      message: 'Restore not confirmed',
      hint: expect.stringContaining(scene.databasePath),
    })
  }
  expect(treeOf(scene.directory, { withTimes: true })).toEqual(before)
})

test('confirmation is needed even where the protected database is missing', async () => {
  const scene = openScene()
  await backUpThenChange(scene)
  const elsewhere = scene.product({ path: scene.path('data', 'gone', 'app.db') })
  expect(await elsewhere.restoreBackup('latest')).toMatchObject({ code: 'RESTORE_NOT_CONFIRMED' })
})

test('anything but true is no confirmation', async () => {
  const scene = openScene()
  await backUpThenChange(scene)
  const result = await scene.product().restoreBackup('latest', { confirm: 'yes' as unknown as boolean })
  expect(result).toMatchObject({ success: false, code: 'INVALID_ARGUMENT' })
  expectCommit(scene.databasePath, NOW)
})

test('a restore to another path needs confirmation where a file is, and none where nothing is', async () => {
  const scene = openScene()
  await backUpThenChange(scene)
  const product = scene.product()
  const copy = scene.path('copy.db')
  expect(restored(await product.restoreBackup('latest', { to: copy }))).toMatchObject({
    way: 'replace',
    targetPath: copy,
    preRestoreBackup: null,
    keptFiles: [],
  })
  expectCommit(copy, BACKED_UP)

  rebuild(copy, { commits: 7 })
  expect(await product.restoreBackup('latest', { to: copy })).toMatchObject({ code: 'RESTORE_NOT_CONFIRMED' })
  expectCommit(copy, 7)
  restored(await product.restoreBackup('latest', { to: copy, confirm: true }))
  expectCommit(copy, BACKED_UP)
  expectCommit(scene.databasePath, NOW)
})

test('a file that is no database, an empty one and a dangling link need confirmation too', async () => {
  const scene = openScene()
  await backUpThenChange(scene)
  writeFileSync(scene.path('notes.txt'), 'precious')
  writeFileSync(scene.path('empty.db'), '')
  symlinkSync(scene.path('nowhere.db'), scene.path('link.db'))
  for (const name of ['notes.txt', 'empty.db', 'link.db']) {
    const result = await scene.product().restoreBackup('latest', { to: scene.path(name) })
    expect(result, name).toMatchObject({ code: 'RESTORE_NOT_CONFIRMED' })
  }
})
