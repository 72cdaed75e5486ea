import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ENCODINGS } from '../../src/catalog/encodings.ts'
import {
  backupFilename,
  countOf,
  filenameIn,
  isDatabaseName,
  isType,
  isTypeToWrite,
  localTime,
  nameOfPath,
  parseFilename,
  RESERVED_DIRECTORIES,
} from '../../src/catalog/names.ts'

const databaseNames = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,20}$/)
const types = fc.stringMatching(/^[a-z][a-z0-9]{0,10}(_[a-z][a-z0-9]{0,5})?$/).filter(isType)
const instants = fc.date({ min: new Date('1980-01-01'), max: new Date('2200-01-01'), noInvalidDate: true })

test.each([
  ['shop_backup_manual_20250627_143022.db', 'plain', 'shop', 'manual'],
  ['shop_backup_manual_20250627_143022_2.db', 'plain', 'shop', 'manual'],
  ['shop_backup_pre_restore_20250627_143022_17.db', 'plain', 'shop', 'pre_restore'],
  ['shop_backup_daily_20250627_143022.db.zst', 'zstd', 'shop', 'daily'],
  ['shop_backup_daily_20250627_143022.db.zst.age', 'zstd+age', 'shop', 'daily'],
  ['shop_backup_daily_20250627_143022.db.blocks', 'blocks', 'shop', 'daily'],
  ['a_backup_b_backup_weekly_20250627_143022.db', 'plain', 'a_backup_b', 'weekly'],
  ['my.app-1_backup_manual_20250627_143022.db', 'plain', 'my.app-1', 'manual'],
  ['copied by hand.db', 'plain', null, null],
  ['shop_backup_manual_2025_143022.db', 'plain', null, null],
])('%s is read as %s of %s, type %s', (filename, encoding, database, type) => {
  expect(parseFilename(filename)).toEqual({ encoding, database, type })
})

test.each([
  '',
  '.db',
  '.hidden.db',
  'notes.txt',
  'x.db-wal',
  'x.db-shm',
  'x.db-journal',
  'x.db.damaged',
  'x.db.json',
  'x.db.gz',
  'x.age',
  '../x.db',
  'a/b.db',
  'a\\b.db',
  'a\0.db',
  '.chame-backup-00000000-0123456789ab',
])('%j is no name of a backup', filename => {
  expect(parseFilename(filename)).toBeNull()
})

test('every name that is made is read back as what it was made of', () => {
  fc.assert(
    fc.property(
      databaseNames,
      types,
      instants,
      fc.integer({ min: 1, max: 99 }),
      (database, type, instant, attempt) => {
        const filename = backupFilename(database, type, localTime(instant, 'UTC'), attempt)
        fc.pre(isTypeToWrite(type))
        expect(parseFilename(filename)).toEqual({ encoding: 'plain', database, type })
      },
    ),
  )
})

test('a name in another encoding is the same name with another end, and back', () => {
  for (const encoding of ENCODINGS) {
    const filename = filenameIn(encoding, 'shop_backup_daily_20250627_143022_2.db')
    expect(parseFilename(filename)).toMatchObject({ encoding, database: 'shop' })
    expect(countOf(filename)).toBe(2)
    expect(filenameIn('plain', filename)).toBe('shop_backup_daily_20250627_143022_2.db')
  }
})

test('no text at all makes reading a name fail, and nothing with a path in it is a name', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), text => {
      const parsed = parseFilename(text)
      if (parsed !== null) expect(text).not.toMatch(/[/\\\0]|^\./)
    }),
  )
})

test('every path gives a name that a database may have', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), path => {
      expect(isDatabaseName(nameOfPath(path))).toBe(true)
    }),
  )
})

test.each([
  ['data/chame.db', 'chame'],
  ['/srv/app/shop.sqlite3', 'shop'],
  ['C:\\data\\App.SQLITE', 'App'],
  ['x.db3', 'x'],
  ['archive.2024.db', 'archive.2024'],
  ['no-extension', 'no-extension'],
  ['ä ö.db', 'database'],
  ['.db', 'database'],
  ['', 'database'],
  ['---x', 'x'],
])('the database at %j is named %j', (path, name) => {
  expect(nameOfPath(path)).toBe(name)
})

test('types are lower-case words, and none that is the name of another directory', () => {
  for (const type of ['manual', 'daily', 'pre_restore', 'hourly2', 'a']) expect(isType(type)).toBe(true)
  for (const type of [
    '',
    'A',
    '2x',
    'a-b',
    'a b',
    'a/b',
    '..',
    '_a',
    'x'.repeat(33),
    ...RESERVED_DIRECTORIES,
  ])
    expect(isType(type)).toBe(false)
})

test.each([
  ['2025-06-27T12:30:22Z', 'Europe/Berlin', '20250627_143022'],
  ['2025-12-31T23:59:59Z', 'Pacific/Kiritimati', '20260101_135959'],
  ['2025-01-01T00:00:00Z', 'America/New_York', '20241231_190000'],
  ['2025-01-01T00:00:00Z', 'UTC', '20250101_000000'],
  // Before and after clocks go back, the same local time twice: that is what _2 is for.
  ['2025-10-26T00:30:00Z', 'Europe/Berlin', '20251026_023000'],
  ['2025-10-26T01:30:00Z', 'Europe/Berlin', '20251026_023000'],
  ['2025-03-30T01:00:00Z', 'Europe/Berlin', '20250330_030000'],
])('%s in %s is written %s', (instant, timeZone, compact) => {
  expect(localTime(new Date(instant), timeZone).compact).toBe(compact)
})

test('both forms of a local time say the same, and agree with the platform’s own', () => {
  const zones = fc.constantFrom('UTC', 'Europe/Berlin', 'Asia/Kathmandu', 'America/St_Johns', 'Pacific/Apia')
  fc.assert(
    fc.property(instants, zones, (instant, timeZone) => {
      const { compact, timestamp } = localTime(instant, timeZone)
      expect(timestamp).toBe(instant.toLocaleString('sv-SE', { timeZone }).replace(' ', 'T'))
      expect(compact).toBe(timestamp.replaceAll(/[-:]/g, '').replace('T', '_'))
    }),
  )
})

test('the name of another encoding takes the place of the one before, or is added where there was none', () => {
  expect(filenameIn('zstd', 'shop_backup_manual_20250627_143022.db')).toBe(
    'shop_backup_manual_20250627_143022.db.zst',
  )
  expect(filenameIn('plain', 'copied.db.zst.age')).toBe('copied.db')
  expect(filenameIn('blocks', 'notes')).toBe('notes.db.blocks')
})
