/** Reads that give half of what they were asked for, each time. */
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { OPERATION, orderFor } from '../crash/run-operation.ts'
import { openScene, succeeded } from '../restore/scene.ts'
import { openDatabase } from '../support/databases.ts'
import { testWith } from '../support/requirements.ts'
import { quickDisk } from './failing-disk.ts'
import { FOUND } from './oracle.ts'
import { runUnderShim, SHIM_NEEDS } from './shim.ts'

quickDisk()

testWith(SHIM_NEEDS, 'a file is added as what it is, however little each read of it gives', async () => {
  const scene = openScene()
  mkdirSync(join(scene.directory, 'data'), { recursive: true })
  const database = openDatabase(scene.path(FOUND), { journalMode: 'delete' })
  database.exec('CREATE TABLE a (b); PRAGMA user_version = 16909060')
  database.close()
  const run = await runUnderShim(
    [OPERATION, orderFor(scene, { operation: 'add', from: scene.path(FOUND) })],
    {
      paths: [scene.directory],
      calls: ['read'],
      event: { kind: 'short', isSticky: true },
      at: 1,
    },
  )
  expect(run.stdout).toContain('success')
  expect(run.calls.filter(({ isHit, path }) => isHit && path === scene.path(FOUND)).length).toBeGreaterThan(4)
  const [backup] = await scene.product().listBackups()
  const metadata = JSON.parse(
    readFileSync(scene.path('backups/metadata', `${backup?.filename}.json`), 'utf8'),
  ) as {
    database_version: string
  }
  expect(metadata.database_version).toBe('16909060')
  succeeded(await scene.product().verifyBackup('latest'))
})
