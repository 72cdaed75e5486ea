/** One example for each way in which a secret is known by its shape or by its column's name. */
import { describe, expect, test } from 'vitest'
import { judgeName } from '../../src/export/sensitive/names.ts'
import { judgeColumn } from '../../src/export/sensitive/scan.ts'
import { SECRET_SHAPES } from '../../src/export/sensitive/shapes.ts'
import { judgeValues } from '../../src/export/sensitive/values.ts'
import { SENSITIVE_WORDS } from '../../src/export/sensitive/words.ts'
import { letters, SHAPES } from './secrets.ts'

const HEX = '0123456789abcdef'
const DIGITS = '0123456789'
const UPPER = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'

/** Known in another way than by a shape. */
const SHAPELESS: ReadonlySet<string> = new Set(['card', 'iban', 'ssn', 'json'])

const word = (count: number, alphabet?: string): string => letters(count, 3, alphabet)

/** Made up here of two parts and more, so that no scanner of this repository takes them for real. */
const EXAMPLES: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    Object.entries(SHAPES)
      .filter(([name]) => !SHAPELESS.has(name))
      .map(([name, shape]) => [name, shape(1)]),
  ),
  'Argon2 without a version': `$argon2i$m=4096,t=3,p=1$${word(22)}$${word(43)}`,
  Argon2d: `$argon2d$v=19$m=4096,t=3,p=1$${word(22)}$${word(43)}`,
  'scrypt of crypt()': `$7$${word(14)}$${word(43)}`,
  'scrypt of Werkzeug': `scrypt:32768:8:1$${word(16)}$${word(64, HEX)}`,
  'scrypt of Django': `scrypt$${16384}$${word(12)}$8$1$${word(64)}`,
  'PBKDF2 of passlib': `$pbkdf2-sha512$25000$${word(22)}$${word(86)}`,
  'PBKDF2 of Werkzeug': `pbkdf2:sha256:600000$${word(16)}$${word(64, HEX)}`,
  'PBKDF2 of LDAP': `{PBKDF2-SHA256}10000$${word(22)}$${word(43)}`,
  'MD5 crypt': `$1$${word(8)}$${word(22)}`,
  'SHA-256 crypt': `$5$rounds=5000$${word(16)}$${word(43)}`,
  apr1: `$apr1$${word(8)}$${word(22)}`,
  'MD5 of Solaris': `$md5$rounds=904$${word(8)}$${word(22)}`,
  yescrypt: `$y$j9T$${word(22)}$${word(43)}`,
  'gost-yescrypt': `$gy$j9T$${word(22)}$${word(43)}`,
  'SHA-1 crypt': `$sha1$480000$${word(8)}$${word(28)}`,
  phpass: `$P$B${word(30)}`,
  'LDAP SHA': `{SHA}${word(27)}=`,
  'LDAP SSHA': `{SSHA}${word(32)}`,
  'LDAP MD5': `{MD5}${word(22)}==`,
  'LDAP SMD5': `{SMD5}${word(28)}`,
  'LDAP SSHA256': `{SSHA256}${word(54)}==`,
  'LDAP SSHA384': `{SSHA384}${word(74)}==`,
  'LDAP SSHA512': `{SSHA512}${word(96)}`,
  'LDAP crypt': `{CRYPT}$6$${word(16)}$${word(86)}`,
  age: `AGE-SECRET-KEY-1${word(58, UPPER)}`,
  PGP: `-----BEGIN PGP ${'PRIVATE'} KEY BLOCK-----\n\n${word(64)}\n`,
  PuTTY: `PuTTY-User-Key-${'File'}-3: ssh-ed25519\nEncryption: none\n`,
  'AWS, temporary': `ASIA${word(16, UPPER)}`,
  'GitHub, fine-grained': `github_pat_${word(22)}_${word(59)}`,
  'GitLab, deploy': `gldt-${word(20)}`,
  'GitLab, runner': `glrt-${word(20)}`,
  'GitLab, trigger': `glptt-${word(40)}`,
  'GitLab, SCIM': `glsoat-${word(20)}`,
  'Slack, app': `xapp-1-A${word(10, UPPER)}-${word(12, DIGITS)}-${word(64, HEX)}`,
  'Slack, webhook': `https://hooks.slack.com/services/T${word(8, UPPER)}/B${word(8, UPPER)}/${word(24)}`,
  'Stripe, test': `rk_test_${word(24)}`,
  'Stripe, webhook': `whsec_${word(32)}`,
  'Google, OAuth client': `GOCSPX-${word(28)}`,
  'Google, OAuth access': `ya29.${word(60)}`,
  'OpenAI, old': `sk-${word(48)}`,
  'OpenAI, service account': `sk-svcacct-${word(48)}`,
  'OpenAI, admin': `sk-admin-${word(48)}`,
  Anthropic: `sk-ant-${'api03'}-${word(80)}`,
  PyPI: `pypi-AgE${word(60)}`,
  Mailgun: `key-${word(32, HEX)}`,
  Twilio: `SK${word(32, HEX)}`,
  'Shopify, access': `shpat_${word(32, HEX)}`,
  'Shopify, custom app': `shpca_${word(32, HEX)}`,
  'Shopify, private app': `shppa_${word(32, HEX)}`,
  'Shopify, shared secret': `shpss_${word(32, HEX)}`,
  DigitalOcean: `dop_v1_${word(64, HEX)}`,
  'Hugging Face': `hf_${word(34, 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ')}`,
  Telegram: `${word(9, '123456789')}:AA${word(33)}`,
  Vault: `hvs.${word(90)}`,
  'Doppler, personal': `dp.pt.${word(40)}`,
  'Doppler, service': `dp.st.${'prd'}.${word(40)}`,
  'Doppler, CLI': `dp.ct.${word(40)}`,
  'Doppler, service account': `dp.sa.${word(40)}`,
  HOTP: `otpauth://hotp/Chame:ann?secret=${word(32, UPPER)}&counter=1`,
}

/** Each way through a pattern: with one of the alternatives of each of its groups. */
function waysOf(source: string): string[] {
  const ways = alternativesOf(source)
  if (ways.length > 1) return ways.flatMap(waysOf)
  // The first group with alternatives, each of which takes its place.
  for (const { open, close } of groupsOf(source)) {
    const inner = alternativesOf(source.slice(open + '(?:'.length, close))
    if (inner.length === 1) continue
    // What may be missing altogether has one way more, which needs no example.
    return inner.flatMap(one =>
      waysOf(`${source.slice(0, open)}${one}${source.slice(close + 1).replace(/^\?/, '')}`),
    )
  }
  return [source]
}

function alternativesOf(source: string): string[] {
  const ends = signsOf(source).filter(({ sign, depth }) => sign === '|' && depth === 0)
  const starts = [0, ...ends.map(({ at }) => at + 1)]
  return starts.map((start, index) => source.slice(start, ends[index]?.at))
}

function groupsOf(source: string): { open: number; close: number }[] {
  const signs = signsOf(source)
  return signs
    .filter(({ sign }) => sign === '(')
    .map(({ at: open, depth }) => ({
      open,
      close:
        signs.find(({ sign, at, depth: other }) => sign === ')' && at > open && other === depth)?.at ?? 0,
    }))
}

/** Parentheses and bars that mean something, and how deep they stand. */
function signsOf(source: string): { sign: string; at: number; depth: number }[] {
  let depth = 0
  return [...source.matchAll(/\\.|\[(?:\\.|[^\]])*\]|[()|]/g)]
    .filter(([token]) => token.length === 1)
    .map(({ 0: sign, index: at }) => {
      if (sign === ')') depth--
      const found = { sign, at, depth }
      if (sign === '(') depth++
      return found
    })
}

describe('a secret that has a shape', () => {
  test.each(Object.entries(EXAMPLES))('is found: %s', (_, secret) => {
    expect(judgeValues(['nothing', `before ${secret} after`])).not.toBeNull()
    expect(judgeValues([secret])).not.toBeNull()
  })

  test.each(SECRET_SHAPES.map(({ name, pattern }) => [name, pattern] as const))(
    'has an example for every way through its pattern: %s, %s',
    (_, { source, flags }) => {
      const missing = waysOf(source).filter(
        way => !Object.values(EXAMPLES).some(secret => new RegExp(way, flags).test(secret)),
      )
      expect(missing).toEqual([])
    },
  )

  test('the ways through a pattern are all there are', () => {
    expect(waysOf(String.raw`a(?:b|c[|)]{2})?d|e\|(?:f(?:g|h)|i)`)).toEqual([
      'abd',
      String.raw`ac[|)]{2}d`,
      String.raw`e\|fg`,
      String.raw`e\|fh`,
      String.raw`e\|i`,
    ])
  })
})

describe('a word of the list', () => {
  test.each(SENSITIVE_WORDS.map(entry => [entry.words, entry] as const))(
    'is found in the name of a column, however it is written: %s',
    (_, { words, confidence, isNumeric }) => {
      const parts = words.split(' ')
      const camel = parts.map((part, index) => (index === 0 ? part : part[0]?.toUpperCase() + part.slice(1)))
      for (const column of [
        parts.join('_'),
        parts.join('-').toUpperCase(),
        camel.join(''),
        `my_${parts.join('_')}`,
      ]) {
        expect(judgeName(column, [])?.confidence, column).toBe(confidence)
        const values = isNumeric === true ? [4711n] : ['k3j4h5']
        const found = judgeColumn({ table: 't', column, declaredType: '', values }, { words: [] })
        expect(found?.by, column).toBe('name')
      }
    },
  )
})
