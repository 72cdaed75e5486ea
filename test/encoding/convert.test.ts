import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { failedWith, succeeded } from '../support/product.ts'
import { filesBelow } from '../support/temporary.ts'
import { expectCommit, flipByte, leftoversIn, restored } from '../restore/scene.ts'
import { COMMITS, newest, openPlace } from './place.ts'

test('a converted backup is the same in another form: its age, pin, checks and description stay', async () => {
  const place = await openPlace()
  const { identity } = place
  const database = place.product()
  succeeded(await database.createBackup({ backupType: 'daily', description: 'why', createdBy: 'who' }))
  succeeded(await database.pinBackup('latest', { reason: 'audit' }))
  succeeded(await database.drillBackup())
  const before = await newest(database)
  for (const encoding of ['zstd', 'zstd+age', 'plain', 'zstd+age', 'zstd', 'plain'] as const) {
    const done = succeeded(await database.convertBackups({ backups: ['latest'], encoding, identity }))
    expect(done).toMatchObject({
      status: 'done',
      skipped: [],
      failed: [],
      converted: [{ backup: { encoding } }],
    })
    const [now, ...others] = await database.listBackups()
    expect(others).toEqual([])
    const { file_size, checksum, encoding: _, ...rest } = now?.metadata ?? {}
    const { file_size: _size, checksum: _checksum, encoding: _encoding, ...same } = before.metadata ?? {}
    expect(rest).toEqual(same)
    expect(now).toMatchObject({ pinned: before.pinned, created: before.created, type: 'daily' })
    expect({ file_size, checksum }).toEqual({ file_size: now?.size, checksum: now?.checksum })
    const verified = succeeded(await database.verifyBackup('latest', { identity }))
    expect(verified).toMatchObject({ status: 'intact', lookedAt: 'image' })
  }
  expect(await newest(database)).toEqual(before)
  expect(leftoversIn(place.directory)).toEqual([])
})

test('all backups of a database are converted, and those that are so already are left', async () => {
  const place = await openPlace()
  const database = place.product({ encoding: 'zstd' })
  for (const encoding of ['plain', 'zstd', 'plain'] as const)
    succeeded(await database.createBackup({ encoding }))
  const done = succeeded(await database.convertBackups())
  expect(done.converted).toHaveLength(2)
  expect(done.skipped).toMatchObject([{ why: expect.stringContaining('already') as string }])
  for (const { encoding, filename } of await database.listBackups()) {
    expect(encoding).toBe('zstd')
    expect(succeeded(await database.verifyBackup(filename)).status).toBe('intact')
  }
})

test('keys that metadata has from a newer version are kept, digit for digit', async () => {
  const place = await openPlace()
  const database = place.product()
  const { filename } = succeeded(await database.createBackup())
  const path = join(place.backupDir, 'metadata', `${filename}.json`)
  const text = readFileSync(path, 'utf8').replace('{', '{\n  "later": 12345678901234567890,')
  writeFileSync(path, text)
  succeeded(await database.convertBackups({ encoding: 'zstd' }))
  expect(readFileSync(`${path.replace(/\.json$/, '')}.zst.json`, 'utf8')).toContain('12345678901234567890')
})

test('a damaged backup is not converted, and does not keep others from it', async () => {
  const place = await openPlace()
  const database = place.product()
  const bad = succeeded(await database.createBackup())
  const good = succeeded(await database.createBackup())
  flipByte(bad.backupPath, 5000)
  const only = { backups: [bad.filename], encoding: 'zstd' } as const
  failedWith('BACKUP_DAMAGED', await database.convertBackups(only))
  const done = succeeded(await database.convertBackups({ encoding: 'zstd' }))
  expect(done.status).toBe('incomplete')
  expect(done.failed).toMatchObject([{ filename: bad.filename, code: 'BACKUP_DAMAGED' }])
  expect(done.converted).toMatchObject([{ from: good.filename }])
  const stored = filesBelow(join(place.backupDir, 'manual'))
  expect(stored.toSorted()).toEqual([bad.filename, `${good.filename}.zst`].toSorted())
})

test('a backup without metadata is left as it is', async () => {
  const place = await openPlace()
  const database = place.product()
  const { backupPath } = succeeded(await database.createBackup())
  writeFileSync(join(place.backupDir, 'manual', 'copied.db'), readFileSync(backupPath))
  const done = succeeded(await database.convertBackups({ encoding: 'zstd' }))
  expect(done.converted).toHaveLength(1)
  expect(done.skipped).toMatchObject([{ filename: 'copied.db' }])
})

test('two that convert at once do not get into each other’s way', async () => {
  const place = await openPlace()
  for (let i = 0; i < 3; i++) succeeded(await place.product().createBackup())
  const results = await Promise.all([
    place.product().convertBackups({ encoding: 'zstd' }),
    place.product().convertBackups({ encoding: 'zstd' }),
  ])
  const converted = results.flatMap(result => succeeded(result).converted)
  expect(converted).toHaveLength(3)
  const database = place.product()
  expect(await database.listBackups()).toHaveLength(3)
  const to = place.path('to.db')
  restored(await database.restoreBackup('latest', { to }))
  expectCommit(to, COMMITS)
})
