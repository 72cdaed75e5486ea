import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { doubtPacks } from '../blocks/doubted-packs.ts'
import { pagesOf } from '../blocks/live-pages.ts'
import { parseRestorePoint } from '../blocks/restore-point.ts'
import type { BackupInfo } from '../catalog/backup-info.ts'
import { blockStoreOf, storeBeside } from './block-store.ts'
import type { Context } from './context.ts'

/**
 * Notes of a backup in this backup directory that it is damaged, where that may be in packs which later ones would rely on.
 * What cannot be noted changes nothing of what was found.
 */
export async function doubtPacksOf(backup: BackupInfo, context: Context): Promise<void> {
  const store = blockStoreOf(context)
  const isHere = backup.target === null && storeBeside(backup).backupDir === resolve(store.backupDir)
  if (backup.encoding !== 'blocks' || !isHere) return
  try {
    const point = parseRestorePoint(await readFile(backup.path), backup.path)
    await doubtPacks(pagesOf(point).keys(), store)
  } catch {
    // Nobody builds upon a restore point that cannot be read.
  }
}
