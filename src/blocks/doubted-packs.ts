/**
 * Packs in which damage was found, in a backup directory or at a target: before something new relies on one of them, it is
 * read. An empty file for each, by its id, so that those who note some at the same time do not undo each other's notes. A
 * cache: without it a pack is taken for what it says of itself, as all are that nobody has read since they were made.
 */
import { join } from 'node:path'
import { makeDirectory, namesIn, removeFile } from '../storage/durable.ts'
import { writeInPlace } from '../storage/write-in-place.ts'
import { cacheDirectory } from './fingerprints.ts'
import type { Slots } from './live-pages.ts'
import { PackFile } from './pack-file.ts'
import { type BlockStore, packPath } from './store.ts'
import { findWhole, pagesIn } from './whole-pages.ts'

const CACHE_DURABILITY = { isDurable: false } as const
const ID = /^[0-9a-f]{64}$/

/** Where it is noted which packs are doubted. */
export interface Doubts {
  readonly directory: string
  readonly directoryMode: number
}

/** Those of a backup directory's own store. */
export function doubtsOf(store: Pick<BlockStore, 'backupDir' | 'directoryMode'>): Doubts {
  return { directory: join(cacheDirectory(store), 'doubted'), directoryMode: store.directoryMode }
}

/** Notes that damage was found in packs, or may be in them. */
export async function doubtPacks(ids: Iterable<string>, { directory, directoryMode }: Doubts): Promise<void> {
  for (const id of ids) {
    await makeDirectory(directory, directoryMode, CACHE_DURABILITY)
    await writeInPlace(join(directory, id), [])
  }
}

/** The ids of packs that are doubted. */
export async function doubtedPacks({ directory }: Doubts): Promise<ReadonlySet<string>> {
  const names = await namesIn(directory).catch(() => [])
  return new Set(names.filter(name => ID.test(name)))
}

/** Notes that all of a pack was found whole. It is no loss where that cannot be noted: it is read once more. */
export async function trustPack(id: string, { directory }: Doubts): Promise<void> {
  await removeFile(join(directory, id)).catch(() => {})
}

/**
 * Whether a doubted pack has all of some pages as they were written. Reads all of it; one that is whole is doubted no
 * longer.
 */
export async function isFitAgain(
  id: string,
  needed: Slots,
  store: Pick<BlockStore, 'backupDir' | 'directoryMode'>,
): Promise<boolean> {
  // Where it is damaged the disk may fail altogether: what it does not give is stored anew, too.
  const found = await look(id, store).catch(() => null)
  if (found?.isAllWhole === true) await trustPack(id, doubtsOf(store))
  return found !== null && needed.beyond(found.whole).next().done === true
}

async function look(
  id: string,
  store: Pick<BlockStore, 'backupDir'>,
): Promise<{ readonly whole: Slots; readonly isAllWhole: boolean }> {
  using pack = PackFile.open(packPath(store, id), id)
  pack.checkKey()
  const whole = await findWhole(pack)
  return { whole, isAllWhole: pagesIn(pack.index).beyond(whole).next().done === true }
}
