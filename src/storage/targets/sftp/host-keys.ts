/** Telling whether a server is the one that is meant, by its key. Pure but for what it is given. */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto'

export interface KnownHosts {
  /** Base64 of the keys that are the host's. */
  readonly keys: ReadonlySet<string>
  /** Base64 of keys that must never be trusted again. */
  readonly revoked: ReadonlySet<string>
  /** Kinds of the keys, as the server is asked for one of them: `ssh-ed25519`. */
  readonly types: readonly string[]
}

export type Verdict = 'known' | 'unknown' | 'changed' | 'revoked'

/** As `ssh-keygen -l` shows it: `SHA256:` and base64 without padding. */
export function fingerprintOf(key: Uint8Array): string {
  return `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`
}

export function judgeFingerprint(key: Uint8Array, expected: readonly string[]): Verdict {
  const seen = fingerprintOf(key)
  return expected.some(one => one.replace(/=+$/, '') === seen) ? 'known' : 'changed'
}

export function judgeKnownHosts(key: Uint8Array, { keys, revoked }: KnownHosts): Verdict {
  const seen = Buffer.from(key).toString('base64')
  if (revoked.has(seen)) return 'revoked'
  if (keys.has(seen)) return 'known'
  return keys.size === 0 ? 'unknown' : 'changed'
}

/** What a file of known hosts (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT") says of one. Lines of authorities are not used. */
export function parseKnownHosts(text: string, host: string, port: number): KnownHosts {
  const keys = new Set<string>()
  const revoked = new Set<string>()
  const types = new Set<string>()
  for (const line of text.split('\n')) {
    const words = line.trim().split(/\s+/)
    const marker = words[0]?.startsWith('@') === true ? words.shift() : undefined
    const [hosts, type, key] = words
    if (hosts === undefined || hosts.startsWith('#') || type === undefined || key === undefined) continue
    if (marker === '@cert-authority' || !isOf(hosts, host, port)) continue
    if (marker === '@revoked') revoked.add(key)
    else {
      keys.add(key)
      types.add(type)
    }
  }
  return { keys, revoked, types: [...types] }
}

function isOf(hosts: string, host: string, port: number): boolean {
  const names = port === 22 ? [host, `[${host}]:22`] : [`[${host}]:${port}`]
  let matches = false
  for (const pattern of hosts.split(',')) {
    const isNot = pattern.startsWith('!')
    if (!names.some(name => matchesPattern(isNot ? pattern.slice(1) : pattern, name.toLowerCase()))) continue
    if (isNot) return false
    matches = true
  }
  return matches
}

function matchesPattern(pattern: string, name: string): boolean {
  const hashed = /^\|1\|([A-Za-z0-9+/=]+)\|([A-Za-z0-9+/=]+)$/.exec(pattern)
  if (hashed !== null) {
    const [, salt = '', hash = ''] = hashed
    const expected = Buffer.from(hash, 'base64')
    const got = createHmac('sha1', Buffer.from(salt, 'base64')).update(name).digest()
    return expected.length === got.length && timingSafeEqual(expected, got)
  }
  const source = pattern
    .toLowerCase()
    .replaceAll(/[.+^${}()|[\]\\]/g, String.raw`\$&`)
    .replaceAll('*', '.*')
    .replaceAll('?', '.')
  return new RegExp(`^${source}$`).test(name)
}

/** What to ask a server for so that it shows a key of one of these types; undefined: whatever it likes. */
export function algorithmsFor(types: readonly string[]): string[] | undefined {
  if (types.length === 0) return undefined
  return types.flatMap(type => (type === 'ssh-rsa' ? ['rsa-sha2-512', 'rsa-sha2-256', 'ssh-rsa'] : [type]))
}
