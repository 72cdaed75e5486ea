/** Encrypted backups of pages, as far as they can be looked at without a key. */
import { readFile } from 'node:fs/promises'
import { isDamage } from '../blocks/damage.ts'
import { pagesOf } from '../blocks/live-pages.ts'
import { PackFile } from '../blocks/pack-file.ts'
import { lockForReading } from '../blocks/readers-lock.ts'
import { isSealedPoint, MAGIC_BYTES, parseRestorePoint, sha256 } from '../blocks/restore-point.ts'
import { packPath } from '../blocks/store.ts'
import { findLost } from '../blocks/whole-pages.ts'
import type { BackupInfo } from '../catalog/backup-info.ts'
import { imageKey } from '../catalog/target-keys.ts'
import type { Bytes, Seen } from '../encoding/bytes.ts'
import { throwIfCancelled } from '../errors.ts'
import { during } from '../storage/io-errors.ts'
import { storeBeside } from './block-store.ts'
import { differences, expectedOf } from './check-stored.ts'
import type { Context } from './context.ts'
import { fetchBlocks, namedAtTarget } from './fetch-blocks.ts'
import { openWork } from './open-work.ts'
import { readStored } from './read-stored.ts'
import type { VerifyProblem } from './reports.ts'
import { openNamed } from './target-access.ts'

/** Whether the pages of a backup are encrypted, by the first bytes of its file. */
export async function isSealed(backup: BackupInfo, context: Context): Promise<boolean> {
  const { target, size } = backup
  if (size < MAGIC_BYTES) return false
  if (target === null) return isSealedPoint(await firstOf(readStored(backup, context)))
  await using opened = await openNamed(target, context)
  const range = { from: 0, length: MAGIC_BYTES }
  return isSealedPoint(await firstOf(opened.get(imageKey(backup), { signal: context.signal, range })))
}

async function firstOf(bytes: Bytes): Promise<Buffer> {
  let start = Buffer.alloc(0)
  for await (const piece of bytes) {
    start = Buffer.concat([start, piece.subarray(0, MAGIC_BYTES)])
    if (start.length >= MAGIC_BYTES) break
  }
  return start
}

interface SealedCheck {
  /** The backup's own file. */
  readonly stored: Seen
  readonly problems: readonly VerifyProblem[]
  readonly unchecked: readonly string[]
}

/** Holds the backup's own file, and every byte in packs that it relies on, against what was written. */
export async function checkSealed(backup: BackupInfo, context: Context): Promise<SealedCheck> {
  const { target } = backup
  if (target === null) return await checkHere(backup, context)
  const at = { ...backup, target }
  await using work = await openWork(context)
  const root = work.file('store')
  const fetched = await fetchBlocks(at, { root, expected: expectedOf(backup), reserveBytes: 0 }, context)
  const checked =
    fetched.problems.length > 0
      ? { stored: fetched.stored, problems: fetched.problems, unchecked: [] }
      : await checkHere(fetched.backup, context)
  const named = checked.problems.map(problem => ({
    ...problem,
    message: namedAtTarget(problem.message, at, root),
  }))
  return { ...checked, problems: named }
}

async function checkHere(backup: BackupInfo, context: Context): Promise<SealedCheck> {
  const { settings, signal } = context
  using _lock = await lockForReading(storeBeside(backup), { waitMs: settings.waitForLockMs, signal })
  const bytes = await during('read', backup.path, () => readFile(backup.path))
  const stored = { sizeBytes: bytes.length, checksum: sha256(bytes).toString('hex') }
  const problems = [
    ...differences(stored.sizeBytes, stored.checksum, expectedOf(backup)),
    ...(await damageOf(bytes, backup, signal)),
  ]
  return { stored, problems, unchecked: [] }
}

/** What is wrong with the packs that a restore point relies on, one problem for each. The caller keeps clean-ups off. */
export async function damageOf(
  restorePoint: Buffer,
  backup: BackupInfo,
  signal: AbortSignal,
): Promise<VerifyProblem[]> {
  const problems: VerifyProblem[] = []
  const note = async (look: () => Promise<void>): Promise<void> => {
    try {
      await look()
    } catch (error) {
      if (!isDamage(error)) throw error
      problems.push({ code: 'NOT_DECODABLE', message: error.message })
    }
  }
  await note(async () => {
    const pages = pagesOf(parseRestorePoint(restorePoint, backup.path))
    for (const [id, slots] of pages) {
      throwIfCancelled(signal)
      await note(async () => {
        using pack = PackFile.open(packPath(storeBeside(backup), id), id)
        pack.checkKey()
        const lost = await findLost(pack, slots)
        if (lost !== null) {
          const message = `Page ${lost} of the pack is not what was written: ${pack.path}`
          problems.push({ code: 'NOT_DECODABLE', message })
        }
      })
    }
  })
  return problems
}
