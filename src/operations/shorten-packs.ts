/**
 * Writing packs at a target anew without what is dead in them. A pack keeps its id, and its pages their slots, so that no
 * backup changes: it is fetched, written anew as a cleanup in the backup directory does it, compared, and put in place of
 * the other in one step. Of encrypted packs whole groups go, with a key or without: what is copied is compared and mended
 * group by group.
 */
import { deadGroupBytes, deadPageBytes, choosePacks } from '../blocks/choose-packs.ts'
import { isDamage } from '../blocks/damage.ts'
import { Slots } from '../blocks/live-pages.ts'
import { PackFile } from '../blocks/pack-file.ts'
import { parseHoldings, STATE_BYTES_MAX } from '../blocks/pack-state.ts'
import { rewritePack } from '../blocks/rewrite-pack.ts'
import { findLost } from '../blocks/whole-pages.ts'
import { PACK_TRIAL_KEY, packKey } from '../catalog/target-keys.ts'
import type { WorkDirectory } from '../catalog/work-directory.ts'
import { throwIfCancelled, toFailure } from '../errors.ts'
import { hashFile } from '../snapshot/hash.ts'
import { RawFile } from '../snapshot/source-files.ts'
import { removeFile, requireSpace } from '../storage/durable.ts'
import { inParallel } from '../storage/in-parallel.ts'
import { contentOf } from '../storage/source.ts'
import { isOfObject } from '../storage/target-failure.ts'
import type { Content, StoredObject } from '../storage/target.ts'
import { contentOfFile } from './backup-files.ts'
import { changeMarked, type Collecting } from './change-packs.ts'
import { bytesOf } from './context.ts'
import { FETCHED_BYTES_MAX, fetchPack } from './fetch-blocks.ts'
import { openWork } from './open-work.ts'
import { PacksAtTarget } from './packs-at-target.ts'
import { targetSettings } from './target-access.ts'

export interface PackAtTarget extends StoredObject {
  readonly id: string
}

/**
 * What comes back has to be worth its way: of a pack that is dead to a fifth, nine bytes are moved for each that comes back.
 * Nine tenths and more of all that is dead comes back so, where backups change some per cent of all pages each (see
 * docs/off-site.md). Without a limit each cleanup would move most packs.
 */
const DEAD_SHARE_MIN = 0.2
const LOOKS_AT_ONCE = 8
/** So much that is written anew lies here until it is put; a mark, and a look at what is there, is for all of it. */
const BATCH_BYTES_MAX = 256 << 20

/** Shortens those packs that are worth it, the ones with most to give first. */
export async function shortenPacks(packs: readonly PackAtTarget[], collecting: Collecting): Promise<void> {
  const { target, context, tally } = collecting
  // Never in one step there; asking it for anything takes a program's start.
  if (target.kind === 'rclone') return
  const judged = await inParallel(packs, LOOKS_AT_ONCE, pack => judge(pack, collecting))
  const chosen = choosePacks(judged)
  if (chosen.length === 0) return
  const why = await whyNot(collecting)
  if (why !== null) {
    tally.problem = `packs there stay as long as one page of them is needed: ${why}`
    return
  }
  await using work = await openWork(context)
  const report = bytesOf(context, 'collect-packs')
  const totalBytes = chosen.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
  let doneBytes = 0
  let batch: ShortPack[] = []
  for (const pack of chosen) {
    throwIfCancelled(context.signal)
    const short = await shorten(pack, work, collecting)
    report((doneBytes += pack.sizeBytes), totalBytes)
    if (short !== null) batch.push(short)
    const batchBytes = batch.reduce((sum, { content }) => sum + content.sizeBytes, 0)
    if (batchBytes < BATCH_BYTES_MAX && pack !== chosen.at(-1)) continue
    await putAll(batch, collecting)
    batch = []
  }
}

interface Shortenable extends PackAtTarget {
  readonly slots: Slots
  readonly deadBytes: number
}

/** By what its last bytes say. Of one that makes no sense nothing is dead: it is for a verification to find. */
async function judge(pack: PackAtTarget, { target, live, context }: Collecting): Promise<Shortenable> {
  const { key, sizeBytes } = pack
  const slots = live.packs.get(pack.id)
  if (slots === undefined || sizeBytes > FETCHED_BYTES_MAX)
    return { ...pack, slots: new Slots(), deadBytes: 0 }
  const length = Math.min(sizeBytes, STATE_BYTES_MAX)
  const range = { from: sizeBytes - length, length }
  const end = await Array.fromAsync(target.get(key, { signal: context.signal, range })).catch(unlessReplaced)
  const holdings = parseHoldings(Buffer.concat(end))
  const dead = holdings === null ? 0 : (holdings.isSealed ? deadGroupBytes : deadPageBytes)(holdings, slots)
  return { ...pack, slots, deadBytes: dead < sizeBytes * DEAD_SHARE_MIN ? 0 : dead }
}

/** Another machine was faster: there is nothing to be learnt of it now. */
function unlessReplaced(error: unknown): [] {
  if (isOfObject(error)) return []
  throw error
}

/** Why packs cannot be replaced there; null when they can. Tried, as it depends on the server and on what the key may do. */
async function whyNot({ target, context }: Collecting): Promise<string | null> {
  const { settings, signal } = context
  const { config } = targetSettings(settings, target.name)
  if (config.kind === 's3' && config.objectLock !== undefined) return 'what is put there is locked'
  try {
    await target.put(PACK_TRIAL_KEY, contentOf(Buffer.from('trial')), { signal, inOneStep: true })
    await target.delete(PACK_TRIAL_KEY, { signal })
    return null
  } catch (error) {
    const { code, message } = toFailure(error)
    if (code === 'TARGET_REFUSED' || code === 'OBJECT_LOCKED') return message
    throw error
  }
}

/** A pack that was written anew and waits to be put. */
interface ShortPack {
  readonly pack: Shortenable
  readonly path: string
  readonly content: Content & { readonly sizeBytes: number }
  /** Which pages it has. */
  readonly present: Buffer
}

/** Fetches a pack and writes it anew; null for one that is damaged, and stays as it is. */
async function shorten(
  pack: Shortenable,
  work: WorkDirectory,
  { target, context, tally }: Collecting,
): Promise<ShortPack | null> {
  const { signal } = context
  const { id, key, sizeBytes, slots } = pack
  const [fetched, path] = [work.file(`there-${id}.pack`), work.file(`short-${id}.pack`)]
  await requireSpace(work.path, 2 * sizeBytes, 'a pack that is fetched to be written anew')
  const packs = new PacksAtTarget(target, signal)
  packs.note(id, sizeBytes)
  try {
    const problems = await fetchPack(id, fetched, packs, { signal, onBytes: () => {} })
    const present = problems.length === 0 ? await rewrite(fetched, { id, slots, path }) : null
    if (present !== null) return { pack, path, present, content: await contentOfShort(path, signal) }
  } finally {
    await removeFile(fetched)
  }
  await removeFile(path)
  tally.problem = `a pack there is damaged or gone, and was not written anew: ${target.name}:${key}`
  return null
}

/** Resolves to a bit for each page that is in the new file, once every live one was found there; null when one is not. */
async function rewrite(
  fetched: string,
  { id, slots, path }: { readonly id: string; readonly slots: Slots; readonly path: string },
): Promise<Buffer | null> {
  try {
    using pack = PackFile.open(fetched, id)
    pack.checkKey()
    await rewritePack(pack, slots, path)
    using short = PackFile.open(path, id)
    return (await findLost(short, slots)) === null ? Buffer.from(short.index.present) : null
  } catch (error) {
    if (isDamage(error)) return null
    throw error
  }
}

async function contentOfShort(path: string, signal: AbortSignal): Promise<ShortPack['content']> {
  using file = new RawFile(path)
  const sizeBytes = file.size
  return contentOfFile(path, { sizeBytes, sha256: await hashFile(file.fd, sizeBytes, path, { signal }) })
}

/** Puts them in place of those that are there, but for those of which a backup needs more by now. */
async function putAll(batch: readonly ShortPack[], collecting: Collecting): Promise<void> {
  const { target, context, tally } = collecting
  if (batch.length === 0) return
  const staying = new Map(batch.map(({ pack, present }) => [pack.id, present]))
  await changeMarked(staying, collecting, async mark => {
    for (const { pack, path, content, present } of batch) {
      throwIfCancelled(context.signal)
      // Its slots have become more with the last look, if a backup has come that needs more.
      if (!pack.slots.isWithin(present) || !mark.isCurrent()) continue
      await target.put(packKey(pack.id), content, { signal: context.signal, inOneStep: true })
      tally.freedBytes += pack.sizeBytes - content.sizeBytes
      tally.rewrittenPacks += 1
      await removeFile(path)
    }
    return true
  })
}
