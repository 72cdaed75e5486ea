/** A ledger whose backups are encrypted and copied to a target, and keys by name. */
import { join } from 'node:path'
import { type Config, generateKeys } from '../../src/index.ts'
import { type Place, openPlace as openOffSite } from '../off-site/place.ts'
import { succeeded } from '../support/product.ts'

export interface KeyPlace extends Place {
  /** Makes an identity file of that name; resolves to its recipient. */
  key(name: string): Promise<string>
  /** Encrypts new backups to these, with one target `far`. */
  encryptTo(recipients: readonly string[], config?: Config): void
}

export const COMMITS = 12

export function openPlace(): KeyPlace {
  const place = openOffSite(['far'], {}, { commits: COMMITS })
  return {
    ...place,
    key: async name => succeeded(await generateKeys({ output: place.path(name) })).recipient,
    encryptTo(recipients, config = {}) {
      place.configure({
        encoding: 'zstd+age',
        encryption: { recipients: [...recipients] },
        targets: { far: { kind: 'local', path: 'far' } },
        timeZone: 'UTC',
        ...config,
      })
    },
  }
}

export function packsBelow(place: Place, directory: string): string[] {
  return place
    .files(directory)
    .filter(name => name.endsWith('.pack'))
    .map(name => join(place.path(directory), name))
}
