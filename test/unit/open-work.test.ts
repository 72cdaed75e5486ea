/** Where something is put that is needed for a moment only. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { openWork } from '../../src/operations/open-work.ts'
import { contextOf } from '../support/operation.ts'
import { testWith } from '../support/requirements.ts'
import { temporaryDirectory } from '../support/temporary.ts'

async function placeFor(backupDir: string): Promise<string> {
  const path = join(temporaryDirectory(), 'app.db')
  await using work = await openWork(contextOf({ path, backupDir }))
  return dirname(work.path)
}

test('work is done beside the backups, where there are any', async () => {
  const backupDir = join(temporaryDirectory(), 'backups')
  expect(await placeFor(backupDir)).toBe(tmpdir())
  mkdirSync(backupDir)
  expect(await placeFor(backupDir)).toBe(backupDir)
})

testWith(
  ['linux'],
  'where backups lie that nothing can be written beside, work is done elsewhere',
  async () => {
    // In which nobody makes a directory, be he root.
    expect(await placeFor('/sys/kernel')).toBe(tmpdir())
  },
)

test('a file in the place of the backup directory is not worked around', async () => {
  const backupDir = join(temporaryDirectory(), 'backups')
  writeFileSync(backupDir, 'mine')
  await expect(placeFor(backupDir)).rejects.toMatchObject({ name: 'BackupError' })
})
