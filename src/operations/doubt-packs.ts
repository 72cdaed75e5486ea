import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { doubtPacks, doubtsOf } from '../blocks/doubted-packs.ts'
import { pagesOf } from '../blocks/live-pages.ts'
import { parseRestorePoint } from '../blocks/restore-point.ts'
import type { BackupInfo } from '../catalog/backup-info.ts'
import { imageKey } from '../catalog/target-keys.ts'
import { readObject } from '../storage/read-object.ts'
import { blockStoreOf, storeBeside } from './block-store.ts'
import type { Context } from './context.ts'
import { DoubtedAtTarget } from './doubted-at-target.ts'
import { withTarget } from './target-access.ts'

/**
 * Notes of a backup in this backup directory, or at a target, that it is damaged, where that may be in packs which later
 * ones would rely on. What cannot be noted changes nothing of what was found.
 */
export async function doubtPacksOf(backup: BackupInfo, context: Context): Promise<void> {
  if (backup.encoding !== 'blocks') return
  try {
    if (backup.target === null) await doubtHere(backup, context)
    else await doubtThere(backup.target, backup, context)
  } catch {
    // Nobody builds upon a restore point that cannot be read.
  }
}

async function doubtHere(backup: BackupInfo, context: Context): Promise<void> {
  const store = blockStoreOf(context)
  if (storeBeside(backup).backupDir !== resolve(store.backupDir)) return
  await doubtPacks(packsOf(await readFile(backup.path), backup), doubtsOf(store))
}

async function doubtThere(name: string, backup: BackupInfo, context: Context): Promise<void> {
  const limits = { signal: context.signal, bytesMax: backup.size }
  const bytes = await withTarget(name, context, target => readObject(target, imageKey(backup), limits))
  const doubted = await DoubtedAtTarget.open(name, context)
  await doubted.doubt(packsOf(Buffer.from(bytes), backup))
}

function packsOf(bytes: Buffer, { path }: BackupInfo): Iterable<string> {
  return pagesOf(parseRestorePoint(bytes, path)).keys()
}
