import { constants, crc32 } from 'node:zlib'
import { randomBytes } from 'node:crypto'
import { compressFrame } from '../encoding/zstd-frame.ts'
import { WritableFile } from '../snapshot/writable-file.ts'
import { writeFully } from '../storage/transfer.ts'
import { namingIdOf, PackCipher, type PackKey, SALT_BYTES } from './pack-cipher.ts'
import {
  encodePackIndex,
  GROUP_BYTES,
  groupEntry,
  PACK_MAGIC,
  type PackIndex,
  packIdOf,
  SEALED_MAGIC,
  type SealedPack,
} from './pack-index.ts'
import { PACK_BYTES_MAX } from './pack-size.ts'
import { HASH_BYTES } from './page-hash.ts'
import { sha256 } from './restore-point.ts'

/** On pages of databases level 3 saves one byte in a hundred, and takes a quarter longer. */
const LEVEL = 1
/** So many groups are compressed at once, on other cores. */
const IN_FLIGHT_MAX = 4

/** Compresses the pages of one group. */
export function compressGroup(pages: Buffer): Promise<Buffer> {
  return compressFrame(pages, { [constants.ZSTD_c_compressionLevel]: LEVEL })
}

/** Pages of one size, and how many of them are compressed together. */
export interface PackForm {
  readonly pageSize: number
  readonly groupPages: number
}

/** The form of packs that compress best and are read fastest. */
export function largeGroups(pageSize: number): PackForm {
  return { pageSize, groupPages: Math.max(1, GROUP_BYTES / pageSize) }
}

/** A pack that is finished, under the name that it was written with. */
export interface WrittenPack {
  readonly file: string
  readonly id: string
  readonly sizeBytes: number
}

interface CompressingGroup {
  readonly group: Buffer
  readonly compressed: Promise<Buffer>
}

/** Writes a pack's file, not flushed; closed by `using`. */
export class PackWriter implements Disposable {
  readonly #file: WritableFile
  readonly #pageSize: number
  readonly #groupPages: number
  readonly #hashes: Buffer
  readonly #entries: Buffer[] = []
  readonly #compressing: CompressingGroup[] = []
  /** Buffers of groups that have been written, for those to come. */
  readonly #free: Buffer[] = []
  #group: Buffer
  #groupPagesFilled = 0
  #pageCount = 0
  readonly #sealed: SealedPack | null
  readonly #cipher: PackCipher | null
  #position: number
  #isOpen = true

  /**
   * @param path a file that does not exist yet, in a directory of ours
   * @param key null for a pack that is not encrypted
   */
  constructor(path: string, { pageSize, groupPages }: PackForm, key: PackKey | null) {
    this.#pageSize = pageSize
    this.#groupPages = groupPages
    this.#hashes = Buffer.alloc((PACK_BYTES_MAX / pageSize) * HASH_BYTES)
    this.#group = this.#newGroup()
    const head = key === null ? { bytes: PACK_MAGIC, sealed: null, cipher: null } : sealedHead(key)
    this.#sealed = head.sealed
    this.#cipher = head.cipher
    this.#position = head.bytes.length
    this.#file = startFile(path, head.bytes)
  }

  get isFull(): boolean {
    return (this.#pageCount + 1) * this.#pageSize > PACK_BYTES_MAX
  }

  /** Adds a copy of a page and returns its slot. {@link drain} must follow now and then: memory grows until it does. */
  add(page: Uint8Array, hash: Buffer): number {
    this.#group.set(page, this.#groupPagesFilled * this.#pageSize)
    this.#hashes.set(hash, this.#pageCount * HASH_BYTES)
    this.#groupPagesFilled += 1
    if (this.#groupPagesFilled === this.#groupPages) this.#sealGroup()
    this.#pageCount += 1
    return this.#pageCount - 1
  }

  /** Writes what has been compressed, until no more than a few groups are on their way. */
  async drain(leftMax: number = IN_FLIGHT_MAX): Promise<void> {
    while (this.#compressing.length > leftMax) {
      const { group, compressed } = this.#compressing.shift() as CompressingGroup
      const plain = await compressed
      const bytes = this.#cipher?.seal(this.#entries.length, plain) ?? plain
      this.#free.push(group)
      writeFully(this.#file, bytes, this.#position)
      this.#position += bytes.length
      this.#entries.push(groupEntry(bytes.length, crc32(bytes)))
    }
  }

  /** Ends the pack, which must have pages. */
  async finish(): Promise<WrittenPack> {
    if (this.#groupPagesFilled > 0) this.#sealGroup()
    await this.drain(0)
    const index: PackIndex = {
      pageSize: this.#pageSize,
      pageCount: this.#pageCount,
      groupPages: this.#groupPages,
      hashes: this.#hashes.subarray(0, this.#pageCount * HASH_BYTES),
      present: allPresent(this.#pageCount),
      groups: Buffer.concat(this.#entries),
      sealed: this.#sealed,
    }
    const end = encodePackIndex(index)
    writeFully(this.#file, end, this.#position)
    this.#close()
    return { file: this.#file.path, id: packIdOf(index), sizeBytes: this.#position + end.length }
  }

  #sealGroup(): void {
    const group = this.#group
    const compressed = compressGroup(group.subarray(0, this.#groupPagesFilled * this.#pageSize))
    compressed.catch(() => {}) // Awaited by drain().
    this.#compressing.push({ group, compressed })
    this.#group = this.#free.pop() ?? this.#newGroup()
    this.#groupPagesFilled = 0
  }

  #newGroup(): Buffer {
    return Buffer.allocUnsafeSlow(this.#groupPages * this.#pageSize)
  }

  #close(): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#file[Symbol.dispose]()
  }

  [Symbol.dispose](): void {
    this.#close()
  }
}

/** Nobody else could close it when already its first bytes cannot be written. */
function startFile(path: string, head: Buffer): WritableFile {
  using starting = new DisposableStack()
  const file = starting.use(new WritableFile(path))
  writeFully(file, head, 0)
  starting.move()
  return file
}

function sealedHead({ secret, file }: PackKey): {
  readonly bytes: Buffer
  readonly sealed: SealedPack
  readonly cipher: PackCipher
} {
  const salt = randomBytes(SALT_BYTES)
  const key = Buffer.concat([salt, file])
  return {
    bytes: Buffer.concat([SEALED_MAGIC, key]),
    sealed: { keyBytes: key.length, keyHash: sha256(key), namingId: namingIdOf(secret.naming) },
    cipher: new PackCipher(secret, salt),
  }
}

function allPresent(pageCount: number): Buffer {
  const bits = Buffer.alloc(Math.ceil(pageCount / 8), 0xff)
  const rest = pageCount % 8
  if (rest > 0) bits[bits.length - 1] = (1 << rest) - 1
  return bits
}
