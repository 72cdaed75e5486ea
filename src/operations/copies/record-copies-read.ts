/** Noting what was found of copies: in the backup directory for those that are there too, and at the target. */
import { isDamagedAsStored, type StoredCopy } from '../../catalog/metadata.ts'
import { imageKey } from '../../catalog/target-keys.ts'
import type { Target } from '../../storage/target.ts'
import { type Context, withoutCancelling } from '../context.ts'
import { editAtTarget } from '../edit-at-target.ts'
import { recordCopies } from '../record-copies.ts'
import { targetSettings } from '../target-access.ts'
import type { Copy } from './read-file.ts'

/** Of each object that a copy is made of, when it was last read and whole; null where that is not known. */
export type WholeAt = (key: string) => string | null

/** Since when all that a copy is made of is known to be whole: the time of what was read longest ago. */
export function wholeSince(copy: Copy, packKeys: readonly string[], wholeAt: WholeAt): string | null {
  const times = [imageKey(copy.there), ...packKeys].map(wholeAt)
  if (times.includes(null)) return null
  return (times as string[]).toSorted()[0] as string
}

/** What was found before, wherever it was noted. What is damaged as it was stored has whole bytes. */
export function damagedAt({ there, here }: Copy, name: string): string | null {
  const noted = isDamagedAsStored(there.metadata) ? undefined : there.metadata.damaged_at
  return here?.metadata.copies?.[name]?.damaged_at ?? noted ?? null
}

/** Notes that it is damaged, so that the next sync replaces it. What cannot be noted at the target is noted here alone. */
export async function noteDamaged(copy: Copy, target: Target, context: Context): Promise<void> {
  const at = context.now().toISOString()
  await noteHere(copy, target.name, noted => ({ ...noted, verified_at: undefined, damaged_at: at }), context)
  const found = { verified_at: null, damaged_at: at, damaged_as_stored: undefined }
  await noteThere(copy, target, found, context)
}

/** Notes that it is whole, unless that is known already. At the target where it has to be taken back, or nothing is here. */
export async function noteWhole(copy: Copy, since: string, target: Target, context: Context): Promise<void> {
  await noteHere(
    copy,
    target.name,
    noted => ({ ...noted, verified_at: since, damaged_at: undefined }),
    context,
  )
  // That there is damage in what is whole, reading its bytes does not tell.
  if (isDamagedAsStored(copy.there.metadata)) return
  const { damaged_at, verified_at } = copy.there.metadata
  const { isAppendOnly } = targetSettings(context.settings, target.name)
  const isLast = copy.here === null && !isAppendOnly && (verified_at ?? '') < since
  if (damaged_at !== undefined || isLast)
    await noteThere(copy, target, { verified_at: since, damaged_at: undefined }, context)
}

async function noteHere(
  { there, here }: Copy,
  name: string,
  change: (noted: StoredCopy) => StoredCopy,
  context: Context,
): Promise<void> {
  if (here === null) return
  const noted = here.metadata.copies?.[name] ?? { at: context.now().toISOString(), size: there.size }
  const changed = change(noted)
  if (JSON.stringify(changed) !== JSON.stringify(noted))
    await recordCopies(here, { [name]: changed }, context)
}

async function noteThere(
  { there }: Copy,
  target: Target,
  keys: Parameters<typeof editAtTarget>[2] extends (now: never) => infer Keys ? Keys : never,
  context: Context,
): Promise<void> {
  await editAtTarget(target, there, () => keys, withoutCancelling(context)).catch(() => {})
}
