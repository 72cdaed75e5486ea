import { constants, fstatSync, openSync } from 'node:fs'
import { crc32 } from 'node:zlib'
import { NoKeyFits } from '../encoding/age/header.ts'
import { Undecodable } from '../encoding/undecodable.ts'
import { isNotThere, toTypedError } from '../storage/io-errors.ts'
import { closeRead, type OpenFile, readAvailable } from '../storage/transfer.ts'
import { damaged, isDamage } from './damage.ts'
import { decompress, decompressHere, type Group } from './group.ts'
import type { OpenKeyFile } from './key-files.ts'
import {
  keyedNaming,
  namingIdOf,
  PackCipher,
  type PackSecret,
  parseSecret,
  SALT_BYTES,
} from './pack-cipher.ts'
import {
  groupCount,
  groupCrc,
  groupLength,
  groupsStart,
  hashOf,
  isPresent,
  PACK_MAGIC,
  type PackIndex,
  packIdOf,
  parsePackIndex,
  parseTrailer,
  presentBetween,
  SEALED_MAGIC,
  TRAILER_BYTES,
} from './pack-index.ts'
import { compressGroup } from './pack-writer.ts'
import { hashBytes, type PageNaming } from './page-hash.ts'
import { sha256 } from './restore-point.ts'

/** So many groups are read ahead and decompressed on other cores. */
const AHEAD = 4

/**
 * A pack opened for reading, its index checked; closed by `using`. Of an encrypted one pages can be had once it is
 * unlocked; what it says of itself, and whether its bytes are those that were written, without that.
 */
export class PackFile implements Disposable {
  readonly path: string
  readonly id: string
  readonly index: PackIndex
  readonly sizeBytes: number
  readonly #file: OpenFile
  /** Where each group begins, and the last one ends. */
  readonly #starts: Float64Array
  #cipher: PackCipher | null = null
  /** Used again: new memory takes a while to be had, and to be given back. */
  #scratch = Buffer.alloc(0)
  /** Null while locked. */
  #name: PageNaming | null

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
    this.#name = index.sealed === null ? hashBytes : null
    this.#starts[0] = groupsStart(index)
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

  /** Whether its pages cannot be had: it is encrypted, and nobody has unlocked it. */
  get isLocked(): boolean {
    return this.#name === null
  }

  /** What stands before the groups, as it is. */
  readHead(): Buffer {
    const bytes = Buffer.allocUnsafe(groupsStart(this.index))
    if (readAvailable(this.#file, bytes, 0) < bytes.length) throw damaged(this.path, 'the pack is cut short')
    return bytes
  }

  /** Throws `BACKUP_DAMAGED` when the key of an encrypted pack is not what was written. Needs no key. */
  checkKey(): void {
    if (this.index.sealed !== null) this.#readKey(this.index.sealed.keyHash)
  }

  /** Whether {@link checkKey} finds nothing. */
  get isKeyWhole(): boolean {
    try {
      this.checkKey()
      return true
    } catch (error) {
      if (isDamage(error)) return false
      throw error
    }
  }

  /**
   * Makes the pages of an encrypted pack readable; of another one it does nothing. Throws `NoKeyFits`, or
   * `BACKUP_DAMAGED` for a key that is not what was written.
   */
  async unlock(open: OpenKeyFile): Promise<void> {
    const secret = this.isLocked ? await this.readSecret(open) : null
    if (secret !== null) this.unlockWith(secret)
  }

  /** What an encrypted pack is unlocked with, null of another one. Throws as {@link unlock}. */
  async readSecret(open: OpenKeyFile): Promise<PackSecret | null> {
    if (this.index.sealed === null) return null
    const key = this.#readKey(this.index.sealed.keyHash)
    const secret = parseSecret(await this.#openKey(open, key.subarray(SALT_BYTES)))
    if (secret === null) throw damaged(this.path, "the pack's key makes no sense")
    return secret
  }

  /** The same, where a pack that stays locked will do. The key itself is checked in any case. */
  async unlockIfPossible(open: OpenKeyFile): Promise<void> {
    this.checkKey()
    try {
      await this.unlock(open)
    } catch (error) {
      if (!(error instanceof NoKeyFits)) throw error
    }
  }

  /** @param secret what its age file holds */
  unlockWith(secret: PackSecret): void {
    const { sealed } = this.index
    if (sealed === null || !namingIdOf(secret.naming).equals(sealed.namingId))
      throw damaged(this.path, 'the pack has another key than its pages were named with')
    this.#cipher = new PackCipher(secret, this.#readKey(sealed.keyHash).subarray(0, SALT_BYTES))
    this.#name = keyedNaming(secret.naming)
  }

  async #openKey(open: OpenKeyFile, file: Buffer): Promise<Buffer> {
    try {
      return await open(file)
    } catch (error) {
      if (error instanceof Undecodable)
        throw damaged(this.path, `the pack's key cannot be read: ${error.message}`)
      throw error
    }
  }

  #readKey(keyHash: Buffer): Buffer {
    const key = this.readHead().subarray(PACK_MAGIC.length)
    if (!sha256(key).equals(keyHash))
      throw damaged(this.path, "the pack's key has other bytes than were written")
    return key
  }

  /** The stored bytes of a group, as they are. */
  readRaw(group: number): Buffer {
    const bytes = Buffer.allocUnsafe(groupLength(this.index, group))
    this.#read(group, bytes)
    return bytes
  }

  /** @param bytes as many as are to be read from the beginning of the group on */
  #read(group: number, bytes: Buffer): void {
    const got = readAvailable(this.#file, bytes, this.#starts[group] as number)
    if (got < bytes.length) throw damaged(this.path, 'the pack is cut short')
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

  /** The stored bytes of a group, checked: all that can be checked of a pack that is locked. */
  readChecked(group: number): Buffer {
    this.#requireGroup(group)
    const raw = this.readRaw(group)
    this.#check(group, raw)
    return raw
  }

  /** One group, its stored bytes checked; its pages are not held against their names. */
  async readGroup(group: number): Promise<Group> {
    const length = this.#bytesLeft(group, 1)
    const pages = await decompress(this.#open(group, this.readChecked(group)), length)
    if (pages === null) throw this.#damagedGroup(group)
    return { group, pages }
  }

  /**
   * The same of groups that follow each other, by this thread alone, which takes all of it, and all of them together
   * far less of it.
   */
  readGroupsHere(first: number, count: number): Group {
    this.#requireGroup(first + count - 1)
    const pages = decompressHere(this.#framesOf(first, count), this.#bytesLeft(first, count))
    if (pages !== null) return { group: first, pages }
    if (count === 1) throw this.#damagedGroup(first)
    const each = Array.from({ length: count }, (_, after) => this.readGroupsHere(first + after, 1).pages)
    return { group: first, pages: Buffer.concat(each) }
  }

  /** What the frames of groups are, one behind the other; until the next call. */
  #framesOf(first: number, count: number): Buffer {
    const start = this.#starts[first] as number
    const length = (this.#starts[first + count] as number) - start
    if (this.#scratch.length < length) this.#scratch = Buffer.allocUnsafeSlow(length)
    const stored = this.#scratch.subarray(0, length)
    this.#read(first, stored)
    const frames: Buffer[] = []
    for (let group = first; group < first + count; group++) {
      const from = (this.#starts[group] as number) - start
      const raw = stored.subarray(from, from + groupLength(this.index, group))
      this.#check(group, raw)
      frames.push(this.#open(group, raw))
    }
    return this.#cipher === null ? stored : Buffer.concat(frames)
  }

  #requireGroup(group: number): void {
    if (group >= groupCount(this.index)) throw damaged(this.path, `the pack has no group ${group}`)
  }

  #check(group: number, raw: Buffer): void {
    if (crc32(raw) !== groupCrc(this.index, group)) throw this.#damagedGroup(group)
  }

  /** The frame in the stored bytes of a group. */
  #open(group: number, raw: Buffer): Buffer {
    if (raw.length === 0) return raw
    if (this.isLocked) throw new Error(`The pack is locked: ${this.path}`)
    const frame = this.#cipher === null ? raw : this.#cipher.open(group, raw)
    if (frame === null) throw this.#damagedGroup(group)
    return frame
  }

  /** Of the pages that groups still have. */
  #bytesLeft(first: number, count: number): number {
    const { pageSize, groupPages } = this.index
    return pageSize * presentBetween(this.index, first * groupPages, (first + count) * groupPages)
  }

  /** The bytes of pages that follow each other in what was read. Throws `BACKUP_DAMAGED` where one is not in the pack. */
  pagesOf({ group, pages }: Group, slot: number, count: number): Buffer {
    const { groupPages, pageSize } = this.index
    if (presentBetween(this.index, slot, slot + count) < count)
      throw damaged(this.path, `the pack has not all of the pages ${slot} to ${slot + count - 1} any more`)
    const from = presentBetween(this.index, group * groupPages, slot) * pageSize
    return pages.subarray(from, from + count * pageSize)
  }

  /** The bytes to store for a group of some other pages. */
  async encodeGroup(group: number, pages: Buffer): Promise<Buffer> {
    const bytes = await compressGroup(pages)
    return this.#cipher?.seal(group, bytes) ?? bytes
  }

  /** Whether a page is what was written into a slot. */
  isPage(page: Uint8Array, slot: number): boolean {
    return this.#name?.(page).equals(hashOf(this.index, slot)) === true
  }

  /** The first slot of a group whose page is not what its name says; null when all that are left are. */
  firstWrong({ group, pages }: Group): number | null {
    const { groupPages, pageSize, pageCount } = this.index
    let at = 0
    for (let slot = group * groupPages; slot < Math.min(pageCount, (group + 1) * groupPages); slot++) {
      if (!isPresent(this.index, slot)) continue
      if (!this.isPage(pages.subarray(at, at + pageSize), slot)) return slot
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
  if (figures === null || !head.equals(figures.isSealed ? SEALED_MAGIC : PACK_MAGIC))
    throw damaged(path, 'the file is no pack of this format')
  const tailBytes = figures.indexBytes + TRAILER_BYTES
  if (tailBytes + head.length > size) throw damaged(path, 'the pack is cut short')
  const tail = Buffer.allocUnsafe(tailBytes)
  if (readAvailable(file, tail, size - tailBytes) < tailBytes) throw damaged(path, 'the pack is cut short')
  return parsePackIndex(tail, size, path)
}
