/** Restoring where no readable database is: the new file is made beside it, and renamed into its place. */
import { chmod, chown, link, rename, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { BackupInfo } from '../catalog/backup-info.ts'
import { Staging } from '../catalog/staging.ts'
import { BackupError, throwIfCancelled, toFailure } from '../errors.ts'
import { copyWhole } from '../snapshot/copy-file.ts'
import { hashFile } from '../snapshot/hash.ts'
import { RawFile } from '../snapshot/source-files.ts'
import { makeDirectory, removeFile, syncDirectory, syncFile } from '../storage/durable.ts'
import { during, isAlreadyThere } from '../storage/io-errors.ts'
import { moveWithin } from '../storage/put-in-place.ts'
import { begin, bytesOf, type Context, durabilityOf } from './context.ts'
import type { IntactImage } from './find-intact.ts'
import type { KeptState } from './keep-current.ts'
import { whereItIs } from './roll-back.ts'
import type { Applied } from './write-image.ts'
import type { Target } from './restore-target.ts'
import { changedMeanwhile, requireUnchanged } from './target-files.ts'

/** They were removed. */
const NO_SIDE_FILES: ReadonlyMap<string, string> = new Map()

/**
 * Order: stage, flush, compare, remove side files, flush the directory, rename, flush the directory. A
 * `-wal` or `-journal` left beside the new file would bring old content back, so they go before it comes;
 * unless a program that has started meanwhile is at work with them.
 */
export async function replaceTarget(
  { backup, image }: { readonly backup: BackupInfo; readonly image: IntactImage },
  target: Target,
  kept: KeptState,
  context: Context,
): Promise<Applied> {
  const { settings, signal } = context
  const directory = dirname(target.path)
  begin(context, 'stage-image')
  await makeDirectory(directory, settings.directoryMode, durabilityOf(context))
  await using staging = await Staging.open(settings.backupDir, directory)
  const staged = staging.file('image.db')
  // What was decoded for this restore was checked as it lies there, and a rename writes nothing of it anew.
  const isMoved = image.isOurs && (await moveWithin(image.path, staged))
  if (!isMoved) await copyWhole(image.path, staged, signal)
  await takeOwnership(staged, target)
  await syncFile(staged, durabilityOf(context))
  begin(context, 'compare-target')
  if (!isMoved) await requireVerified(staged, image, target, context)
  throwIfCancelled(signal)

  begin(context, 'remove-side-files')
  await requireUnchanged(target)
  for (const file of target.sideFiles.keys()) await removeFile(file)
  await syncDirectory(directory, durabilityOf(context))
  begin(context, 'replace-target')
  if (target.state === 'missing') await putWhereNothingIs(staged, target.path)
  else await putOverUnreadable(staged, target)
  await flushReplaced(target, kept, context)
  return {
    comparison: 'equal',
    journalMode: backup.metadata?.journal_mode ?? 'unknown',
    notes: notesOn(kept),
  }
}

/** A copy is held to the checksum, not to what it was copied from: that may have changed once it was verified. */
async function requireVerified(
  staged: string,
  { checksum }: IntactImage,
  target: Target,
  context: Context,
): Promise<void> {
  using copy = new RawFile(staged)
  const { size } = copy
  const report = bytesOf(context, 'compare-target')
  const onBytes = (doneBytes: number): void => report(doneBytes, size)
  const found = await hashFile(copy.fd, size, staged, { signal: context.signal, onBytes })
  if (found === checksum) return
  throw new BackupError(
    'RESTORE_FAILED',
    `The staged copy is not the backup that was verified; nothing was changed: ${target.path}`,
    {
      hint: 'Either the backup was changed meanwhile, or the disk or the memory of this machine is failing. Check before you try again: chame-backup verify <file>.',
      path: target.path,
    },
  )
}

/** The new file gets the old one's owner and mode; where there was none, the directory's owner. */
async function takeOwnership(staged: string, target: Target): Promise<void> {
  await during('set owner and mode of', staged, async () => {
    const model = await stat(target.state === 'missing' ? dirname(target.path) : target.path)
    if (target.state !== 'missing') await chmod(staged, model.mode & 0o777)
    if (process.getuid?.() === 0) await chown(staged, model.uid, model.gid)
  })
}

/** Fails rather than overwrites when a file has appeared meanwhile. */
async function putWhereNothingIs(staged: string, path: string): Promise<void> {
  await during('put in place', path, async () => {
    try {
      await link(staged, path)
    } catch (error) {
      if (isAlreadyThere(error)) throw changedMeanwhile(path, error)
      // Some file systems have no hard links; a rename is as whole, if less careful.
      await rename(staged, path)
    }
  })
}

/** Looks once more: a rename would overwrite whatever is there by now, and kept is what was there at first. */
async function putOverUnreadable(staged: string, target: Target): Promise<void> {
  await requireUnchanged({ ...target, sideFiles: NO_SIDE_FILES })
  await during('rename', target.path, () => rename(staged, target.path))
}

/** The new file is in its place already: what fails now must not sound as if nothing had happened. */
async function flushReplaced({ path, state }: Target, kept: KeptState, context: Context): Promise<void> {
  try {
    await syncDirectory(dirname(path), durabilityOf(context))
  } catch (error) {
    const before = state === 'missing' ? 'Nothing was there before.' : whereItIs(kept)
    throw new BackupError(
      'RESTORE_FAILED',
      `Restore failed (${toFailure(error).message}): the restored database is in its place, but a power cut may undo that: ${path}`,
      { hint: `Check the disk and restore again. ${before}`, path, cause: error },
    )
  }
}

function notesOn(kept: KeptState): string[] {
  return kept.files.length === 0
    ? []
    : [`What was there could not be read; it was kept as ${kept.files.join(', ')}`]
}
