/**
 * What the last restore point of a database was made of, so that the next one needs to look only at what changed:
 * a hash for each run of its image. A cache: it can be deleted at any time. It says which restore point it is about,
 * by the checksum of its file, and is not believed where that file is gone or another, nor where its own checksum
 * differs.
 */
import { join } from 'node:path'
import type { Durability } from '../storage/durable.ts'
import { makeDirectory } from '../storage/durable.ts'
import { contentOf } from '../storage/looks.ts'
import { writeInPlace } from '../storage/write-in-place.ts'
import type { Sealing } from './open-sealing.ts'
import { HASH_BYTES } from './page-hash.ts'
import { sha256 } from './restore-point.ts'
import { blocksDirectory } from '../catalog/layout.ts'
import { type BlockStore } from './store.ts'

const MAGIC = Buffer.from('CHBLKFP1')
const CHECKSUM_BYTES = 32
/** Where a file of this backup directory lies, of a kind that a restore point's file has. */
const RESTORE_POINT = /^[a-z][a-z0-9_]*\/[^/\\\0]+\.db\.blocks$/
/** The cache is no loss: nothing waits for the disk. */
const CACHE_DURABILITY: Durability = { isDurable: false }

interface FingerprintHead {
  /** The restore point's file, relative to the backup directory. */
  readonly restorePoint: string
  /** SHA-256 of that file, hex. */
  readonly checksum: string
  readonly pageSize: number
  readonly pageCount: number
  readonly runBytes: number
  /** What the runs are named with, hex: see `Sealing.namingId`. Null or missing where nothing is encrypted. */
  readonly namingId?: string | null
  /** How the database's files looked; null where that would prove nothing later. */
  readonly stamp: string | null
}

export interface Fingerprints extends FingerprintHead {
  /** The hash of each run, {@link HASH_BYTES} each. */
  readonly runs: Buffer
}

/**
 * The fingerprints of a database's last restore point; null where there are none that can be believed, and where it was
 * stored for others than are to read the next one.
 */
export async function readFingerprints(
  store: BlockStore,
  database: string,
  sealing: Pick<Sealing, 'namingId'>,
): Promise<Fingerprints | null> {
  return await readFingerprintFile(cachePath(store, database), sealing)
}

/** The same from any file. */
export async function readFingerprintFile(
  path: string,
  { namingId }: Pick<Sealing, 'namingId'>,
): Promise<Fingerprints | null> {
  const bytes = await contentOf(path).catch(() => null)
  if (bytes === null || bytes.length < MAGIC.length + 4 + CHECKSUM_BYTES) return null
  const end = bytes.length - CHECKSUM_BYTES
  if (!bytes.subarray(0, MAGIC.length).equals(MAGIC)) return null
  if (!sha256(bytes.subarray(0, end)).equals(bytes.subarray(end))) return null
  const headEnd = MAGIC.length + 4 + bytes.readUInt32LE(MAGIC.length)
  const head = JSON.parse(bytes.toString('utf8', MAGIC.length + 4, headEnd)) as FingerprintHead
  if ((head.namingId ?? null) !== namingIdText(namingId)) return null
  const runs = bytes.subarray(headEnd, end)
  const runCount = head.runBytes === 0 ? 0 : Math.ceil((head.pageSize * head.pageCount) / head.runBytes)
  return runs.length === runCount * HASH_BYTES && RESTORE_POINT.test(head.restorePoint)
    ? { ...head, runs }
    : null
}

/** Keeps the fingerprints for the next restore point of the database. */
export async function writeFingerprints(
  store: BlockStore,
  database: string,
  fingerprints: Fingerprints,
): Promise<void> {
  await makeDirectory(cacheDirectory(store), store.directoryMode, CACHE_DURABILITY)
  await writeFingerprintFile(fingerprints, cachePath(store, database))
}

/** The same into any file. */
export async function writeFingerprintFile({ runs, ...head }: Fingerprints, path: string): Promise<void> {
  const text = Buffer.from(JSON.stringify(head))
  const length = Buffer.alloc(4)
  length.writeUInt32LE(text.length)
  const signed = Buffer.concat([MAGIC, length, text, runs])
  await writeInPlace(path, [signed, sha256(signed)])
}

/** As {@link Fingerprints} have it. */
export function namingIdText(namingId: Buffer | null): string | null {
  return namingId?.toString('hex') ?? null
}

/** Caches, all of them: whatever is here can be deleted. */
export function cacheDirectory(store: Pick<BlockStore, 'backupDir'>): string {
  return join(blocksDirectory(store.backupDir), 'cache')
}

function cachePath(store: BlockStore, database: string): string {
  return join(cacheDirectory(store), `${database}.fingerprints`)
}
