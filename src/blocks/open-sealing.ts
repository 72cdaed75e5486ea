/** What a backup is encrypted with that is stored by its pages: to whom, and how pages are named. */
import { createHmac, randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { blocksDirectory } from '../catalog/layout.ts'
import { Staging } from '../catalog/staging.ts'
import { type AgeRecipients, NoKeyFits } from '../encoding/age/header.ts'
import { openBytes, sealBytes } from '../encoding/age/small-file.ts'
import { Undecodable } from '../encoding/undecodable.ts'
import { makeDirectory, renameDurably, writeNewFile } from '../storage/durable.ts'
import { unlessMissing } from '../storage/io-errors.ts'
import {
  keyedNaming,
  namingIdOf,
  type PackKey,
  type PackSecret,
  parseSecret,
  SECRET_BYTES,
} from './pack-cipher.ts'
import { hashBytes, type PageNaming } from './page-hash.ts'
import type { BlockStore } from './store.ts'

/**
 * How new pages are named and sealed. Names that were made with other keys, or for other recipients, equal none of
 * these: so a backup never relies on a page that its recipients cannot read, or that others can.
 */
export interface Sealing {
  readonly name: PageNaming
  /** Tells names that can be compared from those that cannot; null where nothing is encrypted. */
  readonly namingId: Buffer | null
  /** The key of new packs; null where nothing is encrypted. The same one each time. */
  readonly newKey: (() => Promise<PackKey>) | null
}

export const UNSEALED: Sealing = { name: hashBytes, namingId: null, newKey: null }

const NAMING_KEY_BYTES = 32
/** Whoever can read it can tell whether a page that he thinks of is in the store, and nothing else. */
const SECRET_MODE = 0o600

/**
 * Only for the holder of the catalog's lock. The two files that it may make are no loss: without them pages are stored
 * anew.
 *
 * @param to null: nobody, and nothing is encrypted
 */
export async function openSealing(store: BlockStore, to: AgeRecipients | null): Promise<Sealing> {
  if (to === null) return UNSEALED
  await makeDirectory(blocksDirectory(store.backupDir), store.directoryMode, store.durability)
  if ('passphrase' in to) {
    const key = await passphraseKey(store, to.passphrase)
    return sealingOf(key.secret.naming, async () => key)
  }
  const recipients = [...new Set(to.recipients)].toSorted()
  const naming = createHmac('sha256', await namingKey(store))
    .update(`chame-backup recipients\n${recipients.join('\n')}\n`)
    .digest()
  let made: Promise<PackKey> | null = null
  return sealingOf(naming, () => (made ??= makeKey(naming, { recipients })))
}

function sealingOf(naming: Uint8Array, newKey: () => Promise<PackKey>): Sealing {
  return { name: keyedNaming(naming), namingId: namingIdOf(naming), newKey }
}

async function makeKey(naming: Buffer, to: AgeRecipients): Promise<PackKey> {
  const bytes = Buffer.concat([randomBytes(SECRET_BYTES - naming.length), naming])
  return { secret: parseSecret(bytes) as PackSecret, file: await sealBytes(bytes, to) }
}

/** The key that all names are made with, whoever can read the pages. One that was lost is replaced. */
async function namingKey(store: BlockStore): Promise<Buffer> {
  const path = join(blocksDirectory(store.backupDir), 'naming.key')
  const known = await readSecretFile(path)
  if (known?.length === NAMING_KEY_BYTES) return known
  const key = randomBytes(NAMING_KEY_BYTES)
  await writeSecretFile(path, key, store)
  return key
}

/**
 * With a passphrase this machine can read what it writes, so all packs have one key in common, until the passphrase is
 * another: deriving it takes a tenth of a second and 64 MiB.
 */
async function passphraseKey(store: BlockStore, passphrase: string): Promise<PackKey> {
  const path = join(blocksDirectory(store.backupDir), 'passphrase.age')
  const file = await readSecretFile(path)
  const secret = file === null ? null : await openWith(file, passphrase)
  if (file !== null && secret !== null) return { secret, file }
  const key = await makeKey(randomBytes(NAMING_KEY_BYTES), { passphrase })
  await writeSecretFile(path, key.file, store)
  return key
}

async function openWith(file: Buffer, passphrase: string): Promise<PackSecret | null> {
  try {
    return parseSecret(await openBytes(file, { identities: [], passphrases: [passphrase] }))
  } catch (error) {
    if (error instanceof NoKeyFits || error instanceof Undecodable) return null
    throw error
  }
}

function readSecretFile(path: string): Promise<Buffer | null> {
  return unlessMissing(path, () => readFile(path))
}

/** Durable before anything is made with it, and there as a whole or not at all. */
async function writeSecretFile(path: string, bytes: Buffer, store: BlockStore): Promise<void> {
  await using staging = await Staging.open(store.backupDir, blocksDirectory(store.backupDir))
  const staged = staging.file('secret')
  await writeNewFile(staged, bytes, SECRET_MODE, store.durability)
  await renameDurably(staged, path, store.durability)
}
