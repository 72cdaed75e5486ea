import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Metadata, printMetadata } from '../../src/catalog/metadata.ts'
import { parseMetadata } from '../../src/catalog/parse-metadata.ts'

const OLD: Metadata = {
  timestamp: '2025-06-27T14:30:22',
  backup_type: 'manual',
  database_version: '1',
  file_size: 2_048_576,
  checksum: 'a1'.repeat(32),
  description: 'Before migration',
  created_by: 'admin',
}

test('metadata of the system before this one is read', () => {
  expect(parseMetadata(JSON.stringify(OLD))).toEqual({ metadata: OLD })
})

test('metadata that is printed reads back the same, keys of newer versions included', () => {
  const anyMetadata = fc.record({
    ...Object.fromEntries(Object.entries(OLD).map(([key, value]) => [key, fc.constant(value)])),
    description: fc.string({ unit: 'binary' }),
    created_by: fc.string(),
    file_size: fc.maxSafeNat(),
    schema: fc.constant(1 as const),
    created_at: fc
      .date({ noInvalidDate: true, min: new Date(0), max: new Date('9999-01-01') })
      .map(at => at.toISOString()),
    tables: fc.dictionary(
      fc.string().filter(name => name !== '__proto__'),
      fc.nat(),
      { noNullPrototype: true },
    ),
    from_the_future: fc.jsonValue(),
  })
  fc.assert(
    fc.property(anyMetadata, metadata => {
      // JSON has no -0.
      const plain: unknown = JSON.parse(JSON.stringify(metadata))
      expect(parseMetadata(printMetadata(plain as Metadata))).toEqual({ metadata: plain })
    }),
  )
})

test.each([
  ['not JSON', '{', /not JSON/],
  ['no object', '[]', /object/],
  ['empty', '', /not JSON/],
  ['a checksum that is none', JSON.stringify({ ...OLD, checksum: 'abc' }), /^checksum: .*64 hex/],
  ['a size below zero', JSON.stringify({ ...OLD, file_size: -1 }), /^file_size/],
  ['a size that is text', JSON.stringify({ ...OLD, file_size: '1' }), /^file_size/],
  ['no checksum', JSON.stringify({ ...OLD, checksum: undefined }), /^checksum/],
  ['a format version from the future', JSON.stringify({ ...OLD, schema: 2 }), /^schema/],
  ['a date that is none', JSON.stringify({ ...OLD, created_at: 'yesterday' }), /^created_at/],
])('metadata with %s is a problem that names the key', (_, text, problem) => {
  const parsed = parseMetadata(text)
  expect('problem' in parsed && parsed.problem).toMatch(problem)
})
