import { collectGarbage } from '../blocks/collect-garbage.ts'
import { openKeyFilesWith } from '../blocks/key-files.ts'
import { NO_KEYS, readKeys } from '../encoding/keys.ts'
import { BackupError, toFailure } from '../errors.ts'
import { blockStoreOf, restorePointsIn } from './block-store.ts'
import { begin, type Context } from './context.ts'
import type { PacksCollected } from './blocks-reports.ts'
import { isThere } from '../storage/durable.ts'
import { blocksDirectory } from '../catalog/layout.ts'

/**
 * Gives back what no backup of pages relies on any more, of any database in the backup directory; null where there is
 * no store of packs. For holders of the catalog's lock. What goes wrong is in the answer: the backups are deleted
 * already, and the next clean-up tries again. Throws only `CANCELLED`.
 */
export async function collectBlocks(context: Context): Promise<PacksCollected | null> {
  const { settings, signal } = context
  if (!(await isThere(blocksDirectory(settings.backupDir)))) return null
  begin(context, 'collect-packs')
  try {
    const restorePoints = await restorePointsIn(settings.backupDir)
    // A key that cannot be read is none: what needs it waits for a cleanup that has it.
    const open = openKeyFilesWith(() => readKeys(settings.storing.encryption, undefined).catch(() => NO_KEYS))
    const options = { waitMs: Math.min(settings.waitForLockMs, WAIT_MS_MAX), signal, open }
    const { unreadable, ...collected } = await collectGarbage(restorePoints, blockStoreOf(context), options)
    const problem = { done: null, busy: BUSY, refused: unreadable[0]?.message ?? null }[collected.status]
    return { ...collected, problem }
  } catch (error) {
    if (error instanceof BackupError && error.code === 'CANCELLED') throw error
    const problem = toFailure(error).message
    return { status: 'failed', problem, freedBytes: 0, removedPacks: 0, rewrittenPacks: 0 }
  }
}

/** A check of everything may read packs for hours, and others wait for the catalog's lock meanwhile. */
const WAIT_MS_MAX = 2_000
const BUSY = 'somebody was reading packs all the time; the next cleanup gives the space back'
