/** What a restore is about to overwrite, and the space it needs. */
import type { Stats } from 'node:fs'
import { lstat, readlink, realpath, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import type { BackupInfo } from '../catalog/backup-info.ts'
import { BackupError } from '../errors.ts'
import { unlessCutShort } from '../snapshot/read-through.ts'
import { readHeaderOf } from '../snapshot/source-files.ts'
import { fromSqlite, SQLITE } from '../snapshot/sqlite-failure.ts'
import { endRead } from '../snapshot/take-wal.ts'
import { SqliteError } from '../sqlite/sqlite-process.ts'
import { isThere, nearestDirectory, requireSpace } from '../storage/durable.ts'
import { during, isNotThere } from '../storage/io-errors.ts'
import type { Context } from './context.ts'
import { imageBytes } from './image-facts.ts'
import type { RestoreWay, TargetState } from './reports.ts'
import { inTheWay, sideFilesOf, type TargetFiles, versionOf } from './target-files.ts'

export interface Target extends TargetFiles {
  readonly state: TargetState
  /** Bytes of the file that is there, its WAL included; 0 when it is missing. */
  readonly sizeBytes: number
}

/** Room for the file system's own needs. */
const SPACE_RESERVE_BYTES = 1 << 20

/** Looks at the target without changing anything. Throws `TARGET_INVALID` for what is no regular file, `DATABASE_LOCKED`. */
export async function inspectTarget(path: string, context: Context): Promise<Target> {
  const real = await realTarget(path)
  const size = await sizeOfFile(real)
  if (size === null)
    return { path: real, state: 'missing', sizeBytes: 0, version: null, sideFiles: await sideFilesOf(real) }
  const walBytes = (await sizeOfFile(`${real}-wal`)) ?? 0
  // Asked twice: of a disk that fails for a moment SQLite says that the database is damaged.
  const isReadable = (await canBeRead(real, context)) || (await canBeRead(real, context))
  const state = isReadable ? 'database' : 'unreadable'
  // Last, because SQLite's own look at a stale `-wal` makes a `-shm`.
  const [version, sideFiles] = [await versionOf(real), await sideFilesOf(real)]
  return { path: real, state, sizeBytes: size + walBytes, version, sideFiles }
}

export function isTargetThere(path: string): Promise<boolean> {
  return isThere(path)
}

export function wayFor(target: Target): RestoreWay {
  return target.state === 'database' ? 'transaction' : 'replace'
}

/** Bytes needed beside the target, in the backup directory, and in all. */
export function restoreSpace(
  backup: BackupInfo,
  target: Target,
): { target: number; kept: number; totalBytes: number } {
  // A transaction writes the new pages to the WAL, or the old ones to the journal, before the file grows.
  const bytes = imageBytes(backup)
  const journal = wayFor(target) === 'transaction' ? Math.max(bytes, target.sizeBytes) : 0
  const growth = wayFor(target) === 'transaction' ? Math.max(0, bytes - target.sizeBytes) : bytes
  const needed = { target: journal + growth, kept: target.sizeBytes }
  // What is decoded lies in the backup directory by the time that this is asked for in earnest.
  const decoded = backup.encoding === 'plain' ? 0 : bytes
  return { ...needed, totalBytes: needed.target + needed.kept + decoded }
}

/** Throws `INSUFFICIENT_SPACE` unless both the target's file system and the backup directory have room. */
export async function requireRestoreSpace(
  backup: BackupInfo,
  target: Target,
  { settings }: Context,
): Promise<void> {
  const needed = restoreSpace(backup, target)
  const kept = settings.disposable ? 0 : needed.kept
  const beside = await nearestDirectory(dirname(target.path))
  const isShared = await isOnOneDisk(beside, settings.backupDir)
  await requireSpace(beside, needed.target + (isShared ? kept : 0) + SPACE_RESERVE_BYTES, 'the restore')
  if (!isShared) await requireSpace(settings.backupDir, kept + SPACE_RESERVE_BYTES, 'the pre_restore backup')
}

/** Whether a decoded image will be moved to a path, as one that is on its disk where nothing is. */
export async function takesDecoded(path: string, { settings }: Context): Promise<boolean> {
  if (await isTargetThere(path)) return false
  return await isOnOneDisk(await nearestDirectory(dirname(path)), settings.backupDir)
}

async function isOnOneDisk(one: string, other: string): Promise<boolean> {
  return (await stat(one)).dev === (await stat(other)).dev
}

/** The file that a path means; a dangling link means the file at the end of its links, so that they all stay. */
export async function realTarget(path: string): Promise<string> {
  return during('find the target', path, async () => {
    try {
      return await realpath(path)
    } catch (error) {
      if (!isNotThere(error)) throw error
    }
    const stats = await statsOf(path, lstat)
    if (stats?.isSymbolicLink() !== true) return path
    return await realTarget(resolve(await realpath(dirname(path)), await readlink(path)))
  })
}

async function sizeOfFile(path: string): Promise<number | null> {
  const stats = await statsOf(path, stat)
  if (stats === null || stats.isFile()) return stats?.size ?? null
  throw inTheWay(
    path,
    stats.isDirectory() ? 'directory' : 'special file',
    'Give the path of a file to restore to.',
  )
}

/** Null when nothing is there. */
function statsOf(path: string, look: (path: string) => Promise<Stats>): Promise<Stats | null> {
  return during('read', path, async () => {
    try {
      return await look(path)
    } catch (error) {
      if (isNotThere(error)) return null
      throw error
    }
  })
}

const UNREADABLE: ReadonlySet<number | null> = new Set([SQLITE.ERROR, SQLITE.CORRUPT, SQLITE.NOTADB])

async function canBeRead(path: string, { settings, sqlite, signal }: Context): Promise<boolean> {
  try {
    const begin = (): Promise<unknown> =>
      sqlite.ask('beginRead', { path, waitMs: settings.waitForLockMs }, { signal })
    await unlessCutShort(begin, path, signal)
    await endRead({ sqlite, signal })
    return hasHeader(path)
  } catch (error) {
    if (!(error instanceof SqliteError)) throw error
    // A hot journal is for SQLite to roll back when the restore opens the database for writing.
    if (error.resultCode === SQLITE.READONLY_ROLLBACK) return hasHeader(path)
    if (UNREADABLE.has(error.primaryCode)) return false
    throw fromSqlite(error, path)
  }
}

/** SQLite reads even garbage through a stale `-wal` that holds the first page; such a file is no database to write into. */
function hasHeader(path: string): boolean {
  try {
    readHeaderOf(path)
    return true
  } catch (error) {
    if (error instanceof BackupError && error.code === 'DATABASE_INVALID') return false
    throw error
  }
}
