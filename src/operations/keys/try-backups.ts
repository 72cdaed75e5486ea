/**
 * Which keys open stored backups: told by the age headers, of which a few kilobytes are read. A header says who holds the
 * key of all that follows it, and is authenticated with that key.
 */
import { isDamage } from '../../blocks/damage.ts'
import { SALT_BYTES } from '../../blocks/pack-cipher.ts'
import { PACK_MAGIC } from '../../blocks/pack-index.ts'
import { packCount, packId, parseRestorePoint, type RestorePoint } from '../../blocks/restore-point.ts'
import { packPath } from '../../blocks/store.ts'
import type { BackupInfo } from '../../catalog/backup-info.ts'
import { imageKey, packKey } from '../../catalog/target-keys.ts'
import { type AgeKeys, headerOf } from '../../encoding/age/header.ts'
import { Undecodable } from '../../encoding/undecodable.ts'
import { throwIfCancelled } from '../../errors.ts'
import { openIfThere } from '../../snapshot/source-files.ts'
import { isOfObject } from '../../storage/target-failure.ts'
import type { Target } from '../../storage/target.ts'
import { readAvailable } from '../../storage/transfer.ts'
import { storeBeside } from '../block-store.ts'
import { openersOf } from './tried-keys.ts'

/** What trying keys on one backup told. */
export interface Tried {
  /** By their index; only keys that open all that the backup relies on. */
  readonly openedBy: readonly number[]
  readonly problem: string | null
}

/** A header has a line or two for each recipient: this holds hundreds. */
const START_BYTES = 64 << 10
/** No list of a backup's pages is as long; what a target says of sizes must not fill the memory. */
const RESTORE_POINT_BYTES_MAX = 256 << 20
/** In a pack its age file follows these. */
const PACK_KEY_OFFSET = PACK_MAGIC.length + SALT_BYTES

/** Why nobody can tell whether a key opens it. */
class Unreadable extends Error {
  override readonly name = 'Unreadable'
}

/** Tries keys on backups of one place; null: on the disk. */
export class KeyTrial {
  readonly #keys: readonly AgeKeys[]
  readonly #target: Target | null
  readonly #signal: AbortSignal
  /** By the pack's path: backups have most of their packs in common. */
  readonly #packs = new Map<string, readonly number[]>()
  /** Packs may have their header in common, and with a passphrase each takes a tenth of a second. */
  readonly #headers = new Map<string, readonly number[]>()

  constructor(
    keys: readonly AgeKeys[],
    { target, signal }: { readonly target: Target | null; readonly signal: AbortSignal },
  ) {
    this.#keys = keys
    this.#target = target
    this.#signal = signal
  }

  /** Null for a backup of which nothing is encrypted. */
  async try(backup: BackupInfo): Promise<Tried | null> {
    throwIfCancelled(this.#signal)
    if (backup.encoding !== 'zstd+age' && backup.encoding !== 'blocks') return null
    try {
      const file = { path: backup.path, key: imageKey(backup) }
      if (backup.encoding === 'zstd+age')
        return { openedBy: await this.#openersOfFile(file, 0), problem: null }
      const point = parseRestorePoint(await this.#read(file, RESTORE_POINT_BYTES_MAX), backup.path)
      // Of an empty database nothing is encrypted, and any key would open it.
      if (!point.isSealed || packCount(point) === 0) return null
      return { openedBy: await this.#openersOfAll(point, backup), problem: null }
    } catch (error) {
      const isOfBackup =
        error instanceof Unreadable || error instanceof Undecodable || isDamage(error) || isOfObject(error)
      if (!isOfBackup) throw error
      return { openedBy: [], problem: error.message }
    }
  }

  async #openersOfAll(point: RestorePoint, backup: BackupInfo): Promise<readonly number[]> {
    let openers: readonly number[] = this.#keys.map((_, index) => index)
    for (let pack = 0; pack < packCount(point); pack++) {
      throwIfCancelled(this.#signal)
      const ofPack = await this.#openersOfPack(packId(point, pack), backup)
      openers = openers.filter(index => ofPack.includes(index))
    }
    return openers
  }

  async #openersOfPack(id: string, backup: BackupInfo): Promise<readonly number[]> {
    const path = packPath(storeBeside(backup), id)
    const known = this.#packs.get(path)
    if (known !== undefined) return known
    const openers = await this.#openersOfFile({ path, key: packKey(id) }, PACK_KEY_OFFSET)
    this.#packs.set(path, openers)
    return openers
  }

  async #openersOfFile(file: StoredPart, offset: number): Promise<readonly number[]> {
    const start = await this.#read(file, offset + START_BYTES)
    const header = headerOf(start.subarray(offset))
    const name = Buffer.from(header).toString('latin1')
    const openers = this.#headers.get(name) ?? (await openersOf(header, this.#keys))
    this.#headers.set(name, openers)
    return openers
  }

  async #read({ path, key }: StoredPart, lengthMax: number): Promise<Buffer> {
    const start =
      this.#target === null
        ? readStart(path, lengthMax)
        : await this.#fetchStart(this.#target, key, lengthMax)
    if (start !== null) return start
    throw new Unreadable(`It is missing: ${this.#target === null ? path : `${this.#target.name}:${key}`}`)
  }

  async #fetchStart(target: Target, key: string, lengthMax: number): Promise<Buffer | null> {
    const signal = this.#signal
    const found = await target.head(key, { signal })
    if (found === null) return null
    const range = { from: 0, length: Math.min(found.sizeBytes, lengthMax) }
    const pieces = await Array.fromAsync(target.get(key, { signal, range }), piece => Buffer.from(piece))
    return Buffer.concat(pieces)
  }
}

interface StoredPart {
  /** On the disk. */
  readonly path: string
  /** At a target. */
  readonly key: string
}

function readStart(path: string, lengthMax: number): Buffer | null {
  using file = openIfThere(path)
  if (file === null) return null
  const bytes = Buffer.alloc(Math.min(file.size, lengthMax))
  return bytes.subarray(0, readAvailable(file, bytes, 0))
}
