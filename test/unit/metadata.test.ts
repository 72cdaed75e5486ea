import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Metadata, printMetadata } from '../../src/catalog/metadata.ts'
import { parseMetadata } from '../../src/catalog/parse-metadata.ts'

const FIRST: Metadata = {
  timestamp: '2025-06-27T14:30:22',
  backup_type: 'manual',
  database_version: '3',
  file_size: 8192,
  checksum: 'a'.repeat(64),
  description: '',
  created_by: 'ann',
}

const metadata: fc.Arbitrary<Metadata> = fc.record(
  {
    timestamp: fc.constant(FIRST.timestamp),
    backup_type: fc.string(),
    database_version: fc.integer().map(String),
    file_size: fc.nat(Number.MAX_SAFE_INTEGER),
    checksum: fc.stringMatching(/^[0-9a-f]{64}$/),
    description: fc.string({ unit: 'grapheme' }),
    created_by: fc.string({ unit: 'grapheme' }),
    schema: fc.constant(1 as const),
    created_at: fc
      .date({ noInvalidDate: true, min: new Date(0), max: new Date('9999-12-31') })
      .map(date => date.toISOString()),
    database: fc.string(),
    image_size: fc.nat(),
    page_size: fc.constantFrom(512, 65_536),
    encoding: fc.constantFrom('plain' as const, 'zstd' as const, 'zstd+age' as const),
    tables: fc.dictionary(fc.oneof(fc.string(), fc.constant('__proto__')), fc.nat(), {
      noNullPrototype: true,
    }),
    check: fc.constantFrom('none' as const, 'quick' as const, 'full' as const),
    verified_at: fc.option(fc.constant('2025-06-27T12:30:22.123Z')),
    duration_ms: fc.nat(),
    last_drill: fc.record({
      at: fc.constant('2025-06-27T13:00:00.000Z'),
      passed: fc.boolean(),
      duration_ms: fc.nat(),
    }),
  },
  {
    requiredKeys: [
      'timestamp',
      'backup_type',
      'database_version',
      'file_size',
      'checksum',
      'description',
      'created_by',
    ],
  },
)

test('what is written is read back as it was', () => {
  fc.assert(
    fc.property(metadata, value => {
      expect(parseMetadata(printMetadata(value))).toEqual({ metadata: value })
    }),
  )
})

test('keys that this version does not know are kept', () => {
  const value = { ...FIRST, later: { deep: [1, 2] } }
  expect(parseMetadata(JSON.stringify(value))).toEqual({ metadata: value })
})

test('the printed form is a JSON document for people: one key a line, the first seven first', () => {
  const text = printMetadata({ ...FIRST, schema: 1 })
  expect(text.endsWith('}\n')).toBe(true)
  expect(Object.keys(JSON.parse(text) as object).slice(0, 7)).toEqual(Object.keys(FIRST))
  expect(text.split('\n')).toHaveLength(Object.keys(FIRST).length + 4)
})

test('no text makes reading fail other than with a problem', () => {
  const texts = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.json(),
    fc.constantFrom('', 'null', '[]', '0', '"x"', '{'),
  )
  fc.assert(
    fc.property(texts, text => {
      const parsed = parseMetadata(text)
      if ('problem' in parsed) expect(parsed.problem).not.toBe('')
    }),
  )
})

test.each([
  ['timestamp', '2025-06-27 14:30:22'],
  ['timestamp', 1],
  ['file_size', -1],
  ['file_size', 1.5],
  ['file_size', '12'],
  ['checksum', 'A'.repeat(64)],
  ['checksum', 'a'.repeat(63)],
  ['description', null],
  ['schema', 2],
  ['created_at', 'yesterday'],
  ['encoding', 'gzip'],
  ['tables', { t: -1 }],
  ['tables', { ['__proto__']: 'many' }],
  ['tables', [1]],
  ['check', 'deep'],
  ['verified_at', 'never'],
  ['duration_ms', -1],
  ['last_drill', { at: 'yesterday', passed: true }],
])('%s may not be %j, and the problem names it', (key, value) => {
  const parsed = parseMetadata(JSON.stringify({ ...FIRST, [key]: value }))
  expect(parsed).toHaveProperty('problem')
  expect('problem' in parsed && parsed.problem).toContain(key)
})

test.each(Object.keys(FIRST))('%s may not be missing', key => {
  const { [key as keyof Metadata]: _, ...rest } = FIRST
  const parsed = parseMetadata(JSON.stringify(rest))
  expect('problem' in parsed && parsed.problem).toContain(key)
})
