/** Made-up values that look real, and are the same for equal values. */
import type { Faker, Randomizer } from '@faker-js/faker'
import { digestOf, fractionalReal, positiveInteger, shortHex, type SqliteValue } from './digest.ts'
import type { FakeKind } from './fake-kinds.ts'

export interface FakeOptions {
  readonly kind: FakeKind
  readonly key: Uint8Array
  /** From {@link loadFaker}; this function seeds it anew for each value. */
  readonly faker: Faker
  /** For a column whose values must differ: a part of the value's hash is added to them. */
  readonly isUnique?: boolean
}

/** Dates are drawn from the years before it; a clock would make them differ from run to run. */
const NEWEST_DATE = '2025-01-01T00:00:00.000Z'
const BLOB_BYTES_MAX = 32

/**
 * The library is large, so it is loaded only where values are made up. Its own generator takes 40 µs to be
 * seeded, which is done for every value.
 */
export async function loadFaker(): Promise<Faker> {
  const { faker } = await import('@faker-js/faker/locale/en')
  // The entry that exports the class loads all languages.
  const OneLanguage = faker.constructor as typeof Faker
  return new OneLanguage({ locale: faker.rawDefinitions, randomizer: quickRandomizer() })
}

/** Marsaglia's xorshift of 128 bits: made-up values need variety, no secrecy. */
function quickRandomizer(): Randomizer {
  const state = new Uint32Array(4)
  const next = (): number => {
    const [first = 0, second = 0, third = 0, fourth = 0] = state
    const mixed = first ^ (first << 11)
    state.set([second, third, fourth, fourth ^ (fourth >>> 19) ^ mixed ^ (mixed >>> 8)])
    return (state[3] ?? 0) / 2 ** 32
  }
  return {
    next,
    seed: seed => {
      const [one = 0, other = 0] = typeof seed === 'number' ? [seed] : seed
      state.set([one, other, 0x9e3779b9, 0x243f6a88])
      // The first numbers after a seed are like it.
      for (let round = 0; round < 12; round++) next()
    },
  }
}

/**
 * A value of the kind that stands for this one: equal values get equal ones under the same key. Integers keep
 * their sign and number of digits, reals are between 0 and ten times as large, blobs are bytes. NULL stays NULL.
 */
export function fakeValue(value: SqliteValue, options: FakeOptions): SqliteValue {
  if (value === null) return null
  const { faker, key, isUnique = false } = options
  const digest = digestOf(value, key, 'fake')
  if (typeof value === 'bigint') return isUnique ? positiveInteger(digest) : fakeInteger(value, digest)
  if (typeof value === 'number') return isUnique ? fractionalReal(digest) : fakeReal(value, digest)
  if (typeof value !== 'string') return new Uint8Array(digest.subarray(0, BLOB_BYTES_MAX))
  faker.seed([digest.readUInt32BE(0), digest.readUInt32BE(4)])
  const text = MAKERS[options.kind](faker)
  return isUnique ? withSuffix(text, options.kind, shortHex(digest)) : text
}

const MAKERS: Readonly<Record<FakeKind, (faker: Faker) => string>> = {
  // Reserved domains (RFC 2606): nothing that is sent there reaches anybody.
  email: faker => faker.internet.exampleEmail().toLowerCase(),
  'first name': faker => faker.person.firstName(),
  'last name': faker => faker.person.lastName(),
  name: faker => `${faker.person.firstName()} ${faker.person.lastName()}`,
  username: faker => faker.internet.username().toLowerCase(),
  phone: faker => faker.phone.number({ style: 'international' }),
  street: faker => faker.location.streetAddress(),
  city: faker => faker.location.city(),
  postcode: faker => faker.location.zipCode(),
  country: faker => faker.location.country(),
  address: faker => `${faker.location.streetAddress()}, ${faker.location.zipCode()} ${faker.location.city()}`,
  company: faker => faker.company.name(),
  job: faker => faker.person.jobTitle(),
  url: faker => `https://${faker.lorem.slug()}.example/`,
  // RFC 5737: addresses for documentation.
  ip: faker => `203.0.113.${faker.number.int({ min: 1, max: 254 })}`,
  uuid: faker => faker.string.uuid(),
  date: faker => faker.date.past({ years: 20, refDate: NEWEST_DATE }).toISOString().slice(0, 10),
  datetime: faker => faker.date.past({ years: 20, refDate: NEWEST_DATE }).toISOString(),
  password: faker => faker.internet.password({ length: 16 }),
  // Check digits that never are valid, so that no real account is hit.
  iban: faker => `XX00${faker.string.numeric(18)}`,
  card: faker => `0000${faker.string.numeric(12)}`,
  sentence: faker => faker.lorem.sentence(),
  word: faker => faker.lorem.word(),
}

function withSuffix(text: string, kind: FakeKind, suffix: string): string {
  if (kind === 'email') return text.replace('@', `.${suffix}@`)
  // Drawn from 64 bits of the value's digest already.
  if (kind === 'uuid') return text
  if (kind === 'url') return `${text}${suffix}`
  if (kind === 'phone') return `+999${BigInt(`0x${suffix}`)}`
  if (kind === 'iban' || kind === 'card') return text.slice(0, 4) + BigInt(`0x${suffix}`)
  if (kind === 'username' || kind === 'word' || kind === 'password') return `${text}_${suffix}`
  return `${text} ${suffix}`
}

function fakeInteger(value: bigint, digest: Buffer): bigint {
  const digits = String(value < 0n ? -value : value).length
  // Nineteen digits would pass the largest integer.
  const low = digits === 1 ? 0n : 10n ** BigInt(Math.min(digits, 18) - 1)
  const drawn = low + (digest.readBigUInt64BE(8) % (digits === 1 ? 10n : low * 9n))
  return value < 0n ? -drawn : drawn
}

function fakeReal(value: number, digest: Buffer): number {
  const scale = Number.isFinite(value) && value !== 0 ? 10 ** Math.floor(Math.log10(Math.abs(value)) + 1) : 1
  const drawn = ((Number(digest.readBigUInt64BE(8) >> 44n) + 1) / (2 ** 20 + 1)) * Math.min(scale, 1e15)
  // A whole number would become an integer in a column of NUMERIC affinity.
  return Math.sign(value || 1) * (Number.isInteger(drawn) ? drawn + 0.5 : drawn)
}
