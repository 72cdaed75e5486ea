/** Making an image of a backup of pages. */
import { readFile } from 'node:fs/promises'
import { isDamage } from '../blocks/damage.ts'
import type { OpenKeyFile } from '../blocks/key-files.ts'
import { lockForReading } from '../blocks/readers-lock.ts'
import { parseRestorePoint, type RestorePoint, sha256 } from '../blocks/restore-point.ts'
import { restoreImage } from '../blocks/restore-image.ts'
import type { BlockStore } from '../blocks/store.ts'
import type { BackupInfo } from '../catalog/backup-info.ts'
import { NoKeyFits } from '../encoding/age/header.ts'
import type { Seen } from '../encoding/bytes.ts'
import { WritableFile } from '../snapshot/writable-file.ts'
import type { Durability } from '../storage/durable.ts'
import { FlushAhead } from '../storage/flush-ahead.ts'
import { during } from '../storage/io-errors.ts'
import { storeBeside } from './block-store.ts'
import { differences, type Expected } from './check-stored.ts'
import { bytesOf, type Context } from './context.ts'
import { type BackupAtTarget, fetchBlocks, namedAtTarget } from './fetch-blocks.ts'
import type { VerifyProblem } from './reports.ts'
import { damageOf } from './sealed-blocks.ts'

export interface RestoredImage {
  /** What the restore point says that its image is. */
  readonly image: Expected
  readonly stored: Seen
  readonly problems: readonly VerifyProblem[]
}

interface RestoreOrder {
  /** What the metadata says. */
  readonly stored: Expected
  readonly image: Expected
  /** Opens the keys of encrypted packs. */
  readonly open: OpenKeyFile
  /** Of a file that the caller will flush: the disk begins with it at once. */
  readonly durability: Durability
}

/**
 * Writes the image of a backup into a new file. Nothing of a file in which this says problems is to be used; whether
 * the rest is the image, its checksum has to tell. Throws `NoKeyFits` for one that is as it was stored, to other keys.
 */
export async function restoreBlocks(
  backup: BackupInfo,
  file: string,
  expected: RestoreOrder,
  context: Context,
): Promise<RestoredImage> {
  const { signal, settings } = context
  const store = storeBeside(backup)
  // Before the file is read: once a clean-up has ended, either it is gone, or all that it relies on is there.
  using _lock = await lockForReading(store, { waitMs: settings.waitForLockMs, signal })
  const bytes = await during('read', backup.path, () => readFile(backup.path))
  const stored = { sizeBytes: bytes.length, checksum: sha256(bytes).toString('hex') }
  const problems = differences(stored.sizeBytes, stored.checksum, expected.stored)
  try {
    const point = parseRestorePoint(bytes, backup.path)
    const { imageChecksum } = point
    const size = point.pageSize * point.pageCount
    problems.push(...differences(size, imageChecksum, expected.image))
    await writeImage(point, store, file, expected, context)
    return { stored, problems, image: { what: 'image', sizeBytes: size, checksum: imageChecksum } }
  } catch (error) {
    if (error instanceof NoKeyFits) {
      // Its bytes tell what was changed from what is another's.
      const all = [...problems, ...(await damageOf(bytes, backup, signal))]
      if (all.length === 0) throw error
      return { stored, problems: all, image: expected.image }
    }
    if (!isDamage(error)) throw error
    problems.push({ code: 'NOT_DECODABLE', message: error.message })
    return { stored, problems, image: expected.image }
  }
}

async function writeImage(
  point: RestorePoint,
  store: Pick<BlockStore, 'backupDir'>,
  file: string,
  { open, durability }: RestoreOrder,
  context: Context,
): Promise<void> {
  using written = new WritableFile(file)
  const sizeBytes = point.pageSize * point.pageCount
  written.setSize(sizeBytes)
  const report = bytesOf(context, 'verify-backup')
  const ahead = new FlushAhead(file, durability)
  const onBytes = (doneBytes: number): void => {
    report(doneBytes, sizeBytes)
    ahead.reached(doneBytes)
  }
  try {
    await restoreImage(point, store, written, { open, signal: context.signal, onBytes })
  } finally {
    await ahead.settled()
  }
}

/** The same of a backup at a target, when all that it relies on has been fetched into a new directory `root`. */
export async function restoreFetched(
  backup: BackupAtTarget,
  { file, root }: { readonly file: string; readonly root: string },
  expected: RestoreOrder,
  context: Context,
): Promise<RestoredImage> {
  const order = { root, expected: expected.stored, reserveBytes: expected.image.sizeBytes ?? 0 }
  const fetched = await fetchBlocks(backup, order, context)
  const { stored } = fetched
  const restored =
    fetched.problems.length > 0
      ? { image: expected.image, stored, problems: fetched.problems }
      : await restoreBlocks(fetched.backup, file, expected, context)
  const problems = restored.problems.map(problem => ({
    ...problem,
    message: namedAtTarget(problem.message, backup, root),
  }))
  return { ...restored, problems }
}
