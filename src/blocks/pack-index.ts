/**
 * The end of a pack's file: what is in it. Byte by byte in docs/formats.md; whoever changes it changes that page,
 * and `recover.mjs`.
 */
import { createHash } from 'node:crypto'
import { damaged } from './damage.ts'
import { NAMING_ID_BYTES, SALT_BYTES } from './pack-cipher.ts'
import { PACK_BYTES_MAX } from './pack-size.ts'
import { HASH_BYTES } from './page-hash.ts'
import { sha256 } from './restore-point.ts'

export const PACK_MAGIC: Buffer = Buffer.from('CHBLKPK1')
const END_MAGIC = Buffer.from('CHBLKPE1')
/** Of an encrypted one. */
export const SEALED_MAGIC: Buffer = Buffer.from('CHBLKPK2')
const SEALED_END_MAGIC = Buffer.from('CHBLKPE2')
/** Page size, pages, pages a group, bytes of the key, checksum, magic. */
export const TRAILER_BYTES: number = 16 + 32 + 8
export const GROUP_ENTRY_BYTES = 8
const KEY_HASH_BYTES = 32
/** A few lines for each recipient. */
const KEY_BYTES_MAX = 1 << 20

/** Pages are compressed in groups of this size: large enough to compress well, small enough to read one page of. */
export const GROUP_BYTES: number = 64 << 10

export interface PackIndex {
  readonly pageSize: number
  readonly pageCount: number
  readonly groupPages: number
  /** {@link HASH_BYTES} for each page, dropped ones included. */
  readonly hashes: Buffer
  /** A bit for each page: whether it is still in the pack. */
  readonly present: Buffer
  /** For each group the length of its compressed bytes, 0 when none of its pages is left, and their CRC-32. */
  readonly groups: Buffer
  /** Null in a pack that is not encrypted. */
  readonly sealed: SealedPack | null
}

/** What an encrypted pack has besides. */
export interface SealedPack {
  /** Bytes of its salt and its age file, which stand between the magic and the first group. */
  readonly keyBytes: number
  /** SHA-256 of these. */
  readonly keyHash: Buffer
  /** Says which packs' pages are named in the same way. */
  readonly namingId: Buffer
}

/** Where a pack's first group begins. */
export function groupsStart({ sealed }: Pick<PackIndex, 'sealed'>): number {
  return PACK_MAGIC.length + (sealed?.keyBytes ?? 0)
}

export function groupCount({ pageCount, groupPages }: Pick<PackIndex, 'pageCount' | 'groupPages'>): number {
  return Math.ceil(pageCount / groupPages)
}

export function isPresent(
  { present, pageCount }: Pick<PackIndex, 'present' | 'pageCount'>,
  slot: number,
): boolean {
  return slot < pageCount && ((present[slot >> 3] as number) & (1 << (slot & 7))) !== 0
}

export function groupLength({ groups }: Pick<PackIndex, 'groups'>, group: number): number {
  return groups.readUInt32LE(group * GROUP_ENTRY_BYTES)
}

export function groupCrc({ groups }: PackIndex, group: number): number {
  return groups.readUInt32LE(group * GROUP_ENTRY_BYTES + 4)
}

/** An entry of {@link PackIndex.groups}. */
export function groupEntry(length: number, crc: number): Buffer {
  const entry = Buffer.alloc(GROUP_ENTRY_BYTES)
  entry.writeUInt32LE(length, 0)
  entry.writeUInt32LE(crc, 4)
  return entry
}

/** How many pages are left among the slots from `from` up to but not including `until`. */
export function presentBetween(index: PackIndex, from: number, until: number): number {
  let count = 0
  for (let slot = from; slot < until; slot++) if (isPresent(index, slot)) count += 1
  return count
}

export function hashOf({ hashes }: Pick<PackIndex, 'hashes'>, slot: number): Buffer {
  return hashes.subarray(slot * HASH_BYTES, (slot + 1) * HASH_BYTES)
}

/**
 * The id of a pack, hex: SHA-256 of what its pages are, and of its key if it is encrypted. It stays when pages are
 * dropped from the file, so that no restore point has to change.
 */
export function packIdOf(index: Pick<PackIndex, 'pageSize' | 'hashes' | 'sealed'>): string {
  const size = Buffer.alloc(4)
  size.writeUInt32LE(index.pageSize)
  return createHash('sha256')
    .update(`chame-backup pack ${index.sealed === null ? 1 : 2}\n`)
    .update(size)
    .update(lastingPart(index))
    .digest('hex')
}

/** The beginning of the index, which is the same in every file of a pack. */
export function lastingPart({ hashes, sealed }: Pick<PackIndex, 'hashes' | 'sealed'>): Buffer {
  return sealed === null ? hashes : Buffer.concat([hashes, sealed.keyHash, sealed.namingId])
}

/** What stands at a pack's end. */
export function encodePackIndex(index: PackIndex): Buffer {
  const figures = Buffer.alloc(16)
  figures.writeUInt32LE(index.pageSize, 0)
  figures.writeUInt32LE(index.pageCount, 4)
  figures.writeUInt32LE(index.groupPages, 8)
  figures.writeUInt32LE(index.sealed?.keyBytes ?? 0, 12)
  const signed = Buffer.concat([lastingPart(index), index.present, index.groups, figures])
  return Buffer.concat([signed, sha256(signed), index.sealed === null ? END_MAGIC : SEALED_END_MAGIC])
}

/** The lengths of the parts that a trailer announces; null when it is none. */
export function parseTrailer(trailer: Buffer): Figures | null {
  const [pageSize, pageCount, groupPages, keyBytes] = [0, 4, 8, 12].map(at => trailer.readUInt32LE(at)) as [
    number,
    number,
    number,
    number,
  ]
  const isSealed = isSealedTrailer(trailer)
  const isMade =
    trailer.subarray(48).equals(isSealed ? SEALED_END_MAGIC : END_MAGIC) &&
    (!isSealed || (keyBytes > SALT_BYTES && keyBytes <= KEY_BYTES_MAX)) &&
    pageSize >= 512 &&
    pageSize <= 65_536 &&
    pageCount > 0 &&
    pageCount * pageSize <= PACK_BYTES_MAX &&
    groupPages > 0 &&
    groupPages * pageSize <= PACK_BYTES_MAX
  if (!isMade) return null
  const groups = groupCount({ pageCount, groupPages })
  return {
    pageCount,
    groupPages,
    isSealed,
    indexBytes: lastingBytes(pageCount, isSealed) + Math.ceil(pageCount / 8) + groups * GROUP_ENTRY_BYTES,
  }
}

interface Figures {
  readonly indexBytes: number
  readonly pageCount: number
  readonly groupPages: number
  readonly isSealed: boolean
}

function isSealedTrailer(trailer: Buffer): boolean {
  return trailer.subarray(48).equals(SEALED_END_MAGIC)
}

function lastingBytes(pageCount: number, isSealed: boolean): number {
  return pageCount * HASH_BYTES + (isSealed ? KEY_HASH_BYTES + NAMING_ID_BYTES : 0)
}

/**
 * Parses and checks what stands at the end of a pack of `size` bytes. Throws `BACKUP_DAMAGED`.
 *
 * @param tail the index and the trailer
 */
export function parsePackIndex(tail: Buffer, size: number, path: string): PackIndex {
  const end = tail.length - TRAILER_BYTES
  const trailer = tail.subarray(end)
  if (!sha256(tail.subarray(0, end + 16)).equals(trailer.subarray(16, 48)))
    throw damaged(path, "the checksum of the pack's index differs")
  const pageCount = trailer.readUInt32LE(4)
  const isSealed = isSealedTrailer(trailer)
  const hashesEnd = pageCount * HASH_BYTES
  const lastingEnd = lastingBytes(pageCount, isSealed)
  const presentEnd = lastingEnd + Math.ceil(pageCount / 8)
  const index: PackIndex = {
    pageSize: trailer.readUInt32LE(0),
    pageCount,
    groupPages: trailer.readUInt32LE(8),
    hashes: tail.subarray(0, hashesEnd),
    present: tail.subarray(lastingEnd, presentEnd),
    groups: tail.subarray(presentEnd, end),
    sealed: isSealed
      ? {
          keyBytes: trailer.readUInt32LE(12),
          keyHash: tail.subarray(hashesEnd, hashesEnd + KEY_HASH_BYTES),
          namingId: tail.subarray(hashesEnd + KEY_HASH_BYTES, lastingEnd),
        }
      : null,
  }
  let bytes = groupsStart(index)
  for (let group = 0; group < groupCount(index); group++) bytes += groupLength(index, group)
  if (bytes + tail.length !== size) throw damaged(path, 'the pack has not the length that its index says')
  return index
}
