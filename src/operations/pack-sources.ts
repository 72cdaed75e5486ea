/** Where the packs of a backup come from that is copied to a target: the backup directory, or another target. */
import { mkdir, readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { isDamage } from '../blocks/damage.ts'
import { pagesOf, type Slots } from '../blocks/live-pages.ts'
import { PackFile } from '../blocks/pack-file.ts'
import { presentBetween } from '../blocks/pack-index.ts'
import { parsePackState, stateBytes } from '../blocks/pack-state.ts'
import { lockForReading } from '../blocks/readers-lock.ts'
import { parseRestorePoint, sha256 } from '../blocks/restore-point.ts'
import { type BlockStore, packPath } from '../blocks/store.ts'
import { hasAll } from '../blocks/whole-pages.ts'
import type { BackupInfo } from '../catalog/backup-info.ts'
import { imageKey, packKey } from '../catalog/target-keys.ts'
import type { WorkDirectory } from '../catalog/work-directory.ts'
import { removeFile, requireSpace } from '../storage/durable.ts'
import { during } from '../storage/io-errors.ts'
import { readObject } from '../storage/read-object.ts'
import { isOfObject } from '../storage/target-failure.ts'
import type { Target } from '../storage/target.ts'
import { storeBeside } from './block-store.ts'
import { differences, expectedOf } from './check-stored.ts'
import type { Context } from './context.ts'
import { type BackupAtTarget, FETCHED_BYTES_MAX, fetchAsItIs, namedAtTarget } from './fetch-blocks.ts'
import { damagedBackup } from './find-intact.ts'
import { openWork } from './open-work.ts'
import { fetchPackIndex } from './pack-index-at-target.ts'
import { PacksAtTarget } from './packs-at-target.ts'
import { openNamed } from './target-access.ts'

/** It itself, what is at the other target, and what both are made into. */
const FILES_OF_A_PACK = 3

export interface PackSource {
  /** The pages that the backup relies on, by the pack's id. */
  readonly needed: ReadonlyMap<string, Slots>
  /**
   * Whether a pack at a target has what is needed, by what it says of itself. What its pages are worth is for a
   * verification to find.
   */
  seemsRight(id: string, packs: PacksAtTarget): Promise<boolean>
  /** Does something with a pack. Throws `BACKUP_DAMAGED`, or `OBJECT_DAMAGED` at a target, for one that is damaged or gone. */
  use<T>(id: string, act: (pack: PackFile) => Promise<T>): Promise<T>
}

/** @param held what is to be kept until the last pack was copied */
export function openPackSource(
  backup: BackupInfo,
  held: AsyncDisposableStack,
  context: Context,
): Promise<PackSource> {
  return isAtTarget(backup)
    ? PacksElsewhere.open(backup, held, context)
    : PacksHere.open(backup, held, context)
}

function isAtTarget(backup: BackupInfo): backup is BackupAtTarget {
  return backup.target !== null
}

class PacksHere implements PackSource {
  readonly needed: PackSource['needed']
  readonly #store: Pick<BlockStore, 'backupDir'>
  readonly #signal: AbortSignal

  private constructor(
    needed: PackSource['needed'],
    store: Pick<BlockStore, 'backupDir'>,
    signal: AbortSignal,
  ) {
    this.needed = needed
    this.#store = store
    this.#signal = signal
  }

  static async open(backup: BackupInfo, held: AsyncDisposableStack, context: Context): Promise<PacksHere> {
    const { signal, settings } = context
    const store = storeBeside(backup)
    // Before its file is read: once a clean-up has ended, either it is gone, or all that it relies on is there.
    held.use(await lockForReading(store, { waitMs: settings.waitForLockMs, signal }))
    const point = parseRestorePoint(
      await during('read', backup.path, () => readFile(backup.path)),
      backup.path,
    )
    return new PacksHere(pagesOf(point), store, signal)
  }

  async seemsRight(id: string, packs: PacksAtTarget): Promise<boolean> {
    using mine = PackFile.open(packPath(this.#store, id), id)
    const { index, path } = mine
    const sizeBytes = packs.bytesOf(id)
    const isFull = presentBetween(index, 0, index.pageCount) === index.pageCount
    // Nothing was ever dropped here, and any page less there would make it shorter.
    if (isFull && mine.sizeBytes === sizeBytes) return true
    const length = stateBytes(index)
    if (sizeBytes <= length) return false
    const range = { from: sizeBytes - length, length }
    try {
      const parts = await Array.fromAsync(packs.target.get(packKey(id), { signal: this.#signal, range }))
      const needed = this.needed.get(id) as Slots
      return hasAll(parsePackState(Buffer.concat(parts), index, sizeBytes, path), needed)
    } catch (error) {
      if (isDamage(error) || isOfObject(error)) return false
      throw error
    }
  }

  async use<T>(id: string, act: (pack: PackFile) => Promise<T>): Promise<T> {
    using pack = PackFile.open(packPath(this.#store, id), id)
    return await act(pack)
  }
}

/** Each pack is brought here when it is asked for, and is gone again afterwards. */
class PacksElsewhere implements PackSource {
  readonly needed: PackSource['needed']
  readonly #backup: BackupAtTarget
  readonly #packs: PacksAtTarget
  readonly #work: WorkDirectory
  readonly #signal: AbortSignal

  private constructor(
    backup: BackupAtTarget,
    needed: PackSource['needed'],
    { packs, work, signal }: { packs: PacksAtTarget; work: WorkDirectory; signal: AbortSignal },
  ) {
    this.#backup = backup
    this.needed = needed
    this.#packs = packs
    this.#work = work
    this.#signal = signal
  }

  static async open(
    backup: BackupAtTarget,
    held: AsyncDisposableStack,
    context: Context,
  ): Promise<PacksElsewhere> {
    const { signal } = context
    const target = held.use(await openNamed(backup.target, context))
    const work = held.use(await openWork(context))
    const needed = await readNeeded(backup, target, signal)
    const packs = new PacksAtTarget(target, signal)
    await packs.look([...needed.keys()], { isAnew: false })
    return new PacksElsewhere(backup, needed, { packs, work, signal })
  }

  async seemsRight(id: string, packs: PacksAtTarget): Promise<boolean> {
    const index = await fetchPackIndex(id, packs, this.#signal)
    return index !== null && hasAll(index, this.needed.get(id) as Slots)
  }

  async use<T>(id: string, act: (pack: PackFile) => Promise<T>): Promise<T> {
    const path = packPath({ backupDir: this.#work.path }, id)
    try {
      await this.#fetch(id, path)
      using pack = PackFile.open(path, id)
      return await act(pack)
    } catch (error) {
      if (!isDamage(error)) throw error
      throw damagedBackup(this.#backup, [
        { code: 'NOT_DECODABLE', message: namedAtTarget(error.message, this.#backup, this.#work.path) },
      ])
    } finally {
      await removeFile(path)
    }
  }

  async #fetch(id: string, path: string): Promise<void> {
    const { name } = this.#packs.target
    const sizeBytes = this.#packs.sizeOf(id)
    if (sizeBytes === null || sizeBytes > FETCHED_BYTES_MAX) {
      const message = `A pack is missing, or has another size than packs have: ${name}:${packKey(id)}`
      throw damagedBackup(this.#backup, [{ code: 'NOT_DECODABLE', message }])
    }
    await requireSpace(this.#work.path, FILES_OF_A_PACK * sizeBytes, 'a pack that is fetched to be copied')
    await during('make the directory', path, () => mkdir(dirname(path), { recursive: true, mode: 0o700 }))
    const problems = await fetchAsItIs(id, path, this.#packs, { signal: this.#signal, onBytes: () => {} })
    if (problems.length > 0) throw damagedBackup(this.#backup, problems)
  }
}

/** What the backup's own file says, once it is known to be what was stored: who has changed it may name any packs. */
async function readNeeded(
  backup: BackupAtTarget,
  target: Target,
  signal: AbortSignal,
): Promise<PackSource['needed']> {
  const bytes = Buffer.from(await readObject(target, imageKey(backup), { signal, bytesMax: backup.size }))
  const problems = differences(bytes.length, sha256(bytes).toString('hex'), expectedOf(backup))
  if (problems.length > 0) throw damagedBackup(backup, problems)
  return pagesOf(parseRestorePoint(bytes, backup.path))
}
