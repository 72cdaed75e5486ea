/** Reading a pack at a target: each page that a backup there relies on is held against its name. */
import { unlessDamaged } from '../../blocks/damage.ts'
import type { OpenKeyFile } from '../../blocks/key-files.ts'
import { Slots } from '../../blocks/live-pages.ts'
import { PackFile } from '../../blocks/pack-file.ts'
import { findWhole, pagesIn } from '../../blocks/whole-pages.ts'
import type { WorkDirectory } from '../../catalog/work-directory.ts'
import { removeFile, requireSpace } from '../../storage/durable.ts'
import { FETCHED_BYTES_MAX, fetchAsItIs } from '../fetch-blocks.ts'
import type { PacksAtTarget } from '../packs-at-target.ts'

const SPACE_RESERVE_BYTES = 1 << 20

export interface PackRead {
  /** The pages that are in it as they were written. */
  readonly whole: Slots
  /** Whether these are all that it says it has. */
  readonly isAllWhole: boolean
  /** What is wrong where that is not enough. */
  readonly problem: string
}

export interface PackReading {
  readonly packs: PacksAtTarget
  /** Where it is fetched to. */
  readonly work: WorkDirectory
  /** Opens the keys of encrypted packs; of those that it does not open the stored bytes are looked at. */
  readonly open: OpenKeyFile
  readonly signal: AbortSignal
}

/** Whether there are pages that are needed beyond those that are whole is for the caller to say. */
export async function readPack(id: string, { packs, work, open, signal }: PackReading): Promise<PackRead> {
  const sizeBytes = packs.sizeOf(id) ?? 0
  if (sizeBytes > FETCHED_BYTES_MAX) return nothingWhole(`no pack has ${sizeBytes} bytes`)
  const path = work.file(`${id}.pack`)
  await requireSpace(work.path, sizeBytes + SPACE_RESERVE_BYTES, 'a pack that is read again')
  try {
    const [problem] = await fetchAsItIs(id, path, packs, { signal, onBytes: () => {} })
    if (problem !== undefined) return nothingWhole(problem.message)
    return await look(path, id, open)
  } finally {
    await removeFile(path)
  }
}

async function look(path: string, id: string, open: OpenKeyFile): Promise<PackRead> {
  const read = await unlessDamaged(async () => {
    using pack = PackFile.open(path, id)
    await pack.unlockIfPossible(open)
    const whole = await findWhole(pack)
    return { whole, isAllWhole: pagesIn(pack.index).beyond(whole).next().done === true }
  })
  return read === null
    ? nothingWhole('it is not the pack that was put there, or its index or key is damaged')
    : { ...read, problem: 'pages in it are missing, or not what was written' }
}

function nothingWhole(problem: string): PackRead {
  return { whole: new Slots(), isAllWhole: false, problem }
}
