/** Keys as they stand in configurations and files. Read without the age library, which takes a while to load. */
import { isBech32Key } from './bech32.ts'

const EXPECTED = 'expected a public key as age-keygen prints it: age1 and 58 characters'

/** What is wrong with a recipient; null for an X25519 public key, the one kind that is supported. */
export function recipientProblem(text: string): string | null {
  if (isBech32Key(text, 'age')) return null
  if (/^age-secret-key-/i.test(text))
    return 'that is an identity, which is secret: give its recipient, the "public key" beside it'
  if (/^age1(?:pq|tag|tagpq)1/.test(text)) return 'post-quantum and hardware recipients are not supported'
  if (/^(?:ssh-|ecdsa-)/.test(text)) return 'SSH keys are not supported as recipients'
  if (/^age1[a-z0-9-]+1[a-z0-9]+$/.test(text) && text.length !== EXPECTED_LENGTH)
    return `plugin recipients are not supported; ${EXPECTED}`
  return EXPECTED
}

const EXPECTED_LENGTH = 'age1'.length + 58

/** The identities in the text of an identity file, or what is wrong with it. Quotes none of it. */
export function parseIdentities(
  text: string,
): { readonly identities: readonly string[] } | { readonly problem: string } {
  if (/^(?:age-encryption\.org\/|-----BEGIN AGE)/.test(text.trimStart()))
    return { problem: 'it is encrypted itself: decrypt it first with age -d' }
  const lines = text
    .split(/\r?\n/)
    .map(line => line.trim())
    .filter(line => line !== '' && !line.startsWith('#'))
  for (const line of lines) {
    if (line.startsWith('AGE-SECRET-KEY-PQ-1'))
      return { problem: 'post-quantum identities are not supported' }
    if (line.startsWith('AGE-PLUGIN-')) return { problem: 'plugin identities are not supported' }
    if (line !== line.toUpperCase() || !isBech32Key(line.toLowerCase(), 'age-secret-key-'))
      return { problem: 'it holds something else than identities as age-keygen writes them' }
  }
  return lines.length === 0 ? { problem: 'there is no identity in it' } : { identities: lines }
}
