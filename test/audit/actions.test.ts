import { lstatSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Database } from '../../src/index.ts'
import { filesBelow, temporaryDirectory } from '../support/temporary.ts'
import { AuditPlace, succeeded } from './place.ts'

test('whatever changes something or reads data out is noted: who, what, on what, with which result', async () => {
  const place = new AuditPlace()
  const { product } = place
  const { filename } = succeeded(await product.createBackup({ description: 'first' }))
  const backup = filename
  succeeded(await product.verifyBackup(backup, { record: true }))
  succeeded(await product.drillBackup({ backup }))
  succeeded(await product.pinBackup(backup, { reason: 'because' }))
  succeeded(await product.unpinBackup(backup))
  const { exportPath } = succeeded(await product.exportData({ format: 'sql' }))
  succeeded(await product.importData({ from: exportPath, to: join(place.directory, 'new.db') }))
  succeeded(await product.readRows(backup, { table: 'users', includeSensitive: true }))
  const sql = "SELECT * FROM users WHERE password = 'SECRET' AND id = 12345"
  succeeded(await product.queryBackup(backup, { sql, includeSensitive: true }))
  succeeded(await product.compareBackups(backup, { table: 'users', includeSensitive: true }))
  const restored = succeeded(await product.restoreBackup(backup, { confirm: true }))
  succeeded(await product.cleanupOldBackups())
  await product.deleteBackup(backup)
  const entries = (await place.entries()).toReversed()
  expect(entries.map(({ action, on, result }) => [action, on, result])).toEqual([
    ['create', backup, 'success'],
    ['verify', backup, 'success'],
    ['drill', backup, 'success'],
    ['pin', backup, 'success'],
    ['unpin', backup, 'success'],
    ['export', null, 'success'],
    ['import', join(place.directory, 'new.db'), 'success'],
    ['look', backup, 'success'],
    ['query', backup, 'success'],
    ['compare', backup, 'success'],
    ['restore', backup, 'success'],
    ['cleanup', null, 'success'],
    ['delete', backup, 'DELETE_NOT_CONFIRMED'],
  ])
  expect('preRestoreBackup' in restored).toBe(true)
  expect(entries.map(({ seq }) => seq)).toEqual(entries.map((_, i) => i + 1))
  for (const { actor, database, time, durationMs } of entries) {
    expect(actor).toEqual({ door: 'library', who: expect.stringMatching(/./) })
    expect(database).toBe('app')
    expect(time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
    expect(durationMs).toBeGreaterThanOrEqual(0)
  }
  expect(entries[0]?.parameters).toEqual({ description: 'first' })
  expect(entries[5]?.parameters).toEqual({ format: 'sql', output: exportPath })
  expect(entries[8]?.parameters).toMatchObject({ sql: 'SELECT * FROM users WHERE password = ? AND id = ?' })
  expect(readFileSync(place.log, 'utf8')).not.toContain('SECRET')
  expect(await place.verified()).toMatchObject({ status: 'intact', entries: 13 })
})

test('what only looks is not noted, and makes no log', async () => {
  const place = new AuditPlace()
  succeeded(await place.product.createBackup())
  rmSync(place.log)
  // Without targets there is nothing to copy to.
  succeeded(await place.product.syncTargets())
  rmSync(place.head)
  await place.product.listBackups()
  succeeded(await place.product.info())
  succeeded(await place.product.verifyBackup('latest'))
  succeeded(await place.product.scanSensitive())
  succeeded(await place.product.lookInside('latest'))
  succeeded(await place.product.readRows('latest', { table: 'users' }))
  succeeded(await place.product.queryBackup('latest', { sql: 'SELECT 1' }))
  succeeded(await place.product.compareBackups('latest'))
  succeeded(await place.product.restoreBackup('latest', { confirm: true, dryRun: true }))
  succeeded(await place.product.cleanupOldBackups({ dryRun: true }))
  expect(succeeded(await place.product.auditLog()).entries).toEqual([])
  expect(await place.verified()).toMatchObject({ status: 'intact', entries: 0, head: null })
})

test('an actor is noted as given, one after another on the same database', async () => {
  const place = new AuditPlace()
  succeeded(await place.product.as({ door: 'http', who: 'token ci' }).createBackup())
  await place.product.as({ door: 'console', who: 'ada' }).recordAction({ action: 'log-in', on: 'console' })
  const [second, first] = await place.entries()
  expect(first?.actor).toEqual({ door: 'http', who: 'token ci' })
  expect(second).toMatchObject({ actor: { door: 'console', who: 'ada' }, action: 'log-in', on: 'console' })
})

test('the files of the log are for their owner alone', async () => {
  const place = new AuditPlace()
  succeeded(await place.product.createBackup())
  for (const path of [place.log, place.head]) expect(lstatSync(path).mode & 0o777).toBe(0o600)
})

test('a disposable database has no log, and without a backup directory nothing is made to note something in', async () => {
  const place = new AuditPlace()
  succeeded(await place.database({ disposable: true }).createBackup())
  expect(succeeded(await place.product.auditLog()).entries).toEqual([])
  const directory = temporaryDirectory()
  const nothing = new Database({
    path: join(directory, 'none.db'),
    backupDir: join(directory, 'backups'),
    engine: 'here',
  })
  expect(await nothing.createBackup()).toMatchObject({ code: 'DATABASE_NOT_FOUND' })
  expect(filesBelow(directory).filter(name => name.includes('audit'))).toEqual([])
})

test('whatever callers pass, a line stays short and is an entry', async () => {
  const place = new AuditPlace()
  succeeded(await place.product.createBackup())
  const huge = 'x'.repeat(1_000_000)
  await place.product.deleteBackup(`${huge}\n"\ud800`, { confirm: true })
  await place.product.recordAction({
    action: 'odd',
    on: '\u0000',
    parameters: { huge, list: Array.from({ length: 1_000 }, () => huge), deep: { a: { b: { c: huge } } } },
  })
  expect(place.lines().every(line => line.length < 64_000)).toBe(true)
  expect(await place.verified()).toMatchObject({ status: 'intact', entries: 3 })
})

test('entries are read in pages, newest first', async () => {
  const place = new AuditPlace()
  succeeded(await place.product.createBackup())
  await place.note(24)
  const seen: number[] = []
  for (let before: number | undefined, hasMore = true; hasMore;) {
    const page = succeeded(
      await place.product.auditLog({ limit: 10, ...(before === undefined ? {} : { before }) }),
    )
    seen.push(...page.entries.map(({ seq }) => seq))
    before = seen.at(-1)
    hasMore = page.hasMore
  }
  expect(seen).toEqual(Array.from({ length: 25 }, (_, i) => 25 - i))
  for (const limit of [0, 1_001, 1.5])
    expect(await place.product.auditLog({ limit })).toMatchObject({ code: 'INVALID_ARGUMENT' })
})
