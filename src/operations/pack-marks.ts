/**
 * Marks at a target by which a cleanup says which packs it is changing, and which of their pages stay, for whoever is
 * copying a backup that relies on one of the others.
 *
 * A cleanup puts its mark, looks which backups are there, changes the packs, and takes the mark away. Who copies puts the
 * backup's file, looks for marks, and only then looks for the last time whether the packs have what the backup needs.
 * So one of the two always sees the other: either the file was there when the cleanup looked, and all that it needs stays;
 * or the mark was there before the file. Then it is there still, and the backup is not completed as long as a page that
 * it needs may go; or it is gone, and so is whatever the cleanup has dropped, which the last look finds and puts again.
 * A mark that stays because a cleanup was killed holds up only such a backup, and for a day at most.
 */
import { randomBytes } from 'node:crypto'
import type { Slots } from '../blocks/live-pages.ts'
import { isPackMarkKey, PACK_MARKS_PREFIX, packMarkKey } from '../catalog/target-keys.ts'
import { BackupError } from '../errors.ts'
import { putText } from '../storage/put-text.ts'
import { readObject } from '../storage/read-object.ts'
import { isOfObject } from '../storage/target-failure.ts'
import type { Target } from '../storage/target.ts'
import type { Context } from './context.ts'

/** Nobody is at work for so long between a pack and the backup that relies on it, or between a mark and its change. */
const AGE_MS_MIN = 86_400_000
/** What has not been changed by then under a mark stays as it is: others heed it for twice as long, and clocks differ. */
const CURRENT_MS_MAX = AGE_MS_MIN / 2
/** A bit for each page of the packs that are changed at once. */
const MARK_BYTES_MAX = 64 << 20

/** What stays of packs, by their ids: a bit a page, as in a pack's index. Of one that goes there are none. */
export type Staying = ReadonlyMap<string, Uint8Array>

/** What has no date is not known to be old. */
export function isOld(modified: string | null, now: Date): boolean {
  return modified !== null && now.getTime() - Date.parse(modified) > AGE_MS_MIN
}

/** A mark that was put; what is changed under it is changed while {@link isCurrent}. */
export interface PackMark {
  readonly key: string
  /** Whether others still heed it, for long enough. */
  readonly isCurrent: () => boolean
}

export async function putPackMark(
  target: Target,
  staying: Staying,
  { signal, now }: Pick<Context, 'signal' | 'now'>,
): Promise<PackMark> {
  const key = packMarkKey(randomBytes(8).toString('hex'))
  const packs = Object.fromEntries(
    [...staying].map(([id, bits]) => [id, Buffer.from(bits).toString('base64')]),
  )
  const putAt = now().getTime()
  await putText(target, key, `${JSON.stringify({ schema: 1, packs })}\n`, { signal })
  return { key, isCurrent: () => now().getTime() - putAt < CURRENT_MS_MAX }
}

/**
 * Throws `CATALOG_LOCKED` while a cleanup at the target may be dropping pages that a backup needs.
 *
 * @param needed by the pack's id
 */
export async function requireStaying(
  needed: ReadonlyMap<string, Slots>,
  target: Target,
  { signal, now }: Pick<Context, 'signal' | 'now'>,
): Promise<void> {
  for await (const { key, modified } of target.list(PACK_MARKS_PREFIX, { signal })) {
    if (!isPackMarkKey(key) || isOld(modified, now())) continue
    const text = await readMark(target, key, signal)
    // Whoever it was has just finished.
    if (text === null) continue
    const staying = parseMark(text)
    if (staying === null || [...needed].some(([id, slots]) => isDropped(slots, staying.get(id))))
      throw beingDropped(target)
  }
}

/** @param bits undefined for a pack that stays as it is */
function isDropped(slots: Slots, bits: Uint8Array | undefined): boolean {
  return bits !== undefined && !slots.isWithin(bits)
}

async function readMark(target: Target, key: string, signal: AbortSignal): Promise<string | null> {
  try {
    const bytes = await readObject(target, key, { signal, bytesMax: MARK_BYTES_MAX })
    return Buffer.from(bytes).toString('utf8')
  } catch (error) {
    if (isOfObject(error)) return error.code === 'OBJECT_NOT_FOUND' ? null : ''
    throw error
  }
}

/** Null for text that makes no sense: what its writer changes is not known then. */
function parseMark(text: string): Staying | null {
  try {
    const { schema, packs } = JSON.parse(text) as { schema?: unknown; packs: Record<string, string> }
    if (schema !== 1) return null
    return new Map(Object.entries(packs).map(([id, bits]) => [id, Buffer.from(bits, 'base64')]))
  } catch {
    return null
  }
}

function beingDropped({ name }: Target): BackupError {
  return new BackupError(
    'CATALOG_LOCKED',
    `A cleanup at the target ${name} is dropping pages that the backup needs`,
    {
      hint: 'Let it finish, and try again with: chame-backup sync. After one that was killed that takes a day.',
    },
  )
}
