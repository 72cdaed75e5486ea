/** `chame-backup/admin-api` as it is published. */
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { cleanEnvironment, openWorkplace } from './run-cli.ts'

const PROGRAM = `
  import * as api from 'chame-backup/admin-api'
  const created = await api.createBackup({ description: 'by admin' })
  const answers = {
    names: Object.keys(api).toSorted(),
    created,
    listed: await api.listBackups({ limit: 1 }),
    verified: await api.verifyBackup('latest'),
    exported: await api.exportData({ format: 'csv' }),
    cleaned: await api.cleanupOldBackups({ dryRun: true }),
    info: await api.info(),
    refused: await api.restoreBackup('latest'),
    restored: await api.restoreBackup('latest', { confirm: true }),
  }
  console.log(JSON.stringify(answers))
  process.exit(0)
`

test('the admin module has the operations of the default database of the configuration', () => {
  using place = openWorkplace()
  const databases = { other: { path: 'none.db' }, shop: { path: place.databasePath } }
  const config = place.path('chame-backup.config.json')
  writeFileSync(config, JSON.stringify({ databases, defaultDatabase: 'shop', backupDir: 'kept' }))
  // By the package's own name, which Node looks up from a file of the package.
  const output = execFileSync(process.execPath, ['--input-type=module', '--eval', PROGRAM], {
    encoding: 'utf8',
    env: cleanEnvironment({ CHAME_BACKUP_CONFIG: config }),
  })
  const answers = JSON.parse(output) as Record<string, unknown>
  expect(answers).toMatchObject({
    names: [
      'cleanupOldBackups',
      'createBackup',
      'exportData',
      'info',
      'listBackups',
      'restoreBackup',
      'verifyBackup',
    ],
    created: { success: true, metadata: { database: 'shop', description: 'by admin' } },
    listed: [{ database: 'shop', description: 'by admin' }],
    verified: { success: true, status: 'intact' },
    exported: { success: true, format: 'csv', tables: { messages: 500, users: 2 } },
    cleaned: { success: true, dryRun: true },
    info: { success: true },
    refused: { success: false, code: 'RESTORE_NOT_CONFIRMED' },
    restored: { success: true, dryRun: false },
  })
})
