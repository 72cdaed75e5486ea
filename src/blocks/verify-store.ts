/** Proving that every page of every restore point is there and is what it was. */
import { readFile } from 'node:fs/promises'
import { setImmediate as yieldToEvents } from 'node:timers/promises'
import { throwIfCancelled } from '../errors.ts'
import { unlessMissing } from '../storage/io-errors.ts'
import { isDamage } from './damage.ts'
import { doubtPacks, doubtsOf } from './doubted-packs.ts'
import { freeGroup } from './group.ts'
import type { OpenKeyFile } from './key-files.ts'
import { readLivePages, Slots } from './live-pages.ts'
import { PackFile } from './pack-file.ts'
import { groupCount, isPresent } from './pack-index.ts'
import { packId, parseRestorePoint, runsOf } from './restore-point.ts'
import { type BlockStore, packPath } from './store.ts'
import { partGroups, VerifyState } from './verify-state.ts'

/** How much of the packs is looked at: everything, a share (0 to 1) that goes on where the last one stopped, or as much as time allows. */
export type Sample = { readonly share: number } | { readonly timeMs: number } | null

export interface VerifyOptions {
  /** Opens the keys of packs that are encrypted; of those that it does not open the stored bytes are looked at. */
  readonly open: OpenKeyFile
  readonly sample: Sample
  /** Milliseconds on a clock that only goes forward. */
  readonly clock: () => number
  readonly signal: AbortSignal
  readonly onParts?: (done: number, total: number) => void
}

/** One thing that is wrong, and the restore points that it hurts: their files. */
interface StoreDamage {
  readonly path: string
  readonly message: string
  readonly hurts: readonly string[]
}

export interface StoreVerified {
  readonly damage: readonly StoreDamage[]
  readonly packs: number
  /** Of these, encrypted ones that no key opened: of their pages only the stored bytes can be looked at. */
  readonly lockedPacks: number
  /** Parts of packs that restore points rely on, and those that were looked at in this run. */
  readonly parts: number
  readonly checkedParts: number
  /** Whether with this run every part has been looked at, in this run or in samples before. */
  readonly isRoundComplete: boolean
}

interface Part {
  readonly id: string
  readonly number: number
}

/** Slots of a pack that are damaged, and how. */
interface Wrong {
  readonly slots: Slots
  message: string
}

/**
 * Checks the restore points' own files and the index of every pack that they rely on, and of the packs all pages that
 * live, or a sample. The caller keeps clean-ups off with `lockForReading`. Damage is in the answer; throws only when
 * the check itself could not be made.
 *
 * @param restorePoints the files of all restore points to check
 */
export async function verifyStore(
  restorePoints: readonly string[],
  store: BlockStore,
  options: VerifyOptions,
): Promise<StoreVerified> {
  const live = await readLivePages(restorePoints, { mayBeDeleted: true })
  const wrong = new Map<string, Wrong>()
  const parts: Part[] = []
  let lockedPacks = 0
  for (const [id, slots] of live.packs) {
    const opened = await openParts(id, slots, { store, wrong, open: options.open })
    parts.push(...opened.parts)
    if (opened.isLocked) lockedPacks += 1
    throwIfCancelled(options.signal)
  }
  const state = await VerifyState.read(store)
  if (options.sample !== null && parts.every(({ id, number }) => state.hasSeen(id, number))) state.clear()
  const chosen = choose(parts, state, options.sample)
  const started = options.clock()
  let checked = 0
  for (const part of chosen) {
    if (
      options.sample !== null &&
      'timeMs' in options.sample &&
      options.clock() - started >= options.sample.timeMs
    )
      break
    await checkPart(part, live.packs.get(part.id) as Slots, { store, wrong, open: options.open })
    state.see(part.id, part.number)
    checked += 1
    options.onParts?.(checked, chosen.length)
    throwIfCancelled(options.signal)
  }
  // What was seen is only a help for the next sample.
  await state.write(store).catch(() => {})
  await doubtPacks(wrong.keys(), doubtsOf(store)).catch(() => {})
  return {
    damage: [
      ...live.unreadable.map(({ path, message }) => ({ path, message, hurts: [path] })),
      ...(await nameHurt(wrong, restorePoints, store)),
    ],
    packs: live.packs.size,
    lockedPacks,
    parts: parts.length,
    checkedParts: checked,
    isRoundComplete: parts.every(({ id, number }) => state.hasSeen(id, number)),
  }
}

/** A whole check looks at all, a sample at what was not seen in this round; one of a share at so many of them. */
function choose(parts: readonly Part[], state: VerifyState, sample: Sample): readonly Part[] {
  if (sample === null) return parts
  const unseen = parts.filter(({ id, number }) => !state.hasSeen(id, number))
  return 'share' in sample ? unseen.slice(0, Math.ceil(parts.length * sample.share)) : unseen
}

interface Checking {
  readonly store: BlockStore
  readonly wrong: Map<string, Wrong>
  readonly open: OpenKeyFile
}

/** Checks a pack's index and key, and that the pages that live are in it; returns the parts that hold any. */
async function openParts(
  id: string,
  live: Slots,
  { store, wrong, open }: Checking,
): Promise<{ readonly parts: readonly Part[]; readonly isLocked: boolean }> {
  await yieldToEvents()
  try {
    using pack = PackFile.open(packPath(store, id), id)
    await pack.unlockIfPossible(open)
    const partPages = pack.index.groupPages * partGroups(pack.index)
    const parts = new Set<number>()
    for (let slot = 0; slot < Math.max(live.end, pack.index.pageCount); slot++) {
      if (!live.has(slot)) continue
      if (isPresent(pack.index, slot)) parts.add(Math.floor(slot / partPages))
      else addWrong(wrong, id, slot, 'a page is not in the pack any more')
    }
    return { parts: [...parts].map(number => ({ id, number })), isLocked: pack.isLocked }
  } catch (error) {
    if (!isDamage(error)) throw error
    // Not one page of it can be had.
    wrong.set(id, { slots: live, message: error.message })
    return { parts: [], isLocked: false }
  }
}

async function checkPart(part: Part, live: Slots, { store, wrong, open }: Checking): Promise<void> {
  try {
    using pack = PackFile.open(packPath(store, part.id), part.id)
    await pack.unlockIfPossible(open)
    const first = part.number * partGroups(pack.index)
    const last = Math.min(first + partGroups(pack.index), groupCount(pack.index))
    for (let group = first; group < last; group++) await checkGroup(pack, group, live, wrong)
  } catch (error) {
    if (!isDamage(error)) throw error
    wrong.set(part.id, { slots: live, message: error.message })
  }
}

async function checkGroup(
  pack: PackFile,
  group: number,
  live: Slots,
  wrong: Map<string, Wrong>,
): Promise<void> {
  const { groupPages, pageCount } = pack.index
  const slots: number[] = []
  for (let slot = group * groupPages; slot < Math.min(pageCount, (group + 1) * groupPages); slot++) {
    if (live.has(slot) && isPresent(pack.index, slot)) slots.push(slot)
  }
  if (slots.length === 0) return
  try {
    if (pack.isLocked) {
      pack.readChecked(group)
      return
    }
    const read = await pack.readGroup(group)
    for (const slot of slots) {
      if (!pack.isPage(pack.pagesOf(read, slot, 1), slot))
        addWrong(wrong, pack.id, slot, `page ${slot} of the pack is not what was written`)
    }
    freeGroup(read)
  } catch (error) {
    if (!isDamage(error)) throw error
    for (const slot of slots) addWrong(wrong, pack.id, slot, error.message)
  }
}

function addWrong(wrong: Map<string, Wrong>, id: string, slot: number, message: string): void {
  const known = wrong.get(id) ?? { slots: new Slots(), message }
  known.slots.addAll(slot, 1)
  wrong.set(id, known)
}

/** Reads the restore points once more, to tell which of them rely on what is damaged. */
async function nameHurt(
  wrong: ReadonlyMap<string, Wrong>,
  restorePoints: readonly string[],
  store: BlockStore,
): Promise<StoreDamage[]> {
  if (wrong.size === 0) return []
  const hurts = new Map([...wrong.keys()].map(id => [id, [] as string[]]))
  for (const path of restorePoints) {
    for (const id of await damagedPacksOf(path, wrong)) hurts.get(id)?.push(path)
    await yieldToEvents()
  }
  return [...wrong].map(([id, { message }]) => ({
    path: packPath(store, id),
    message,
    hurts: hurts.get(id) ?? [],
  }))
}

async function damagedPacksOf(path: string, wrong: ReadonlyMap<string, Wrong>): Promise<Set<string>> {
  const found = new Set<string>()
  try {
    const bytes = await unlessMissing(path, () => readFile(path))
    if (bytes === null) return found
    const point = parseRestorePoint(bytes, path)
    for (const { pack, slot, count } of runsOf(point)) {
      const id = packId(point, pack)
      const slots = wrong.get(id)?.slots
      if (slots !== undefined && !found.has(id) && slots.hasAny(slot, count)) found.add(id)
    }
  } catch (error) {
    // A restore point that cannot be read is named for itself.
    if (!isDamage(error)) throw error
  }
  return found
}
