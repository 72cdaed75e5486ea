import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  backupFilename,
  isDatabaseName,
  isTimeZone,
  isType,
  localTime,
  nameOfPath,
  parseFilename,
} from '../../src/catalog/names.ts'

const INSTANT = new Date('2025-06-27T12:30:22.500Z')

test.each([
  ['Europe/Berlin', '20250627_143022', '2025-06-27T14:30:22'],
  ['UTC', '20250627_123022', '2025-06-27T12:30:22'],
  ['Asia/Kathmandu', '20250627_181522', '2025-06-27T18:15:22'],
  ['America/St_Johns', '20250627_100022', '2025-06-27T10:00:22'],
])('a backup made at 12:30:22 UTC is dated in the time zone %s', (timeZone, compact, timestamp) => {
  expect(localTime(INSTANT, timeZone)).toEqual({ compact, timestamp })
})

test('midnight is written as 00, not as 24', () => {
  expect(localTime(new Date('2025-01-01T00:00:00Z'), 'UTC').compact).toBe('20250101_000000')
})

test('the first backup of a second has no number, the second gets _2', () => {
  const time = localTime(INSTANT, 'UTC')
  expect(backupFilename('chame', 'daily', time, 1)).toBe('chame_backup_daily_20250627_123022.db')
  expect(backupFilename('chame', 'daily', time, 2)).toBe('chame_backup_daily_20250627_123022_2.db')
})

const types = fc.stringMatching(/^[a-z][a-z0-9_]{0,31}$/).filter(isType)
const names = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/)

test('a file name says the database and the type that it was made of, whatever they are called', () => {
  fc.assert(
    fc.property(
      names,
      types,
      fc.date({ noInvalidDate: true, min: new Date(0), max: new Date('9999-01-01') }),
      fc.integer({ min: 1, max: 999 }),
      (database, type, at, attempt) => {
        // A name that itself contains "_backup_" reads as it was meant unless the type does, too.
        fc.pre(!type.includes('backup_') && !database.includes('_backup_'))
        const filename = backupFilename(database, type, localTime(at, 'UTC'), attempt)
        expect(parseFilename(filename)).toEqual({ encoding: 'plain', database, type })
      },
    ),
  )
})

test.each([
  ['old.db', { encoding: 'plain', database: null, type: null }],
  [
    'chame_backup_pre_restore_20250627_143022.db',
    { encoding: 'plain', database: 'chame', type: 'pre_restore' },
  ],
  ['chame_backup_daily_20250627_143022.db.zst', { encoding: 'zstd', database: 'chame', type: 'daily' }],
  [
    'chame_backup_daily_20250627_143022_3.db.zst.age',
    { encoding: 'zstd+age', database: 'chame', type: 'daily' },
  ],
])('%s is a backup', (filename, parsed) => {
  expect(parseFilename(filename)).toEqual(parsed)
})

test.each([
  '.chame-backup-12345678-123456789abc',
  '.hidden.db',
  'chame_backup_daily_20250627_143022.db.damaged',
  'chame_backup_daily_20250627_143022.db-wal',
  'notes.txt',
  'a/b.db',
  '..\\b.db',
  '',
])('%j is no backup', filename => {
  expect(parseFilename(filename)).toBeNull()
})

describe('names from outside are never paths', () => {
  test.each([
    '..',
    '../x',
    '/x',
    'a/b',
    'a\\b',
    '',
    ' ',
    'A',
    '-x',
    'metadata',
    'exports',
    'blocks',
    'x'.repeat(33),
  ])('%j is no backup type', text => expect(isType(text)).toBe(false))

  test.each(['..', '.x', 'a/b', 'a\0b', '', '_x', 'x'.repeat(65)])('%j is no database name', text => {
    expect(isDatabaseName(text)).toBe(false)
  })
})

test('a database that nobody named is called after its file, in letters that belong in a file name', () => {
  expect(nameOfPath('/data/chame.db')).toBe('chame')
  expect(nameOfPath('C:\\data\\shop.sqlite3')).toBe('shop')
  expect(nameOfPath('data/my app (1).db')).toBe('my_app__1_')
  expect(nameOfPath('data/..db')).toBe('database')
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), path => {
      expect(isDatabaseName(nameOfPath(path))).toBe(true)
    }),
  )
})

test('a time zone is one that this machine knows', () => {
  expect(isTimeZone('Europe/Berlin')).toBe(true)
  expect(isTimeZone('Europe/Atlantis')).toBe(false)
})
