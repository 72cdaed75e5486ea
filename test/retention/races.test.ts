/** Cleanups beside backups, restores and each other, in processes of their own. */
import { existsSync } from 'node:fs'
import { expect, test } from 'vitest'
import { runOperation } from '../crash/run-operation.ts'
import { BACKED_UP, leftoversIn, NOW, openScene, rebuild, type Scene, succeeded } from '../restore/scene.ts'
import { assertIntact } from '../support/intact.ts'
import { filesBelow } from '../support/temporary.ts'
import { WriterProcess } from '../support/writer-process.ts'
import { runTend } from './run-tend.ts'
import type { TendOrder } from './tend.ts'

const ROUNDS = 4

async function backUpOften(scene: Scene, count: number): Promise<string[]> {
  const product = scene.product()
  const made: string[] = []
  for (let index = 0; index < count; index++) {
    made.push(succeeded(await product.createBackup({ backupType: 'daily' })).filename)
  }
  return made
}

function tend(scene: Scene, order: Partial<TendOrder> & Pick<TendOrder, 'operation'>): Promise<string> {
  return runTend({ path: scene.databasePath, backupDir: scene.backupDir, dailyKeep: 2, ...order })
}

async function expectAllWhole(scene: Scene): Promise<string[]> {
  const product = scene.product()
  const listed = await product.listBackups()
  for (const { filename, metadataState } of listed) {
    expect(metadataState, filename).toBe('ok')
    expect(await product.verifyBackup(filename)).toMatchObject({ status: 'intact' })
  }
  // Nothing half: no image without metadata, no metadata without an image.
  const files = filesBelow(scene.backupDir).filter(name => name.includes('.db'))
  expect(files).toHaveLength(2 * listed.length)
  expect(leftoversIn(scene.directory)).toEqual([])
  return listed.map(({ filename }) => filename)
}

test('cleanups, backups and restores begun at once: each restore is whole or says that its backup is gone', async () => {
  for (let round = 0; round < ROUNDS; round++) {
    const scene = openScene()
    rebuild(scene.databasePath, { commits: BACKED_UP })
    const made = await backUpOften(scene, 6)
    rebuild(scene.databasePath, { commits: NOW })
    const oldest = made[0] ?? ''
    const [restored, created, cleaned, again] = await Promise.all([
      runOperation(scene, { operation: 'restore', backup: oldest }),
      runOperation(scene, { operation: 'create' }),
      tend(scene, { operation: 'cleanup' }),
      tend(scene, { operation: 'cleanup' }),
    ])
    expect(created.answer).toBe('success')
    for (const answer of [cleaned, again]) expect(answer).toMatch(/^success\nstatus done/)
    const { commits } = assertIntact(scene.databasePath)
    if (restored.answer === 'success') expect(commits).toBe(BACKED_UP)
    else {
      expect(restored.answer).toMatch(/^failure BACKUP_NOT_FOUND/)
      expect(commits).toBe(NOW)
    }
    const left = await expectAllWhole(scene)
    for (const filename of made.slice(-2)) expect(left).toContain(filename)
    expect(left).not.toContain(oldest)
  }
})

test('deletions of the same backup begun at once: one deletes it, the others do not find it', async () => {
  const scene = openScene()
  rebuild(scene.databasePath, { commits: BACKED_UP })
  const [oldest = '', newest = ''] = await backUpOften(scene, 2)
  const answers = await Promise.all(
    Array.from({ length: 4 }, () => tend(scene, { operation: 'delete', backup: oldest })),
  )
  expect(answers.filter(answer => answer === 'success')).toHaveLength(1)
  expect(answers.filter(answer => answer.startsWith('failure BACKUP_NOT_FOUND'))).toHaveLength(3)
  expect(await expectAllWhole(scene)).toEqual([newest])
})

test('backups are made one after another while cleanups go on and another program writes', async () => {
  const scene = openScene()
  rebuild(scene.databasePath, { commits: BACKED_UP })
  const writer = await WriterProcess.start(scene.databasePath, scene.directory)
  let isDone = false
  const cleaning = (async () => {
    const answers: string[] = []
    while (!isDone) answers.push(await tend(scene, { operation: 'cleanup' }))
    return answers
  })()
  await backUpOften(scene, 12)
  isDone = true
  const answers = await cleaning
  expect(answers.filter(answer => !answer.startsWith('success'))).toEqual([])
  expect(await tend(scene, { operation: 'cleanup' })).toMatch(/^success/)
  expect(await expectAllWhole(scene)).toHaveLength(2)
  expect(await writer.stop()).toBe('')
  assertIntact(scene.databasePath)
})

test('while a restore reads a backup, a cleanup waits', async () => {
  const scene = openScene()
  rebuild(scene.databasePath, { commits: BACKED_UP })
  const [oldest = ''] = await backUpOften(scene, 4)
  rebuild(scene.databasePath, { commits: NOW })
  const product = scene.product({ engine: 'here' })
  const cleaning: Promise<string>[] = []
  const result = await product.restoreBackup(oldest, {
    confirm: true,
    onProgress: ({ step }) => {
      if (step === 'verify-backup' && cleaning.length === 0) {
        cleaning.push(tend(scene, { operation: 'cleanup' }))
      }
      if (step === 'compare-target') {
        expect(existsSync(scene.path('backups', 'daily', oldest))).toBe(true)
      }
    },
  })
  succeeded(result)
  expect(assertIntact(scene.databasePath).commits).toBe(BACKED_UP)
  expect(await cleaning[0]).toMatch(/^success\nstatus done 2/)
  expect(existsSync(scene.path('backups', 'daily', oldest))).toBe(false)
})
