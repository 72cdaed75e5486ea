import { constants, fstatSync, openSync } from 'node:fs'
import { promisify } from 'node:util'
import { crc32, zstdDecompress } from 'node:zlib'
import { isNotThere, toTypedError } from '../storage/io-errors.ts'
import { closeRead, type OpenFile, readAvailable } from '../storage/transfer.ts'
import { damaged } from './damage.ts'
import {
  groupCount,
  groupCrc,
  groupLength,
  hashOf,
  isPresent,
  PACK_MAGIC,
  type PackIndex,
  packIdOf,
  parsePackIndex,
  parseTrailer,
  presentBetween,
  TRAILER_BYTES,
} from './pack-index.ts'
import { hashBytes } from './page-hash.ts'

const decompress = promisify(zstdDecompress)
/** What zlib allows. */
const CHUNK_BYTES_MIN = 64
/** So many groups are read ahead and decompressed on other cores. */
const AHEAD = 4

/** The pages of a group that are left, one after another. */
export interface Group {
  readonly group: number
  readonly pages: Buffer
}

/** A pack opened for reading, its index checked; closed by `using`. */
export class PackFile implements Disposable {
  readonly path: string
  readonly id: string
  readonly index: PackIndex
  readonly sizeBytes: number
  readonly #file: OpenFile
  /** Where each group begins, and the last one ends. */
  readonly #starts: Float64Array

  private constructor(
    file: OpenFile,
    { id, sizeBytes }: { readonly id: string; readonly sizeBytes: number },
    index: PackIndex,
  ) {
    this.path = file.path
    this.id = id
    this.sizeBytes = sizeBytes
    this.index = index
    this.#file = file
    this.#starts = new Float64Array(groupCount(index) + 1)
    this.#starts[0] = PACK_MAGIC.length
    for (let group = 0; group < groupCount(index); group++) {
      this.#starts[group + 1] = (this.#starts[group] as number) + groupLength(index, group)
    }
  }

  /** Throws `BACKUP_DAMAGED` when the pack is missing, or its index is not that of the id. */
  static open(path: string, id: string): PackFile {
    const file = openPack(path)
    try {
      const size = fstatSync(file.fd).size
      const index = readIndex(file, size)
      if (packIdOf(index) !== id) throw damaged(path, 'the pack is another than its name says')
      return new PackFile(file, { id, sizeBytes: size }, index)
    } catch (error) {
      closeRead(file.fd)
      throw toTypedError(error, 'read', path)
    }
  }

  /** The compressed bytes of a group, as they are. */
  readRaw(group: number): Buffer {
    const bytes = Buffer.allocUnsafe(groupLength(this.index, group))
    const got = readAvailable(this.#file, bytes, this.#starts[group] as number)
    if (got < bytes.length) throw damaged(this.path, 'the pack is cut short')
    return bytes
  }

  /** Yields groups in the order that they are asked for. Throws `BACKUP_DAMAGED` at the first that cannot be read. */
  async *readGroups(groups: Iterable<number>): AsyncGenerator<Group> {
    const ahead: Promise<Group>[] = []
    try {
      for (const group of groups) {
        const read = this.readGroup(group)
        read.catch(() => {}) // Awaited in its turn.
        ahead.push(read)
        if (ahead.length > AHEAD) yield await (ahead.shift() as Promise<Group>)
      }
      while (ahead.length > 0) yield await (ahead.shift() as Promise<Group>)
    } finally {
      await Promise.allSettled(ahead)
    }
  }

  /** One group, its compressed bytes checked; its pages are not held against their hashes. */
  async readGroup(group: number): Promise<Group> {
    if (group >= groupCount(this.index)) throw damaged(this.path, `the pack has no group ${group}`)
    const raw = this.readRaw(group)
    if (crc32(raw) !== groupCrc(this.index, group)) throw this.#damagedGroup(group)
    const { pageSize, groupPages } = this.index
    const length = pageSize * presentBetween(this.index, group * groupPages, (group + 1) * groupPages)
    if (length === 0) return { group, pages: Buffer.alloc(0) }
    const pages = await decompress(raw, {
      maxOutputLength: length,
      // One byte more than there are: where the output is full Node asks once more whether that was all.
      chunkSize: Math.max(CHUNK_BYTES_MIN, length + 1),
    }).catch(() => null)
    if (pages?.length !== length) throw this.#damagedGroup(group)
    return { group, pages }
  }

  /** The bytes of pages that follow each other in a group. Throws `BACKUP_DAMAGED` where one is not in the pack. */
  pagesOf({ group, pages }: Group, slot: number, count: number): Buffer {
    const { groupPages, pageSize } = this.index
    if (presentBetween(this.index, slot, slot + count) < count)
      throw damaged(this.path, `the pack has not all of the pages ${slot} to ${slot + count - 1} any more`)
    const from = presentBetween(this.index, group * groupPages, slot) * pageSize
    return pages.subarray(from, from + count * pageSize)
  }

  /** The first slot of a group whose page is not what its hash says; null when all that are left are. */
  firstWrong({ group, pages }: Group): number | null {
    const { groupPages, pageSize, pageCount } = this.index
    let at = 0
    for (let slot = group * groupPages; slot < Math.min(pageCount, (group + 1) * groupPages); slot++) {
      if (!isPresent(this.index, slot)) continue
      if (!hashBytes(pages.subarray(at, at + pageSize)).equals(hashOf(this.index, slot))) return slot
      at += pageSize
    }
    return null
  }

  #damagedGroup(group: number): Error {
    return damaged(this.path, `group ${group} of the pack has other bytes than were written`)
  }

  [Symbol.dispose](): void {
    closeRead(this.#file.fd)
  }
}

function openPack(path: string): OpenFile {
  try {
    return { fd: openSync(path, constants.O_RDONLY | constants.O_NONBLOCK), path }
  } catch (error) {
    throw isNotThere(error) ? damaged(path, 'a pack is missing') : toTypedError(error, 'open', path)
  }
}

function readIndex(file: OpenFile, size: number): PackIndex {
  const { path } = file
  const head = Buffer.alloc(PACK_MAGIC.length)
  const trailer = Buffer.alloc(TRAILER_BYTES)
  if (size < head.length + trailer.length) throw damaged(path, 'the pack is cut short')
  readAvailable(file, head, 0)
  readAvailable(file, trailer, size - TRAILER_BYTES)
  const figures = parseTrailer(trailer)
  if (!head.equals(PACK_MAGIC) || figures === null) throw damaged(path, 'the file is no pack of this format')
  const tailBytes = figures.indexBytes + TRAILER_BYTES
  if (tailBytes + head.length > size) throw damaged(path, 'the pack is cut short')
  const tail = Buffer.allocUnsafe(tailBytes)
  if (readAvailable(file, tail, size - tailBytes) < tailBytes) throw damaged(path, 'the pack is cut short')
  return parsePackIndex(tail, size, path)
}
