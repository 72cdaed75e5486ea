/** A ledger whose backups are signed, and what somebody does who can write where they are stored, but has not the key. */
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Config, generateSigningKey, type Metadata } from '../../src/index.ts'
import { buildLedger } from '../support/databases.ts'
import { succeeded } from '../support/product.ts'
import { openPlace, type Place, readJson } from '../off-site/place.ts'

export interface SignedPlace extends Place {
  readonly publicKey: string
  /** The configuration's part: with the key to sign, and for those who only restore. */
  readonly signing: { readonly key: { readonly file: string }; readonly trusted: string[] }
  /** Writes the configuration anew, with these keys changed. */
  reconfigure(changes: Config): void
}

export async function openSigned(targets: readonly string[] = [], config: Config = {}): Promise<SignedPlace> {
  const place = openPlace(targets)
  const { publicKey } = succeeded(await generateSigningKey({ output: place.path('signing.key') }))
  const signing = { key: { file: 'signing.key' }, trusted: [publicKey] }
  const reconfigure = (changes: Config): void =>
    place.configure({ ...readJson(place.config), ...changes } as Config)
  reconfigure({ signing, ...config })
  return { ...place, publicKey, signing, reconfigure }
}

/** The same, without a word about signatures in the configuration. */
export function forgetSigning(place: SignedPlace): void {
  place.reconfigure({ signing: undefined })
}

/** A backup as it lies in a backup directory, or at a target that is a directory. */
export interface Stored {
  readonly filename: string
  readonly metadata: Metadata
  readonly bytes: Buffer
}

export function readStored(root: string, filename: string): Stored {
  const metadata = readJson(join(root, 'metadata', `${filename}.json`)) as unknown as Metadata
  return { filename, metadata, bytes: readFileSync(join(root, metadata.backup_type, filename)) }
}

export function writeStored(root: string, { filename, metadata, bytes }: Stored): void {
  writeFileSync(join(root, metadata.backup_type, filename), bytes)
  writeFileSync(join(root, 'metadata', `${filename}.json`), JSON.stringify(metadata))
}

/** Metadata that fits these bytes, as if they had been stored plain. */
export function describing(bytes: Buffer, metadata: Metadata): Metadata {
  const checksum = createHash('sha256').update(bytes).digest('hex')
  const size = bytes.length
  return { ...metadata, file_size: size, checksum, image_size: size, image_checksum: checksum }
}

/** A backup of another content that says of itself that it is newer than all others, and was verified. */
export function newerFake(place: Place, like: Stored, more: Partial<Metadata> = {}): Stored {
  if (!existsSync(place.path('fake.db'))) buildLedger(place.path('fake.db'), { commits: 7 })
  const bytes = readFileSync(place.path('fake.db'))
  const { signature: _, ...unsigned } = like.metadata
  const later = {
    timestamp: '2099-01-01T00:00:00',
    created_at: '2099-01-01T00:00:00.000Z',
    verified_at: '2099-01-01T00:00:00.000Z',
  }
  return {
    filename: `app_backup_${like.metadata.backup_type}_20990101_000000.db`,
    metadata: describing(bytes, { ...unsigned, ...later, ...more }),
    bytes,
  }
}
