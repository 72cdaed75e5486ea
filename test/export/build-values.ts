/** Values of every storage class, with those that are easily lost in front. */
import fc from 'fast-check'

/** A text by its bytes, which may be no text in the database's encoding. */
export class RawText {
  readonly bytes: Uint8Array

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
  }

  /** What fast-check shows of it. */
  toString(): string {
    return `RawText(${Buffer.from(this.bytes).toString('hex')})`
  }
}

/** A `bigint` is an INTEGER, a `number` a REAL. */
export type Value = null | bigint | number | string | Uint8Array | RawText

const INTEGERS: readonly bigint[] = [
  0n,
  1n,
  -1n,
  2n ** 53n - 1n,
  2n ** 53n,
  2n ** 53n + 1n,
  -(2n ** 53n) - 1n,
  2n ** 63n - 1n,
  -(2n ** 63n),
]
const REALS: readonly number[] = [
  0,
  -0,
  1,
  -1.5,
  0.1,
  1 / 3,
  Infinity,
  -Infinity,
  NaN,
  5e-324,
  -2.225073858507201e-308,
  2.2250738585072014e-308,
  1.7976931348623157e308,
  -7.221872823493997e-301,
  1.4887725075796825e-292,
  4.393303775919584e-308,
  2 ** 53,
  2 ** 63,
  -(2 ** 63),
]
const TEXTS: readonly string[] = [
  '',
  'null',
  'NULL',
  '\\N',
  '0',
  '1.0',
  '1e5',
  'Infinity',
  "X'00'",
  "CAST(X'80' AS TEXT)",
  '{"$blob":"AA=="}',
  '=1+1',
  "'=",
  '\r\n',
  'a\r\nb\\r\r\n',
  '\\r\r',
  '\0',
  'a\0b',
  '\ufeffx',
  '\ufffe\uffff',
  '\u{1ffff}\u{10ffff}',
  '/\ngo\n.quit\n;',
]
/** Characters that some format needs for itself. */
const SPECIAL: readonly string[] = [
  '"',
  "'",
  ',',
  ';',
  '\t',
  '\r',
  '\n',
  '\\',
  '\0',
  '=',
  '-',
  '@',
  '\x7f',
  '\x1a',
  '\u2028',
  '\ufeff',
  '\uffff',
  'é',
  '😀',
  'a',
  '1',
]
const RAW: readonly string[] = [
  '80',
  'c3',
  'eda080',
  '610080ff',
  'f4908080',
  '00d8',
  '3dd8',
  'd83d',
  'fffe',
  'feff4100',
]

/** Any double at all: most of them are ones that nobody writes. */
const bits = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map(pattern => {
  const view = new DataView(new ArrayBuffer(8))
  view.setBigUint64(0, pattern)
  return view.getFloat64(0)
})
const text = fc.oneof(
  fc.constantFrom(...TEXTS),
  fc.string({ unit: fc.constantFrom(...SPECIAL), maxLength: 12 }),
  fc.string({ unit: 'binary', maxLength: 12 }),
)
const bytes = fc.uint8Array({ maxLength: 12 })

/** Any value that SQLite can be given. */
export const anyValue: fc.Arbitrary<Value> = fc.oneof(
  { arbitrary: text as fc.Arbitrary<Value>, weight: 6 },
  { arbitrary: fc.oneof(fc.constantFrom(...REALS), bits, fc.double()), weight: 4 },
  {
    arbitrary: fc.oneof(fc.constantFrom(...INTEGERS), fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })),
    weight: 4,
  },
  { arbitrary: fc.oneof(fc.constantFrom(new Uint8Array(), new Uint8Array([0])), bytes), weight: 2 },
  {
    arbitrary: fc
      .oneof(
        fc.constantFrom(...RAW).map(hex => new Uint8Array(Buffer.from(hex, 'hex'))),
        bytes,
      )
      .map(raw => new RawText(raw)),
    weight: 2,
  },
  { arbitrary: fc.constant(null), weight: 1 },
)

/** Any rowid, most of them far from those that SQLite would choose. */
export const anyRowid: fc.Arbitrary<bigint> = fc.oneof(
  fc.constantFrom(...INTEGERS),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.bigInt({ min: -20n, max: 20n }),
)
