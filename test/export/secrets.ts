/** Secrets of every known shape, put together here so that no scanner of this repository takes them for real. */
import { createHmac, generateKeyPairSync } from 'node:crypto'
import { passesLuhn } from '../../src/export/sensitive/numbers.ts'

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'
const UPPER = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
const DIGITS = '0123456789'

/** Shapes by which content is recognised, each of secrets that differ by `seed`. */
export const SHAPES: Readonly<Record<string, (seed: number) => string>> = {
  bcrypt: seed => `$2b$12$${letters(53, seed)}`,
  argon2: seed => `$argon2id$v=19$m=65536,t=3,p=4$${letters(22, seed)}$${letters(43, seed)}`,
  scrypt: seed => `$scrypt$ln=16,r=8,p=1$${letters(22, seed)}$${letters(43, seed)}`,
  pbkdf2: seed => `pbkdf2_sha256$720000$${letters(22, seed)}$${letters(43, seed)}=`,
  crypt: seed => `$6$${letters(16, seed)}$${letters(86, seed)}`,
  jwt,
  pem,
  aws: seed => `AKIA${letters(16, seed, UPPER)}`,
  github: seed => `ghp_${letters(36, seed)}`,
  gitlab: seed => `glpat-${letters(20, seed)}`,
  slack: seed => `xoxb-${letters(12, seed, DIGITS)}-${letters(24, seed)}`,
  stripe: seed => `sk_live_${letters(24, seed)}`,
  google: seed => `AIza${letters(35, seed)}`,
  openai: seed => `sk-proj-${letters(48, seed)}`,
  npm: seed => `npm_${letters(36, seed)}`,
  sendgrid: seed => `SG.${letters(22, seed)}.${letters(43, seed)}`,
  otpauth: seed => `otpauth://totp/Chame:ann?secret=${letters(32, seed, UPPER)}&issuer=Chame`,
  address: seed => `postgres://app:${letters(16, seed)}@db.example/prod`,
  card: seed => card(`4${letters(5, seed, DIGITS)}`, 16),
  iban: seed => iban('DE', letters(18, seed, DIGITS)),
  ssn: seed => `${123 + seed}-${12 + seed}-${letters(4, seed, '12345678')}`,
  json: seed => JSON.stringify({ user: seed, login: { password: letters(20, seed) } }),
}

/** The same letters in every run, others for another seed. */
export function letters(count: number, seed: number, alphabet: string = LETTERS): string {
  return Array.from({ length: count }, (_, index) => {
    const step = index * 17 + seed * 29 + index * index * (seed + 3) + 5
    return alphabet[step % alphabet.length]
  }).join('')
}

export function card(prefix: string, length: number): string {
  const body = prefix + letters(length - prefix.length - 1, prefix.length + 7, DIGITS)
  return body + DIGITS.split('').find(digit => passesLuhn(body + digit))
}

export function iban(country: string, account: string): string {
  const digits = `${account}${country}00`.replaceAll(/[A-Z]/g, letter => String(letter.charCodeAt(0) - 55))
  return `${country}${String(98n - (BigInt(digits) % 97n)).padStart(2, '0')}${account}`
}

function jwt(seed: number): string {
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  const body = `${part({ alg: 'HS256', typ: 'JWT' })}.${part({ sub: letters(12, seed), iat: seed })}`
  return `${body}.${createHmac('sha256', `key ${seed}`).update(body).digest('base64url')}`
}

/** A real key; only its random part differs from run to run. */
function pem(): string {
  return generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
}

/** How a secret may stand in bytes: as it is, in hexadecimal, or in base64, whole or in the midst of something. */
export interface Needle {
  /** A text as it is, bytes in hexadecimal. */
  readonly secret: string
  /** Found in bytes whose ASCII letters are all lower case. */
  readonly folded: readonly Buffer[]
  readonly exact: readonly Buffer[]
}

/** Shorter pieces of base64 are found by chance. */
const BASE64_MIN = 10

export function needleOf(secret: string | Uint8Array): Needle {
  const bytes = Buffer.from(secret as string)
  const texts = typeof secret === 'string' ? [secret, JSON.stringify(secret).slice(1, -1)] : []
  return {
    secret: typeof secret === 'string' ? secret : bytes.toString('hex'),
    folded: [bytes.toString('hex'), ...texts].map(text => Buffer.from(text.toLowerCase())),
    exact: [
      ...(typeof secret === 'string' ? [] : [bytes]),
      ...base64Forms(bytes).map(text => Buffer.from(text)),
    ],
  }
}

/** What base64 shows of `bytes` whatever stands in front of them, in each of the three places they may begin at. */
function base64Forms(bytes: Buffer): string[] {
  return [0, 1, 2].flatMap(before => {
    const text = Buffer.concat([Buffer.alloc(before), bytes])
      .toString('base64')
      .replaceAll('=', '')
    // The first and the last letters also stand for bits of what is around them.
    const inner = text.slice(before === 0 ? 0 : before + 1, -1)
    return inner.length >= BASE64_MIN ? [inner] : []
  })
}

/** The secrets that stand somewhere in `bytes`, whatever the case of their letters. */
export function secretsIn(bytes: Buffer, needles: readonly Needle[]): string[] {
  const folded = Buffer.from(bytes)
  for (const [index, byte] of folded.entries()) if (byte >= 0x41 && byte <= 0x5a) folded[index] = byte + 0x20
  return needles
    .filter(
      needle =>
        needle.folded.some(form => folded.includes(form)) || needle.exact.some(form => bytes.includes(form)),
    )
    .map(({ secret }) => secret)
}
