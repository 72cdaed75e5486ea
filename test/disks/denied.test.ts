/** Files that nobody may change, root included: refused with what is to be done. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished } from 'vitest'
import { openScene } from '../restore/scene.ts'
import { failedWith } from '../support/product.ts'
import { run, testWith } from '../support/requirements.ts'
import { mountLoop, MOUNTS } from './devices.ts'
import { databaseFiles, expectNextSucceeds, expectWhole, storedIn } from './judge.ts'
import { CREATE, perform, prepare, RESTORE } from './situations.ts'

const IMMUTABLE: readonly string[] = [...MOUNTS, 'mkfs.ext4', 'chattr', 'lsattr']

/** Marks files as not to be changed by anyone, until the test ends or it is told. */
function seal(...paths: readonly string[]): () => void {
  run('chattr', ['+i', ...paths])
  let isSealed = true
  const unseal = (): void => {
    if (isSealed) run('chattr', ['-i', ...paths])
    isSealed = false
  }
  onTestFinished(unseal)
  return unseal
}

for (const situation of RESTORE.filter(({ database }) => database !== 'missing')) {
  testWith(
    IMMUTABLE,
    `${situation.name}: a database that is marked immutable is refused, and stays`,
    async () => {
      const scene = openScene()
      mountLoop(scene.path('data'), 'ext4', 16)
      await prepare(scene, situation)
      const stored = storedIn(scene)
      const before = databaseFiles(scene)
      const unseal = seal(scene.databasePath)
      const result = await perform(scene, situation)
      expect(['READ_ONLY', 'PERMISSION_DENIED']).toContain(result.success ? 'success' : result.code)
      expect(databaseFiles(scene)).toBe(before)
      await expectWhole(scene, situation, stored, result, situation.name)
      unseal()
      await expectNextSucceeds(scene, situation, situation.name)
    },
  )
}

for (const situation of [...CREATE, ...RESTORE]) {
  testWith(
    IMMUTABLE,
    `${situation.name}: a backup directory that is marked immutable is refused, and what is in it stays`,
    async () => {
      const scene = openScene()
      mountLoop(scene.backupDir, 'ext4', 16)
      await prepare(scene, situation)
      const stored = storedIn(scene)
      const directories = readdirSync(scene.backupDir, { withFileTypes: true })
        .filter(entry => entry.isDirectory() && entry.name !== 'lost+found')
        .map(({ name }) => join(scene.backupDir, name))
      const unseal = seal(...directories, scene.backupDir)
      const result = await perform(scene, situation)
      // A restore where nothing is has nothing to keep there.
      if (!result.success || situation.database !== 'missing') {
        const { hint, message } = failedWith('PERMISSION_DENIED', result)
        expect(message).toContain(scene.backupDir)
        expect(hint).toContain('immutable')
      }
      await expectWhole(scene, situation, stored, result, situation.name)
      unseal()
      if (!result.success) await expectNextSucceeds(scene, situation, situation.name)
    },
  )
}
