/** Giving back the space of pages that no restore point relies on any more. */
import { readdir, rmdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { Staging } from '../catalog/staging.ts'
import { throwIfCancelled } from '../errors.ts'
import { isThere, removeFile, syncDirectory } from '../storage/durable.ts'
import { isSystemError, unlessMissing } from '../storage/io-errors.ts'
import { choosePacks, deadGroupBytes } from './choose-packs.ts'
import { isDamage } from './damage.ts'
import type { OpenKeyFile } from './key-files.ts'
import { readLivePages, type Slots } from './live-pages.ts'
import { PackFile } from './pack-file.ts'
import { isPresent } from './pack-index.ts'
import { lockForCollecting } from './readers-lock.ts'
import { rewritePack } from './rewrite-pack.ts'
import { blocksDirectory } from '../catalog/layout.ts'
import { type BlockStore, type ListedPack, listPacks, publishPacks } from './store.ts'

export interface CollectOptions {
  /** Opens the keys of packs that are encrypted. Of those that it does not open only groups without a live page go. */
  readonly open: OpenKeyFile
  /** How long to wait for those who are reading packs. */
  readonly waitMs: number
  readonly signal: AbortSignal
}

export interface Collected {
  /**
   * `refused`: a restore point cannot be read, so that nobody knows what it relies on; nothing was removed. `busy`:
   * somebody was reading packs all the time; the next clean-up does it.
   */
  readonly status: 'done' | 'refused' | 'busy'
  readonly unreadable: readonly { readonly path: string; readonly message: string }[]
  readonly freedBytes: number
  readonly removedPacks: number
  readonly rewrittenPacks: number
}

/**
 * Removes packs without a live page, and rewrites those with many dead ones. Only for the holder of the catalog's lock.
 *
 * A rewritten pack keeps its name and its pages their places, so no restore point changes: killed at any instant there
 * is the old file or the new one under that name, and either has all pages that live.
 *
 * @param restorePoints the files of all restore points in the store, of every database
 */
export async function collectGarbage(
  restorePoints: readonly string[],
  store: BlockStore,
  options: CollectOptions,
): Promise<Collected> {
  const nothing = { unreadable: [], freedBytes: 0, removedPacks: 0, rewrittenPacks: 0 }
  if (!(await isThere(blocksDirectory(store.backupDir)))) return { status: 'done', ...nothing }
  const live = await readLivePages(restorePoints, { mayBeDeleted: false })
  if (live.unreadable.length > 0) return { ...nothing, status: 'refused', unreadable: live.unreadable }
  using lock = await lockForCollecting(store, options)
  if (lock === null) return { status: 'busy', ...nothing }
  const packs = await listPacks(store)
  const dead = packs.filter(({ id }) => !live.packs.has(id))
  for (const { path } of dead) await removeFile(path)
  const rewritten = await rewriteAll(packs, live.packs, store, options)
  await removeEmptyDirectories(dead, store)
  return {
    status: 'done',
    unreadable: [],
    freedBytes: dead.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) + rewritten.freedBytes,
    removedPacks: dead.length,
    rewrittenPacks: rewritten.count,
  }
}

interface Rewritable extends ListedPack {
  readonly slots: Slots
  readonly deadBytes: number
}

async function rewriteAll(
  packs: readonly ListedPack[],
  live: ReadonlyMap<string, Slots>,
  store: BlockStore,
  { signal, open }: CollectOptions,
): Promise<{ freedBytes: number; count: number }> {
  let freedBytes = 0
  const judged: Rewritable[] = []
  for (const pack of packs) {
    const slots = live.get(pack.id)
    if (slots !== undefined) judged.push(...(await judge(pack, slots, open)))
  }
  const chosen = choosePacks(judged)
  for (const { id, path, sizeBytes, slots } of chosen) {
    throwIfCancelled(signal)
    await using staging = await Staging.open(store.backupDir, blocksDirectory(store.backupDir))
    using pack = PackFile.open(path, id)
    await pack.unlockIfPossible(open)
    const written = await rewritePack(pack, slots, staging.file('rewritten.pack'))
    // Looked at before it takes the other's place.
    PackFile.open(written.file, id)[Symbol.dispose]()
    await publishPacks([written], store)
    freedBytes += sizeBytes - written.sizeBytes
  }
  return { freedBytes, count: chosen.length }
}

/** What a pack holds that is dead. One whose index is damaged is left for a check to find. */
async function judge(pack: ListedPack, slots: Slots, open: OpenKeyFile): Promise<Rewritable[]> {
  try {
    using file = PackFile.open(pack.path, pack.id)
    let [present, dead] = [0, 0]
    for (let slot = 0; slot < file.index.pageCount; slot++) {
      if (!isPresent(file.index, slot)) continue
      present += 1
      if (!slots.has(slot)) dead += 1
    }
    if (dead > 0) await file.unlockIfPossible(open)
    const deadBytes = file.isLocked
      ? deadGroupBytes(file.index, slots)
      : (pack.sizeBytes * dead) / (present || 1)
    return [{ ...pack, slots, deadBytes }]
  } catch (error) {
    if (isDamage(error)) return []
    throw error
  }
}

async function removeEmptyDirectories(removed: readonly ListedPack[], store: BlockStore): Promise<void> {
  const directories = new Set(removed.map(({ path }) => dirname(path)))
  for (const directory of directories) {
    await syncDirectory(directory, store.durability)
    const left = await unlessMissing(directory, () => readdir(directory))
    if (left?.length === 0) await rmdir(directory).catch(unlessTaken)
  }
  await syncDirectory(blocksDirectory(store.backupDir), store.durability)
}

function unlessTaken(error: unknown): void {
  if (!isSystemError(error) || !['ENOTEMPTY', 'EEXIST', 'ENOENT'].includes(error.code)) throw error
}
