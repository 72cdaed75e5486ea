/** Which pages of which packs the backups of pages at a target rely on. */
import { readFile } from 'node:fs/promises'
import { unlessDamaged } from '../../blocks/damage.ts'
import { pagesOf, Slots } from '../../blocks/live-pages.ts'
import { parseRestorePoint, sha256 } from '../../blocks/restore-point.ts'
import { imageKey } from '../../catalog/target-keys.ts'
import { BackupError } from '../../errors.ts'
import { unlessMissing } from '../../storage/io-errors.ts'
import { readObject } from '../../storage/read-object.ts'
import { orProblemOf } from '../../storage/target-failure.ts'
import type { Target } from '../../storage/target.ts'
import type { Copy } from './read-file.ts'

type Pages = ReadonlyMap<string, Slots>

/** The pages that one copy relies on; null when its file makes no sense, or is gone, which reading that file tells. */
async function pagesOfCopy(copy: Copy, target: Target, signal: AbortSignal): Promise<Pages | null> {
  const { there } = copy
  const bytes = (await bytesHere(copy)) ?? (await bytesThere(copy, target, signal))
  if (bytes === null) return null
  return await unlessDamaged(() => pagesOf(parseRestorePoint(bytes, there.path)))
}

/** The same bytes need not be fetched. */
async function bytesHere({ there, here }: Copy): Promise<Buffer | null> {
  const { checksum } = there.metadata
  if (here === null || here.metadata.checksum !== checksum) return null
  const bytes = await unlessMissing(here.path, () => readFile(here.path))
  return bytes !== null && sha256(bytes).toString('hex') === checksum ? bytes : null
}

async function bytesThere({ there }: Copy, target: Target, signal: AbortSignal): Promise<Buffer | null> {
  const read = await orProblemOf(() => readObject(target, imageKey(there), { signal, bytesMax: there.size }))
  return read instanceof BackupError ? null : Buffer.from(read)
}

/** What the copies at a target need of one pack. */
export interface PackThere {
  readonly needed: Slots
  readonly copies: Copy[]
}

/** By the pack's id. */
export async function packsThere(
  copies: readonly Copy[],
  target: Target,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, PackThere>> {
  const packs = new Map<string, PackThere>()
  for (const copy of copies.filter(({ there }) => there.encoding === 'blocks')) {
    for (const [id, slots] of (await pagesOfCopy(copy, target, signal)) ?? []) {
      const pack = packs.get(id) ?? { needed: new Slots(), copies: [] }
      pack.needed.addFrom(slots)
      pack.copies.push(copy)
      packs.set(id, pack)
    }
  }
  return packs
}

/** Those of the copies that need a page of a pack which is not among those that are whole. */
export async function copiesHurt(
  id: string,
  { copies, whole }: { readonly copies: readonly Copy[]; readonly whole: Slots },
  target: Target,
  signal: AbortSignal,
): Promise<Copy[]> {
  const hurt: Copy[] = []
  for (const copy of copies) {
    const slots = (await pagesOfCopy(copy, target, signal))?.get(id)
    if (slots !== undefined && slots.beyond(whole).next().done !== true) hurt.push(copy)
  }
  return hurt
}
