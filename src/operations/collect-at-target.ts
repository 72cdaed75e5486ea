import { pagesOf } from '../blocks/live-pages.ts'
import { parseRestorePoint } from '../blocks/restore-point.ts'
import { SUFFIXES } from '../catalog/encodings.ts'
import { PACKS_PREFIX, parseMetadataKey, parsePackKey } from '../catalog/target-keys.ts'
import { throwIfCancelled, toFailure } from '../errors.ts'
import { inParallel } from '../storage/in-parallel.ts'
import { readObject } from '../storage/read-object.ts'
import type { StoredObject, Target } from '../storage/target.ts'
import type { PacksCollected } from './blocks-reports.ts'
import { begin, type Context } from './context.ts'

/** Nobody copies for so long between a pack and the backup that relies on it. */
const AGE_MS_MIN = 86_400_000
/** Some five bytes a page at most: a larger one is of no database that anybody has. */
const RESTORE_POINT_BYTES_MAX = 1 << 29
const READS_AT_ONCE = 8
const DELETIONS_AT_ONCE = 4

const NOTHING = { freedBytes: 0, removedPacks: 0, rewrittenPacks: 0 } as const
const BUSY = 'a backup is being copied there; the next cleanup gives the space back'

/**
 * Deletes the packs at a target that no backup there relies on any more, of any database; null where there are none.
 * What goes wrong is in the answer: the next cleanup tries again. Throws only `CANCELLED`.
 *
 * Packs there are never written anew: that would mean to fetch them. What is dead in one that lives goes with it.
 *
 * Who is copying has put a mark before he looked which packs are there, and looks again once the file is there that
 * relies on them. So a pack is lost to him only if all of his copying falls into the moments between our last look and
 * a deletion, and if he needs a pack that no backup there has needed for long. A verification finds that, and the next
 * sync puts the pack again.
 */
export async function collectAtTarget(target: Target, context: Context): Promise<PacksCollected | null> {
  begin(context, 'collect-packs')
  try {
    return await collect(target, context)
  } catch (error) {
    if (error instanceof Refused) return { ...NOTHING, status: 'refused', problem: error.message }
    const { code, message } = toFailure(error)
    if (code === 'CANCELLED') throw error
    return { ...NOTHING, status: 'failed', problem: message }
  }
}

/** Nobody knows what a restore point relies on. */
class Refused extends Error {}

async function collect(target: Target, context: Context): Promise<PacksCollected | null> {
  const { signal } = context
  const packs = await listPacks(target, signal)
  if (packs.length === 0) return null
  const old = packs.filter(({ modified }) => isOld(modified, context.now()))
  if (old.length === 0) return { ...NOTHING, status: 'done', problem: null }
  const first = await listAll(target, context)
  if (first.isBusy) return { ...NOTHING, status: 'busy', problem: BUSY }
  const live = new Set<string>()
  await addLive(live, first.points, target, signal)
  const dead = old.filter(({ id }) => !live.has(id))
  if (dead.length === 0) return { ...NOTHING, status: 'done', problem: null }
  // Reading them has taken its time.
  const second = await listAll(target, context)
  if (second.isBusy) return { ...NOTHING, status: 'busy', problem: BUSY }
  const known = new Set(first.points.map(asText))
  await addLive(
    live,
    second.points.filter(point => !known.has(asText(point))),
    target,
    signal,
  )
  return await removeAll(
    dead.filter(({ id }) => !live.has(id)),
    target,
    signal,
  )
}

interface ListedPack extends StoredObject {
  readonly id: string
}

/** Where there are none, nothing else has to be listed: many databases may have a target in common. */
async function listPacks(target: Target, signal: AbortSignal): Promise<ListedPack[]> {
  const packs: ListedPack[] = []
  for await (const object of target.list(PACKS_PREFIX, { signal })) {
    const id = parsePackKey(object.key)
    if (id !== null) packs.push({ ...object, id })
  }
  return packs
}

interface Listed {
  readonly points: readonly StoredObject[]
  /** Whether somebody says that he is copying a backup of pages. */
  readonly isBusy: boolean
}

async function listAll(target: Target, { signal, now }: Context): Promise<Listed> {
  const points: StoredObject[] = []
  const copying: string[] = []
  const described = new Set<string>()
  for await (const object of target.list('', { signal })) {
    const { key } = object
    const metadata = parseMetadataKey(key)
    // Whatever it is called: somebody may have renamed it, and means to keep it.
    if (key.endsWith(SUFFIXES.blocks)) points.push(object)
    else if (metadata === null || !metadata.filename.endsWith(SUFFIXES.blocks)) continue
    else if (!('kind' in metadata)) described.add(metadata.filename)
    else if (metadata.kind === 'copying' && !isOld(object.modified, now())) copying.push(metadata.filename)
  }
  // A mark beside metadata is one that nobody has taken away.
  return { points, isBusy: copying.some(filename => !described.has(filename)) }
}

/** What has no date is not known to be old. */
function isOld(modified: string | null, now: Date): boolean {
  return modified !== null && now.getTime() - Date.parse(modified) > AGE_MS_MIN
}

function asText({ key, sizeBytes, modified }: StoredObject): string {
  return JSON.stringify([key, sizeBytes, modified])
}

/** Adds the packs that restore points rely on. */
async function addLive(
  live: Set<string>,
  points: readonly StoredObject[],
  target: Target,
  signal: AbortSignal,
): Promise<void> {
  await inParallel(points, READS_AT_ONCE, async ({ key, sizeBytes }) => {
    const path = `${target.name}:${key}`
    try {
      const bytes = await readObject(target, key, {
        signal,
        bytesMax: Math.min(sizeBytes, RESTORE_POINT_BYTES_MAX),
      })
      for (const id of pagesOf(parseRestorePoint(Buffer.from(bytes), path)).keys()) live.add(id)
    } catch (error) {
      const { code, message } = toFailure(error)
      // Deleted meanwhile: it relies on nothing.
      if (code === 'OBJECT_NOT_FOUND') return
      if (code === 'BACKUP_DAMAGED' || code === 'OBJECT_DAMAGED') throw new Refused(message, { cause: error })
      throw error
    }
  })
}

async function removeAll(
  dead: readonly ListedPack[],
  target: Target,
  signal: AbortSignal,
): Promise<PacksCollected> {
  let freedBytes = 0
  let removedPacks = 0
  let status: PacksCollected['status'] = 'done'
  let problem: string | null = null
  await inParallel(dead, DELETIONS_AT_ONCE, async ({ key, sizeBytes }) => {
    throwIfCancelled(signal)
    try {
      await target.delete(key, { signal })
      freedBytes += sizeBytes
      removedPacks += 1
    } catch (error) {
      const failure = toFailure(error)
      if (failure.code === 'CANCELLED') throw error
      problem = failure.message
      // What the target keeps until a date goes with the cleanup after that, and is no failure.
      if (failure.code !== 'OBJECT_LOCKED') status = 'failed'
    }
  })
  return { status, problem, freedBytes, removedPacks, rewrittenPacks: 0 }
}
