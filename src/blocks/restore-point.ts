/**
 * The file of a restore point: which page of the image is in which pack. Byte by byte in docs/formats.md; whoever
 * changes it changes that page, and `recover.mjs`.
 */
import { createHash } from 'node:crypto'
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { damaged } from './damage.ts'
import { PACK_BYTES_MAX } from './pack-size.ts'
import { unzigzag, VarintReader, VarintWriter, zigzag } from './varints.ts'

const MAGIC = Buffer.from('CHBLKRP1')
/** Of one whose packs are encrypted. */
const SEALED_MAGIC = Buffer.from('CHBLKRP2')
export const MAGIC_BYTES: number = MAGIC.length
const HEADER_BYTES = 72
export const PACK_ID_BYTES = 32
const CHECKSUM_BYTES = 32
/** The list is short where it matters; a higher level is worth its time. */
const LEVEL = 3

export interface RestorePoint {
  /** 0 for an empty database. */
  readonly pageSize: number
  readonly pageCount: number
  /** SHA-256 of the image, hex. */
  readonly imageChecksum: string
  /** The ids of the packs that the runs name by their number, {@link PACK_ID_BYTES} each. */
  readonly packs: Buffer
  /** As {@link RunWriter} writes them. */
  readonly runs: Buffer
  /** Whether its packs are encrypted: all of them are, or none. */
  readonly isSealed: boolean
}

/** Pages of the image that follow each other in a pack as well. */
export interface Run {
  /** Number of the pack in the restore point's list. */
  readonly pack: number
  /** Of the first page in the pack. */
  readonly slot: number
  readonly count: number
}

export function packCount({ packs }: RestorePoint): number {
  return packs.length / PACK_ID_BYTES
}

/** Id of a pack, hex. */
export function packId({ packs }: RestorePoint, pack: number): string {
  return packs.toString('hex', pack * PACK_ID_BYTES, (pack + 1) * PACK_ID_BYTES)
}

export function encodeRestorePoint(point: RestorePoint): Buffer {
  const body = Buffer.concat([point.packs, point.runs])
  const compressed = zstdCompressSync(body, {
    params: { [constants.ZSTD_c_compressionLevel]: LEVEL },
  })
  const header = Buffer.alloc(HEADER_BYTES)
  ;(point.isSealed ? SEALED_MAGIC : MAGIC).copy(header, 0)
  header.writeUInt32LE(point.pageSize, 8)
  header.writeUInt32LE(point.pageCount, 12)
  Buffer.from(point.imageChecksum, 'hex').copy(header, 16)
  header.writeUInt32LE(packCount(point), 48)
  header.writeBigUInt64LE(BigInt(body.length), 56)
  header.writeBigUInt64LE(BigInt(compressed.length), 64)
  const signed = Buffer.concat([header, compressed])
  return Buffer.concat([signed, sha256(signed)])
}

/** Whether a file begins as the restore point of an encrypted backup does. */
export function isSealedPoint(start: Buffer): boolean {
  return start.subarray(0, MAGIC_BYTES).equals(SEALED_MAGIC)
}

/** Parses and checks a restore point's file. Throws `BACKUP_DAMAGED` for anything that was not written so. */
export function parseRestorePoint(bytes: Buffer, path: string): RestorePoint {
  const end = bytes.length - CHECKSUM_BYTES
  if (end < HEADER_BYTES) throw damaged(path, 'the restore point is cut short')
  const isSealed = isSealedPoint(bytes)
  if (!isSealed && !bytes.subarray(0, MAGIC_BYTES).equals(MAGIC))
    throw damaged(path, 'the file is no restore point of this format')
  if (!sha256(bytes.subarray(0, end)).equals(bytes.subarray(end)))
    throw damaged(path, "the restore point's checksum differs")
  const bodyBytes = Number(bytes.readBigUInt64LE(56))
  const packs = bytes.readUInt32LE(48) * PACK_ID_BYTES
  const body = decompress(bytes.subarray(HEADER_BYTES, end), bodyBytes, path)
  const point: RestorePoint = {
    pageSize: bytes.readUInt32LE(8),
    pageCount: bytes.readUInt32LE(12),
    imageChecksum: bytes.toString('hex', 16, 48),
    packs: body.subarray(0, packs),
    runs: body.subarray(packs),
    isSealed,
  }
  if (body.length < packs || !isWhole(point)) throw damaged(path, 'the restore point makes no sense')
  return point
}

function decompress(bytes: Buffer, length: number, path: string): Buffer {
  try {
    const body = zstdDecompressSync(bytes, { maxOutputLength: Math.max(1, length) })
    if (body.length === length) return body
  } catch {
    // Said below: a body that cannot be read is as wrong as one of another length.
  }
  throw damaged(path, "the restore point's list cannot be read")
}

/** Whether the runs are of packs in the list, and make up exactly the image. */
function isWhole(point: RestorePoint): boolean {
  const { pageSize, pageCount } = point
  const isPageSize = pageSize >= 512 && pageSize <= 65_536 && Number.isInteger(Math.log2(pageSize))
  if (!isPageSize && (pageSize !== 0 || pageCount !== 0)) return false
  // A bit is kept for each slot up to the last that is named.
  const slotsMax = PACK_BYTES_MAX / Math.max(1, pageSize)
  let pages = 0
  for (const { pack, slot, count } of runsOf(point)) {
    if (!(pack < packCount(point) && slot >= 0 && count > 0 && slot + count <= slotsMax)) return false
    pages += count
  }
  return pages === pageCount
}

/** The runs of a restore point, in the order of the image. The object is the same one each time. */
export function* runsOf(point: RestorePoint): Generator<Run> {
  const reader = new VarintReader(point.runs)
  const expected = new Float64Array(packCount(point))
  const run = { pack: 0, slot: 0, count: 0 }
  while (!reader.isAtEnd) {
    run.pack = reader.next()
    run.slot = (expected[run.pack] ?? 0) + unzigzag(reader.next())
    run.count = reader.next()
    expected[run.pack] = run.slot + run.count
    yield run
  }
}

/** Collects runs in the order of the image; those that follow each other become one. */
export class RunWriter {
  readonly #bytes = new VarintWriter()
  readonly #expected: number[] = []
  #pack = -1
  #slot = 0
  #count = 0

  add(pack: number, slot: number, count: number): void {
    if (pack === this.#pack && slot === this.#slot + this.#count) {
      this.#count += count
      return
    }
    this.#flush()
    this.#pack = pack
    this.#slot = slot
    this.#count = count
  }

  finish(): Buffer {
    this.#flush()
    this.#count = 0
    return this.#bytes.bytes
  }

  /** Most runs go on where the last one of their pack has ended, or a page further. */
  #flush(): void {
    if (this.#count === 0) return
    this.#bytes.put(this.#pack)
    this.#bytes.put(zigzag(this.#slot - (this.#expected[this.#pack] ?? 0)))
    this.#bytes.put(this.#count)
    this.#expected[this.#pack] = this.#slot + this.#count
  }
}

export function sha256(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest()
}
