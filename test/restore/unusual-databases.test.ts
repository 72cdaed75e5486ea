/** Restores over a database that is damaged where SQLite does not see it, and of one that is older than most. */
import { closeSync, openSync, readFileSync, statSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { Progress } from '../../src/index.ts'
import { framePagePosition } from '../../src/snapshot/wal.ts'
import { openDatabase } from '../support/databases.ts'
import { commitToLedger } from '../support/ledger.ts'
import { once } from '../support/watched-sqlite.ts'
import {
  BACKED_UP,
  backUpThenChange,
  expectCommit,
  flipByte,
  keptIn,
  openScene,
  restored,
  type Scene,
} from './scene.ts'

const PAGE_BYTES = 4096

describe('a database in use whose WAL is damaged', () => {
  /** An application commits, and one byte of the page it wrote last goes bad. It keeps the WAL from being taken up. */
  function damageWal({ databasePath }: Scene): void {
    const app = openDatabase(databasePath)
    onTestFinished(() => app.close())
    app.exec('PRAGMA wal_autocheckpoint = 0')
    commitToLedger(app)
    const frames = Math.floor(statSync(`${databasePath}-wal`).size / (24 + PAGE_BYTES))
    const fd = openSync(`${databasePath}-wal`, 'r+')
    writeSync(fd, '!', framePagePosition(frames, PAGE_BYTES) + PAGE_BYTES - 3)
    closeSync(fd)
  }

  test('is kept as it is, and restored', async () => {
    const scene = openScene()
    await backUpThenChange(scene)
    damageWal(scene)
    const damaged = readFileSync(`${scene.databasePath}-wal`)
    const result = restored(await scene.product().restoreBackup('latest', { confirm: true }))
    expect(result).toMatchObject({ way: 'transaction', preRestoreBackup: null, comparison: 'equal' })
    expect(result.keptFiles).toHaveLength(2)
    expect(result.keptFiles.map(path => path.replace(/^.*\.damaged/, ''))).toEqual(['', '-wal'])
    expect(readFileSync(result.keptFiles[1] ?? '')).toEqual(damaged)
    expectCommit(scene.databasePath, BACKED_UP)
  })

  test('cannot be rolled back, and the error says where its files are', async () => {
    const scene = openScene()
    const { backupPath } = await backUpThenChange(scene)
    damageWal(scene)
    const damage = once(() => flipByte(backupPath, 30_000))
    const result = await scene.product({ engine: 'here' }).restoreBackup('latest', {
      confirm: true,
      onProgress: ({ step }: Progress) => step === 'compare-target' && damage(),
    })
    expect(result).toMatchObject({ success: false, code: 'RESTORE_FAILED' })
    const kept = keptIn(scene).map(name => join(scene.backupDir, 'pre_restore', name))
    expect(kept).toHaveLength(2)
    expect(result.success ? '' : result.hint).toContain(`What was there before is kept as ${kept.join(', ')}`)
  })
})

test('a backup of a SQLite that did not tell the number of pages in the header is restored', async () => {
  const scene = openScene()
  const { backupPath } = await backUpThenChange(scene)
  // SQLite before 3.7.0 left zeros there, and goes by the file's size to this day.
  const bytes = readFileSync(backupPath)
  bytes.writeUInt32BE(0, 28)
  writeFileSync(scene.path('old.db'), bytes)
  const result = restored(await scene.product().restoreBackup(scene.path('old.db'), { confirm: true }))
  expect(result.comparison).toBe('equal')
  expectCommit(scene.databasePath, BACKED_UP)
})
