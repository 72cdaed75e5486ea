import { isPackMarkKey, PACKS_PREFIX, parsePackKey } from '../catalog/target-keys.ts'
import { throwIfCancelled, toFailure } from '../errors.ts'
import { inParallel } from '../storage/in-parallel.ts'
import type { StoredObject, Target } from '../storage/target.ts'
import type { PacksCollected } from './blocks-reports.ts'
import { changeMarked, type Collecting } from './change-packs.ts'
import { begin, type Context } from './context.ts'
import { LiveAtTarget, NotNow } from './live-at-target.ts'
import { isOld } from './pack-marks.ts'
import { type PackAtTarget, shortenPacks } from './shorten-packs.ts'

const DELETIONS_AT_ONCE = 4
const NOTHING_STAYS = new Uint8Array()

export interface CollectRequest {
  /** Whether packs are written anew that are dead for the most part, for which they have to be fetched. */
  readonly isShortening: boolean
}

/**
 * Gives back what no backup at a target relies on any more, of any database; null where there are no packs. Packs that
 * none needs are deleted. What goes wrong is in the answer: the next cleanup tries again. Throws only `CANCELLED`.
 *
 * Whoever copies a backup meanwhile that needs what is about to go learns of it: see pack-marks.ts. Killed at any instant,
 * each pack is there as it was, or without pages that none needs, or, if none of them is needed, not at all.
 */
export async function collectAtTarget(
  target: Target,
  request: CollectRequest,
  context: Context,
): Promise<PacksCollected | null> {
  begin(context, 'collect-packs')
  const live = new LiveAtTarget(target, context)
  const tally: Collecting['tally'] = {
    status: 'done',
    problem: null,
    freedBytes: 0,
    removedPacks: 0,
    rewrittenPacks: 0,
  }
  try {
    const hasPacks = await collect(request, { target, live, context, tally })
    return hasPacks ? tally : null
  } catch (error) {
    if (error instanceof NotNow) return { ...tally, status: error.status, problem: error.message }
    const { code, message } = toFailure(error)
    if (code === 'CANCELLED') throw error
    return { ...tally, status: 'failed', problem: message }
  }
}

/** Resolves to whether there are packs. */
async function collect({ isShortening }: CollectRequest, collecting: Collecting): Promise<boolean> {
  const { target, live, context } = collecting
  const { packs, marks } = await listPacks(target, context.signal)
  if (packs.length === 0) return false
  const isOldNow = ({ modified }: StoredObject): boolean => isOld(modified, context.now())
  // Of cleanups that were killed. Nobody heeds them any more.
  for (const { key } of marks.filter(isOldNow)) await deleteUnlessLocked(target, key, context.signal)
  const old = packs.filter(isOldNow)
  if (old.length === 0) return true
  await live.look()
  const dead = old.filter(({ id }) => !live.packs.has(id))
  if (dead.length > 0) await removeAll(dead, collecting)
  if (isShortening) await shortenPacks(old, collecting)
  return true
}

/** What may not be deleted at all is an error: where nobody may, marks would become more and more. */
async function deleteUnlessLocked(target: Target, key: string, signal: AbortSignal): Promise<void> {
  try {
    await target.delete(key, { signal })
  } catch (error) {
    if (toFailure(error).code !== 'OBJECT_LOCKED') throw error
  }
}

/** Where there are none, nothing else has to be listed: many databases may have a target in common. */
async function listPacks(
  target: Target,
  signal: AbortSignal,
): Promise<{ readonly packs: readonly PackAtTarget[]; readonly marks: readonly StoredObject[] }> {
  const packs: PackAtTarget[] = []
  const marks: StoredObject[] = []
  for await (const object of target.list(PACKS_PREFIX, { signal })) {
    const id = parsePackKey(object.key)
    if (id !== null) packs.push({ ...object, id })
    else if (isPackMarkKey(object.key)) marks.push(object)
  }
  return { packs, marks }
}

async function removeAll(dead: readonly PackAtTarget[], collecting: Collecting): Promise<void> {
  const { target, live, context, tally } = collecting
  const { signal } = context
  const staying = new Map(dead.map(({ id }) => [id, NOTHING_STAYS]))
  await changeMarked(staying, collecting, async mark => {
    await inParallel(dead, DELETIONS_AT_ONCE, async ({ id, key, sizeBytes }) => {
      throwIfCancelled(signal)
      if (live.packs.has(id) || !mark.isCurrent()) return
      try {
        await target.delete(key, { signal })
        tally.freedBytes += sizeBytes
        tally.removedPacks += 1
      } catch (error) {
        const failure = toFailure(error)
        if (failure.code === 'CANCELLED') throw error
        tally.problem = failure.message
        // What the target keeps until a date goes with the cleanup after that, and is no failure.
        if (failure.code !== 'OBJECT_LOCKED') tally.status = 'failed'
      }
    })
    return tally.status !== 'failed'
  })
}
