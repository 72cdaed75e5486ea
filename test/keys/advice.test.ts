import { expect, test } from 'vitest'
import { adviseOnKeys } from '../../src/encoding/key-advice.ts'
import type { EncodingSettings } from '../../src/encoding/settings.ts'

function settings(
  encoding: EncodingSettings['encoding'],
  { recipients = [], hasPassphrase = false }: { recipients?: string[]; hasPassphrase?: boolean } = {},
): Pick<EncodingSettings, 'encoding' | 'encryption'> {
  const passphrase = hasPassphrase ? { env: 'PASSPHRASE' } : null
  return { encoding, encryption: { recipients, passphrase, identities: [], directory: '/' } }
}

test.each([
  ['one recipient', settings('zstd+age', { recipients: ['age1a'] }), 'single key'],
  ['one recipient, named twice', settings('zstd+age', { recipients: ['age1a', 'age1a'] }), 'single key'],
  ['one recipient of pages', settings('blocks', { recipients: ['age1a'] }), 'single key'],
  ['a recipient, and nothing encrypted', settings('zstd', { recipients: ['age1a'] }), 'not encrypted'],
  ['a passphrase, and nothing encrypted', settings('plain', { hasPassphrase: true }), 'not encrypted'],
])('is warned of: %s', (_, storing, says) => {
  expect(adviseOnKeys(storing)).toEqual([expect.stringContaining(says)])
})

test.each([
  ['two recipients', settings('zstd+age', { recipients: ['age1a', 'age1b'] })],
  ['a passphrase', settings('blocks', { hasPassphrase: true })],
  ['no encryption', settings('zstd')],
  ['pages without keys', settings('blocks')],
])('is not warned of: %s', (_, storing) => {
  expect(adviseOnKeys(storing)).toEqual([])
})
