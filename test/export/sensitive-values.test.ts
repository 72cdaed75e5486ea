import { createHmac, generateKeyPairSync, pbkdf2Sync, randomBytes, scryptSync } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { isCardNumber, isIban, passesLuhn } from '../../src/export/sensitive/numbers.ts'
import { judgeColumn, judgeTable } from '../../src/export/sensitive/scan.ts'
import { judgeValues } from '../../src/export/sensitive/values.ts'

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'

/** Nothing random: the same letters in every run, put together here so that no scanner of this repository takes them for real. */
function letters(count: number, alphabet = LETTERS): string {
  return Array.from({ length: count }, (_, index) => alphabet[(index * 17 + 5) % alphabet.length]).join('')
}

function jwt(): string {
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  const body = `${part({ alg: 'HS256', typ: 'JWT' })}.${part({ sub: '4711', iat: 1_700_000_000 })}`
  return `${body}.${createHmac('sha256', 'k').update(body).digest('base64url')}`
}

function card(prefix: string, length: number): string {
  const body = prefix + letters(length - prefix.length - 1, '0123456789')
  return body + '0123456789'.split('').find(digit => passesLuhn(body + digit))
}

function iban(country: string, account: string): string {
  const digits = `${account}${country}00`.replaceAll(/[A-Z]/g, letter => String(letter.charCodeAt(0) - 55))
  return `${country}${String(98n - (BigInt(digits) % 97n)).padStart(2, '0')}${account}`
}

const upper = LETTERS.slice(0, 26) + '234567'
const hex = '0123456789abcdef'
const SECRETS: Readonly<Record<string, string>> = {
  bcrypt: `$2b$12$${letters(53)}`,
  argon2: `$argon2id$v=19$m=65536,t=3,p=4$${letters(22)}$${letters(43)}`,
  'passlib scrypt': `$scrypt$ln=16,r=8,p=1$${letters(22)}$${scryptSync('x', 'y', 32).toString('base64')}`,
  'werkzeug scrypt': `scrypt:32768:8:1$${letters(16)}$${letters(64, hex)}`,
  'django pbkdf2': `pbkdf2_sha256$720000$${letters(22)}$${pbkdf2Sync('x', 'y', 1, 32, 'sha256').toString('base64')}`,
  'werkzeug pbkdf2': `pbkdf2:sha256:600000$${letters(16)}$${letters(64, hex)}`,
  'passlib pbkdf2': `$pbkdf2-sha512$25000$${letters(22)}$${letters(86)}`,
  md5crypt: `$1$${letters(8)}$${letters(22)}`,
  sha256crypt: `$5$rounds=5000$${letters(16)}$${letters(43)}`,
  sha512crypt: `$6$${letters(16)}$${letters(86)}`,
  yescrypt: `$y$j9T$${letters(22)}$${letters(43)}`,
  jwt: jwt(),
  pem: generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  aws: `AKIA${letters(16, upper)}`,
  github: `ghp_${letters(36)}`,
  'github fine-grained': `github_pat_${letters(22)}_${letters(59)}`,
  slack: `xoxb-${letters(12, '0123456789')}-${letters(24)}`,
  stripe: `sk_live_${letters(24)}`,
  google: `AIza${letters(35)}`,
  openai: `sk-proj-${letters(48)}`,
  npm: `npm_${letters(36)}`,
  gitlab: `glpat-${letters(20)}`,
  sendgrid: `SG.${letters(22)}.${letters(43)}`,
  'address with a password': 'postgres://app:hunter22@db.example/prod',
  iban: iban('DE', '370400440532013000'),
  'spaced iban': iban('GB', 'WEST12345698765432')
    .replaceAll(/(.{4})/g, '$1 ')
    .trim(),
  visa: card('4', 16),
  amex: card('37', 15),
  'spaced card': card('51', 16).replaceAll(/(\d{4})(?=\d)/g, '$1 '),
  'card in a note': `paid with ${card('4', 16).replaceAll(/(\d{4})(?=\d)/g, '$1-')} by phone`,
  'social security number': '078-05-1120',
  'json password': JSON.stringify({ user: 'a', nested: { password: 'hunter2' } }),
  'json of an api key': '{"apiKey" : "abc123"',
  'token in an address': 'https://x.example/cb?state=1&access_token=abcdef',
  'password in settings': 'HOST=db\nDB_PASSWORD=hunter2',
}

describe('Sensitive values', () => {
  test.each(Object.entries(SECRETS))('%s is found as text and as a blob', (_, secret) => {
    expect(judgeValues(['nothing', secret, secret])).not.toBeNull()
    expect(judgeValues([Buffer.from(secret), Buffer.from(secret)])).not.toBeNull()
  })

  test.each(Object.entries(SECRETS))('the finding of %s does not show the value', (_, secret) => {
    const finding = judgeColumn(
      { table: 't', column: 'c', declaredType: '', values: [secret] },
      { words: [] },
    )
    expect(finding?.by).toBe('content')
    expect(JSON.stringify(finding)).not.toContain(JSON.stringify(secret).slice(1, -1))
  })

  test.each<[string, unknown[]]>([
    ['nothing', []],
    ['e-mail addresses', ['ann@example.com', 'bob@example.org']],
    ['telephone numbers', ['+49 170 1234567', '(555) 010-9999']],
    [
      'sequential ids of sixteen digits',
      Array.from({ length: 500 }, (_, index) => 4_000_000_000_000_000n + BigInt(index)),
    ],
    [
      'times in microseconds',
      Array.from({ length: 500 }, (_, index) => 1_700_000_000_000_000n + BigInt(index * 37)),
    ],
    ['a few numbers that pass Luhn', [BigInt(card('4', 16)), 17n, 18n, 19n]],
    ['UUIDs', ['0190163d-8694-739b-aea5-966c26f8ad91']],
    ['plain hashes of files', [letters(64, hex)]],
    ['prose', ['Her secret: a token of love. The password was never spoken.']],
    ['harmless JSON', ['{"name":"x","token_count":3,"password":null,"salt":""}']],
    ['links', ['https://example.com/a?b=c&page=2', 'mailto:ann@example.com']],
    ['random bytes', [new Uint8Array([0xff, 0xfe, 0, 1]), randomBytes(0)]],
    ['reals', [1.5, Number.POSITIVE_INFINITY]],
    ['a broken IBAN', [iban('DE', '370400440532013000').replace('DE', 'FR')]],
  ])('%s are no secret', (_, values) => {
    expect(judgeValues(values)).toBeNull()
  })

  test('a column of card numbers in integers is found', () => {
    const values = ['400', '41', '4222', '45', '4916'].map(prefix => BigInt(card(prefix, 16)))
    expect(judgeValues(values)).toMatchObject({ confidence: 'certain', hits: 5 })
  })

  test('cards and IBANs are told by their check digits', () => {
    expect(isCardNumber(card('4', 16))).toBe(true)
    expect(isCardNumber(`9${card('4', 16).slice(1)}`)).toBe(false)
    expect(isIban('GB82 WEST 1234 5698 7654 32')).toBe(true)
    expect(isIban('GB83 WEST 1234 5698 7654 32')).toBe(false)
  })

  test.each<[string, string, unknown[], 'found' | 'harmless']>([
    ['tokens', 'INTEGER', [12n, 5000n], 'harmless'],
    ['tokens', 'INTEGER', [], 'harmless'],
    ['token', '', [], 'found'],
    ['token', 'TEXT', ['abc'], 'found'],
    ['pin', 'INTEGER', [4711n, 815n], 'found'],
    ['pin', 'INTEGER', [0n, 1n, 1n], 'harmless'],
    ['session_id', 'INTEGER', [17n, 18n], 'harmless'],
    ['session_id', 'TEXT', ['k3j4h5'], 'found'],
    ['password', 'BOOLEAN', [1n], 'harmless'],
    ['salt', 'BLOB', [new Uint8Array([1, 255])], 'found'],
  ])('%s %s is judged by its values too (case %#)', (column, declaredType, values, expected) => {
    const finding = judgeColumn({ table: 't', column, declaredType, values }, { words: [] })
    expect(finding === null ? 'harmless' : 'found').toBe(expected)
  })

  test('the values of a table of settings are found by the names of the settings', () => {
    const columns = [
      { column: 'key', declaredType: 'TEXT', values: ['theme', 'smtp_password'] },
      { column: 'value', declaredType: 'TEXT', values: ['dark', 'hunter2'] },
    ]
    expect(judgeTable('settings', columns, { words: [] })).toEqual([
      expect.objectContaining({
        column: 'value',
        confidence: 'likely',
        why: expect.stringContaining('password'),
      }),
    ])
    expect(
      judgeTable('settings', [{ ...columns[0]!, values: ['theme'] }, columns[1]!], { words: [] }),
    ).toEqual([])
  })

  test('a table of sessions has them in its ids and its data', () => {
    const columns = [
      { column: 'id', declaredType: 'TEXT', values: ['k3j4h5'] },
      { column: 'data', declaredType: 'TEXT', values: ['x'] },
      { column: 'created_at', declaredType: 'TEXT', values: ['2024-01-01'] },
    ]
    expect(judgeTable('sessions', columns, { words: [] }).map(({ column }) => column)).toEqual(['id', 'data'])
    expect(judgeTable('games', columns, { words: [] })).toEqual([])
  })
})
