/** The files of a restore's target as they were looked at, and whether another program has changed them since. */
import { isDeepStrictEqual } from 'node:util'
import { BackupError } from '../errors.ts'
import { during } from '../storage/io-errors.ts'
import { exactLstatOf } from '../storage/looks.ts'

export interface TargetFiles {
  /** The path with links resolved. */
  readonly path: string
  /** Another one once anybody has written or replaced the file; null when it is missing. */
  readonly version: string | null
  /** The side files that lie beside it, stale or not: the version of each by its path. */
  readonly sideFiles: ReadonlyMap<string, string>
}

const SIDE_SUFFIXES = ['-wal', '-shm', '-journal']

/** Null when nothing is there. */
export async function versionOf(path: string): Promise<string | null> {
  return (await lookAt(path))?.version ?? null
}

/** A side file belongs to the database that is replaced. A directory of that name is somebody's, and in the way. */
export async function sideFilesOf(path: string): Promise<Map<string, string>> {
  const found = new Map<string, string>()
  for (const file of SIDE_SUFFIXES.map(suffix => `${path}${suffix}`)) {
    const there = await lookAt(file)
    if (there?.isDirectory === true)
      throw inTheWay(file, 'directory', 'Move it away: the database needs that name for itself.')
    if (there !== null) found.set(file, there.version)
  }
  return found
}

/**
 * Throws `DATABASE_CHANGING` unless the files are those that were looked at: what is there now may be a database at
 * work, whose side files hold commits, and of which nothing was kept.
 */
export async function requireUnchanged({ path, version, sideFiles }: TargetFiles): Promise<void> {
  const isUnchanged =
    (await versionOf(path)) === version && isDeepStrictEqual(await sideFilesOf(path), sideFiles)
  if (!isUnchanged) throw changedMeanwhile(path)
}

export function changedMeanwhile(path: string, cause?: unknown): BackupError {
  return new BackupError(
    'DATABASE_CHANGING',
    `Another program changed what is at the target during the restore; it was left alone: ${path}`,
    { hint: 'Stop that program, then restore over what is there with confirmation.', path, cause },
  )
}

export function inTheWay(path: string, kind: string, hint: string): BackupError {
  return new BackupError('TARGET_INVALID', `Not a file but a ${kind}: ${path}`, { hint, path })
}

async function lookAt(path: string): Promise<{ isDirectory: boolean; version: string } | null> {
  const stats = await during('read', path, () => exactLstatOf(path))
  if (stats === null) return null
  const { dev, ino, size, mtimeNs, ctimeNs } = stats
  return { isDirectory: stats.isDirectory(), version: [dev, ino, size, mtimeNs, ctimeNs].join(' ') }
}
