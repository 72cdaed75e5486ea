import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { exportName, tableFileNames } from '../../src/export/file-names.ts'

const fileName = (table: string, extension = '.csv'): string => tableFileNames([table], extension)[0] ?? ''

describe('the file name of a table', () => {
  test.each([
    ['users', 'users.csv'],
    ['Order Items (2025)', 'Order Items (2025).csv'],
    ['überfällig', 'überfällig.csv'],
    ['表', '表.csv'],
    ['', '_.csv'],
    ['a/b\\c', 'a%2Fb%5Cc.csv'],
    ['../../etc/passwd', '%2E.%2F..%2Fetc%2Fpasswd.csv'],
    ['..', '%2E%2E.csv'],
    ['.hidden', '%2Ehidden.csv'],
    ['-rf', '%2Drf.csv'],
    ['ends. ', 'ends.%20.csv'],
    ['a\0b\n', 'a%00b%0A.csv'],
    ['100%', '100%25.csv'],
    ['a~2', 'a%7E2.csv'],
    ['a"; drop table x; --', 'a%22%3B drop table x%3B --.csv'],
    ['🎉', '%F0%9F%8E%89.csv'],
    ['\uD83C', '%ED%A0%BC.csv'],
    ['e\u0301', 'e%CC%81.csv'],
    ['con', '%63on.csv'],
    ['NUL.old', '%4EUL.old.csv'],
    ['com1 .x', '%63om1 .x.csv'],
    ['console', 'console.csv'],
  ])('%j is %j', (table, expected) => {
    expect(fileName(table)).toBe(expected)
  })

  test('names that a file system may take for one are set apart', () => {
    expect(tableFileNames(['users', 'Users', 'USERS'], '.csv')).toEqual([
      'users.csv',
      'Users~2.csv',
      'USERS~3.csv',
    ])
    expect(tableFileNames(['straße', 'STRASSE'], '.csv')).toEqual(['straße.csv', 'STRASSE~2.csv'])
    expect(tableFileNames(['ﬁle', 'file'], '.csv')).toEqual(['ﬁle.csv', 'file~2.csv'])
  })

  test('no table has the name of the schema file', () => {
    expect(fileName('schema', '.json')).toBe('schema~2.json')
    expect(fileName('SCHEMA', '.json.zst')).toBe('SCHEMA~2.json.zst')
    expect(fileName('schema')).toBe('schema.csv')
  })

  test('long names are cut between characters, and stay apart', () => {
    const long = 'ü'.repeat(90)
    expect(tableFileNames([long, `${long}a`], '.csv')).toEqual([
      `${'ü'.repeat(50)}.csv`,
      `${'ü'.repeat(49)}~2.csv`,
    ])
    expect(fileName(`${'a'.repeat(99)}.b`)).toBe(`${'a'.repeat(99)}.csv`)
    expect(fileName('/'.repeat(40))).toBe(`${'%2F'.repeat(33)}.csv`)
  })
})

describe('the file names of any tables', () => {
  const table = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.string({ unit: 'grapheme' }),
    fc.string({ unit: 'grapheme-ascii', maxLength: 3 }),
    // Halves of surrogate pairs, and names that are alike.
    fc.string({ unit: fc.constantFrom('\uD800', '\uDFFF', 'a', 'A', '\0', '/', '.', ' ', '~', '%', '2') }),
    fc.constantFrom('CON', 'nul', 'aux.txt', 'LPT1', 'schema', 'ﬀ', 'ss', 'ß', 'İ', 'ı', 'i', 'Å', '\u212B'),
  )
  const tables = fc.uniqueArray(table, { maxLength: 40 })
  const extension = fc.constantFrom('.csv', '.csv.gz', '.parquet', '.json')

  test('are as many as there are tables, and differ whatever the file system ignores', () => {
    fc.assert(
      fc.property(tables, extension, (names, end) => {
        const files = tableFileNames(names, end)
        const folds = [
          files,
          files.map(file => file.toLowerCase()),
          files.map(file => file.toUpperCase()),
          files.map(file => file.normalize('NFD')),
          files.map(file => file.normalize('NFKC').toLowerCase()),
        ]
        for (const folded of folds) expect(new Set(folded).size).toBe(names.length)
        expect(files).not.toContain('schema.json')
        expect(tableFileNames(names, end)).toEqual(files)
      }),
    )
  })

  test('are safe on every file system', () => {
    fc.assert(
      fc.property(tables, extension, (names, end) => {
        for (const file of tableFileNames(names, end)) {
          const stem = file.slice(0, -end.length)
          expect(file.endsWith(end)).toBe(true)
          expect(Buffer.byteLength(stem)).toBeLessThanOrEqual(100)
          expect(stem).not.toMatch(/[/\\:*?"<>|\p{Cc}\p{Cs}\p{Cf}]|^[-. ]|[. ]$|^$/u)
          expect(stem).not.toMatch(/^(con|prn|aux|nul|com\d|lpt\d) *(\.|$)/i)
          expect(Buffer.from(file).toString()).toBe(file)
        }
      }),
    )
  })
})

test.each([
  [{ isSensitive: false, attempt: 1, suffix: '.json' }, 'chame_export_20250627_143022.json'],
  [{ isSensitive: true, attempt: 1, suffix: '.sql.zst' }, 'chame_export_20250627_143022_sensitive.sql.zst'],
  [{ isSensitive: true, attempt: 2, suffix: '' }, 'chame_export_20250627_143022_sensitive_2'],
])('an export with %j is named %s', (options, expected) => {
  const time = { compact: '20250627_143022', timestamp: '2025-06-27T14:30:22' }
  expect(exportName('chame', time, options)).toBe(expected)
})
