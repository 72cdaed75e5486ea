/** Exports at the same time as others, and as a restore. */
import { basename, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { buildLedger } from '../support/databases.ts'
import { protect, succeeded } from '../support/product.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { filesIn, FORMS, Place } from './stopped-place.ts'

describe('exports at the same time', () => {
  test('to one name give one of them that name, and tell the other', async () => {
    for (const form of FORMS) {
      const place = new Place()
      const results = await Promise.all([1, 2, 3].map(() => place.export(form)))
      const made = results.filter(result => result.success)
      expect(made).toHaveLength(1)
      for (const result of results) if (!result.success) expect(result.code).toBe('INVALID_ARGUMENT')
      expect(filesIn(place.out)).toEqual(['export'])
      await place.expectNext({ ...form, force: true })
    }
  })

  test('to one name by force end with one of them whole', async () => {
    for (const form of FORMS) {
      const place = new Place()
      succeeded(await place.export(form))
      const results = await Promise.all([1, 2, 3].map(() => place.export({ ...form, force: true })))
      expect(results.some(result => result.success)).toBe(true)
      for (const result of results) if (!result.success) expect(result.code).toBe('IO_FAILED')
      await place.expectNext({ ...form, force: true })
    }
  })

  test('to places of our own choice have names of their own', async () => {
    const place = new Place()
    const results = await Promise.all(
      [1, 2, 3].map(() =>
        protect(place.path, { backupDir: join(place.directory, 'backups') }).exportData({ format: 'csv' }),
      ),
    )
    const paths = results.map(result => succeeded(result).exportPath)
    expect(new Set(paths).size).toBe(3)
    expect(filesIn(join(place.directory, 'backups', 'exports')).toSorted()).toEqual(
      paths.map(path => basename(path)).toSorted(),
    )
  })

  test('as a restore give the old content or the new one', async () => {
    for (const journalMode of ['wal', 'delete'] as const) {
      const directory = temporaryDirectory()
      const path = join(directory, 'ledger.db')
      buildLedger(path, { commits: 20, journalMode })
      const database = protect(path)
      const { filename } = succeeded(await database.createBackup())
      const other = join(directory, 'other.db')
      buildLedger(other, { commits: 70, journalMode })
      const later = succeeded(await protect(other).createBackup()).backupPath
      const rowsOf = async (from: string): Promise<Record<string, number>> =>
        succeeded(await database.exportData({ from, includeSensitive: true })).tables as Record<
          string,
          number
        >
      const known = [await rowsOf(filename), await rowsOf(later)]
      for (let i = 0; i < 6; i++) {
        const [exported, restored] = await Promise.all([
          protect(path).exportData({ includeSensitive: true }),
          protect(path).restoreBackup(i % 2 === 0 ? later : filename, { confirm: true }),
        ])
        succeeded(restored)
        if (exported.success) expect(known).toContainEqual(exported.tables)
        else expect(['DATABASE_LOCKED', 'DATABASE_CHANGING']).toContain(exported.code)
      }
    }
  })
})
