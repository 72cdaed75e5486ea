/**
 * Packs in which damage was found: before something new relies on one of them, it is read. An empty file for each, by its
 * id, so that those who note some at the same time do not undo each other's notes. A cache: without it a pack is taken for
 * what it says of itself, as all are that nobody has read since they were made.
 */
import { join } from 'node:path'
import { makeDirectory, namesIn, removeFile } from '../storage/durable.ts'
import { writeInPlace } from '../storage/write-in-place.ts'
import { cacheDirectory } from './fingerprints.ts'
import { Slots } from './live-pages.ts'
import { PackFile } from './pack-file.ts'
import { isPresent } from './pack-index.ts'
import { type BlockStore, packPath } from './store.ts'
import { findWhole } from './whole-pages.ts'

const CACHE_DURABILITY = { isDurable: false } as const
const ID = /^[0-9a-f]{64}$/

/** Notes that damage was found in packs, or may be in them. */
export async function doubtPacks(
  ids: Iterable<string>,
  store: Pick<BlockStore, 'backupDir' | 'directoryMode'>,
): Promise<void> {
  const directory = doubtedDirectory(store)
  for (const id of ids) {
    await makeDirectory(directory, store.directoryMode, CACHE_DURABILITY)
    await writeInPlace(join(directory, id), [])
  }
}

/** The ids of packs that are doubted. */
export async function doubtedPacks(store: Pick<BlockStore, 'backupDir'>): Promise<ReadonlySet<string>> {
  const names = await namesIn(doubtedDirectory(store)).catch(() => [])
  return new Set(names.filter(name => ID.test(name)))
}

/**
 * Whether a doubted pack has all of some pages as they were written. Reads all of it; one that is whole is doubted no
 * longer.
 */
export async function isFitAgain(
  id: string,
  needed: Slots,
  store: Pick<BlockStore, 'backupDir'>,
): Promise<boolean> {
  // Where it is damaged the disk may fail altogether: what it does not give is stored anew, too.
  const found = await look(id, store).catch(() => null)
  if (found?.isAllWhole === true) await removeFile(join(doubtedDirectory(store), id)).catch(() => {})
  return found !== null && needed.beyond(found.whole).next().done === true
}

async function look(
  id: string,
  store: Pick<BlockStore, 'backupDir'>,
): Promise<{ readonly whole: Slots; readonly isAllWhole: boolean }> {
  using pack = PackFile.open(packPath(store, id), id)
  pack.checkKey()
  const whole = await findWhole(pack)
  return { whole, isAllWhole: present(pack).beyond(whole).next().done === true }
}

function present({ index }: PackFile): Slots {
  const slots = new Slots()
  for (let slot = 0; slot < index.pageCount; slot++) if (isPresent(index, slot)) slots.addAll(slot, 1)
  return slots
}

function doubtedDirectory(store: Pick<BlockStore, 'backupDir'>): string {
  return join(cacheDirectory(store), 'doubted')
}
