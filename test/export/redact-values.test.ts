import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { BackupError } from '../../src/errors.ts'
import { fakeValue, loadFaker } from '../../src/export/redact/fake.ts'
import { FAKE_KINDS, guessFakeKind } from '../../src/export/redact/fake-kinds.ts'
import { parseRedaction, resolveRedaction } from '../../src/export/redact/parse-redaction.ts'
import {
  fixedValue,
  hashShapedValue,
  hashValue,
  maskUniqueValue,
  maskValue,
  type SqliteValue,
} from '../../src/export/redact/values.ts'

const KEY = new TextEncoder().encode('a key of thirty-two bytes in all')
const OTHER_KEY = new TextEncoder().encode('another key')
const faker = await loadFaker()

const values = (): fc.Arbitrary<SqliteValue> =>
  fc.oneof(
    fc.string({ unit: 'grapheme', maxLength: 40 }),
    fc.emailAddress(),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    fc.double({ noNaN: true }),
    fc.uint8Array({ maxLength: 40 }),
    fc.constant(null),
  )

const WAYS: readonly (readonly [string, (value: SqliteValue) => SqliteValue])[] = [
  ['mask', maskValue],
  ['unique mask', value => maskUniqueValue(value, KEY)],
  ['hash', value => hashValue(value, KEY)],
  ['shaped hash', value => hashShapedValue(value, KEY)],
  ['fixed', fixedValue],
  ...FAKE_KINDS.flatMap(kind =>
    [false, true].map(
      isUnique =>
        [
          `${isUnique ? 'unique ' : ''}fake ${kind}`,
          (value: SqliteValue) => fakeValue(value, { kind, key: KEY, faker, isUnique }),
        ] as const,
    ),
  ),
]

function classOf(value: SqliteValue): string {
  if (value === null) return 'null'
  return typeof value === 'object' ? 'blob' : typeof value
}

describe('Redacted values', () => {
  test.each(WAYS)('%s keeps NULL and the storage class, and is the same every time', (_, redact) => {
    fc.assert(
      fc.property(values(), value => {
        const redacted = redact(value)
        expect(classOf(redacted)).toBe(classOf(value))
        expect(redact(value)).toEqual(redacted)
        if (typeof redacted === 'bigint') expect(BigInt.asIntN(64, redacted)).toBe(redacted)
        // A whole number would become an INTEGER in a column of NUMERIC affinity.
        if (typeof redacted === 'number') expect(Number.isNaN(redacted)).toBe(false)
      }),
      { numRuns: 60 },
    )
  })

  test.each(WAYS.filter(([name]) => /hash|unique/.test(name) && name !== 'shaped hash'))(
    '%s keeps different values apart',
    (_, redact) => {
      fc.assert(
        fc.property(
          fc.uniqueArray(fc.oneof(fc.string(), fc.emailAddress()), { minLength: 2, maxLength: 30 }),
          texts => {
            expect(new Set(texts.map(redact)).size).toBe(texts.length)
          },
        ),
        { numRuns: 30 },
      )
      const numbers = Array.from({ length: 1000 }, (_unused, index) => BigInt(index))
      expect(new Set(numbers.map(redact)).size).toBe(1000)
      expect(new Set(numbers.map(number => redact(Number(number)))).size).toBe(1000)
    },
  )

  test('a mask shows at most the first characters and the top-level domain', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'grapheme' }), fc.emailAddress()), text => {
        const masked = String(maskValue(text))
        expect(masked).toMatch(/^.?\*\*\*(?:@.?\*\*\*\.[^\s@.]+)?$/su)
        expect(Array.from(masked.replaceAll(/\*\*\*|@|\.[^.@]*$/g, '')).length).toBeLessThanOrEqual(2)
      }),
    )
  })

  test.each<[SqliteValue, SqliteValue]>([
    ['ann@example.com', 'a***@e***.com'],
    ['a@example.co.uk', '***@e***.uk'],
    ['Hunter2', 'H***'],
    ['abcd', '***'],
    ['', '***'],
    ['+49 170 1234567', '+***'],
    [47_110n, 40_000n],
    [-47_110n, -40_000n],
    [4711n, 0n],
    [9_223_372_036_854_775_807n, 9_000_000_000_000_000_000n],
    [-9_223_372_036_854_775_808n, -9_000_000_000_000_000_000n],
    [12_345.67, 10_000.5],
    [1.25, 0.5],
    [null, null],
  ])('the mask of %s is %s', (value, masked) => {
    expect(maskValue(value)).toEqual(masked)
  })

  test('hashes depend on the key and on the storage class', () => {
    expect(hashValue('5', KEY)).not.toBe(hashValue('5', OTHER_KEY))
    expect(hashValue('5', KEY)).toMatch(/^[a-f][0-9a-f]{31}$/)
    const whole = hashValue(5n, KEY)
    expect(typeof whole === 'bigint' && whole > 0n && whole < 2n ** 53n).toBe(true)
    expect(hashValue(5, KEY)).not.toBe(Number(whole))
    expect(Number(hashValue(5, KEY)) % 1).toBe(0.5)
  })

  test('a shaped hash has the form of its value and nothing else of it', () => {
    const value = `$2b$12$${'aB3'.repeat(17)}xY`
    const hashed = String(hashShapedValue(value, KEY))
    expect(hashed).toMatch(/^\$\d[a-z]\$\d\d\$(?:[a-z][A-Z]\d){17}[a-z][A-Z]$/)
    expect(hashed.length).toBe(value.length)
    expect(hashed).not.toBe(value)
  })

  test.each<[string, unknown[], string]>([
    ['email', [], 'email'],
    ['contact', ['ann@example.com'], 'email'],
    ['first_name', ['Ann'], 'first name'],
    ['lastName', [], 'last name'],
    ['name', ['Ann Lee'], 'name'],
    ['mobile', ['+49 170 1234567'], 'phone'],
    ['homepage', [], 'url'],
    ['born', ['1990-02-03'], 'date'],
    ['seen_at', ['2024-02-03T10:00:00Z'], 'datetime'],
    ['street', [], 'street'],
    ['zip', ['1234567'], 'postcode'],
    ['notes', ['she said to call back tomorrow'], 'sentence'],
    ['x', [], 'word'],
  ])('made-up values of %s (case %#) look right', (column, sample, kind) => {
    expect(guessFakeKind(column, sample)).toBe(kind)
  })

  test('made-up e-mail addresses reach nobody', () => {
    for (const name of ['ann', 'bob', 'eve'])
      expect(fakeValue(`${name}@corp.com`, { kind: 'email', key: KEY, faker, isUnique: true })).toMatch(
        /^\S+@example\.(?:com|net|org)$/,
      )
  })
})

describe('A redaction as the user writes it', () => {
  test.each([
    ['users.email=mask', { table: 'users', column: 'email', how: 'mask' }],
    [' users.e-mail = HASH ', { table: 'users', column: 'e-mail', how: 'hash' }],
    ['"my.table"."a=""b"=null', { table: 'my.table', column: 'a="b', how: 'null' }],
  ])('%s is read', (text, expected) => {
    expect(parseRedaction(text)).toEqual(expected)
  })

  test.each([
    '',
    'users',
    'users.email',
    'email=mask',
    'users.email=scramble',
    'a.b.c=mask',
    'users.=mask',
    '.=mask',
  ])('%s is refused with a hint', text => {
    const error = failureOf(() => parseRedaction(text))
    expect(error.code).toBe('INVALID_ARGUMENT')
    expect(error.hint).toMatch(/users\.email=mask|Choose one of/)
  })

  test('a name that is not there is refused with the ones that come near', () => {
    const tables = [
      { name: 'Users', columns: [{ name: 'email' }, { name: 'e_mail_hash' }] },
      { name: 'posts', columns: [] },
    ]
    expect(resolveRedaction({ table: 'users', column: 'EMAIL', how: 'mask' }, tables)).toEqual({
      table: 'Users',
      column: 'email',
      how: 'mask',
    })
    const noTable = failureOf(() => resolveRedaction({ table: 'user', column: 'email', how: 'mask' }, tables))
    expect([noTable.code, noTable.hint]).toEqual(['INVALID_ARGUMENT', 'Did you mean Users?'])
    const noColumn = failureOf(() =>
      resolveRedaction({ table: 'users', column: 'emial', how: 'mask' }, tables),
    )
    expect(noColumn.hint).toContain('email')
    const far = failureOf(() => resolveRedaction({ table: 'zzzzzz', column: 'x', how: 'mask' }, tables))
    expect(far.hint).toBe('The tables: Users, posts.')
  })
})

function failureOf(run: () => unknown): BackupError {
  try {
    run()
  } catch (error) {
    if (error instanceof BackupError) return error
    throw error
  }
  throw new Error('It did not fail')
}
