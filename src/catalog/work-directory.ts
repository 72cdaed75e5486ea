/**
 * Directories for what is being made outside the catalog: exports, and databases that are imported. Others may be at
 * work in the same place, without knowing of each other, so each directory holds its own lock, which the kernel
 * releases when its process dies; whoever comes next removes those that nobody holds.
 */
import { randomBytes } from 'node:crypto'
import { lstat, mkdir, rename } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { BackupError, throwIfCancelled } from '../errors.ts'
import { isThere, namesIn, removeDirectory } from '../storage/durable.ts'
import { during, isNotThere, unlessMissing } from '../storage/io-errors.ts'
import { CatalogLock } from './lock.ts'

const PREFIX = '.chame-work-'
/** Somebody who removes abandoned ones may take a new one for such, before it is locked. */
const TRIES_MAX = 10
const NAME = /^\.chame-work-[0-9a-f]{12}$/

/** Removed with all that is still in it by `await using`. What cannot be removed is left to the next run. */
export class WorkDirectory implements AsyncDisposable {
  readonly path: string
  readonly #lock: CatalogLock
  /** Part of every file's name in here, and known to nobody else: see `Staging`. */
  readonly #secret = randomBytes(8).toString('hex')

  private constructor(path: string, lock: CatalogLock) {
    this.path = path
    this.#lock = lock
  }

  /**
   * Makes one in `directory`, so that what is made can be renamed into it, and removes what killed runs left there.
   */
  static async open(directory: string, signal: AbortSignal): Promise<WorkDirectory> {
    await removeAbandonedWork(directory, await namesIn(directory), signal)
    for (let attempt = 1; ; attempt++) {
      const path = newName(directory)
      await during('make the directory', path, () => mkdir(path, { mode: 0o700 }))
      let lock: CatalogLock | null = null
      try {
        lock = await CatalogLock.acquire(path, { waitMs: 0, signal })
        // A lock in a directory that somebody has taken away meanwhile keeps nobody out.
        if (await isThere(path)) return new WorkDirectory(path, lock)
        throw takenAway(path)
      } catch (error) {
        lock?.[Symbol.dispose]()
        const isTaken = (await lockedOrGone(path, error)) && attempt < TRIES_MAX
        await removeDirectory(path).catch(() => {})
        if (!isTaken) throw error
      }
    }
  }

  file(name: string): string {
    return join(this.path, `${this.#secret}-${name}`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#lock[Symbol.dispose]()
    await removeDirectory(this.path).catch(() => {})
  }
}

/** Removes what nobody is at work in, of the names in a directory. */
export async function removeAbandonedWork(
  directory: string,
  names: readonly string[],
  signal: AbortSignal = new AbortController().signal,
): Promise<void> {
  for (const name of names.filter(each => NAME.test(each))) {
    throwIfCancelled(signal)
    const path = join(directory, name)
    // A lock would be made where a link leads.
    if (!(await isDirectory(path))) continue
    const lock = await lockIfFree(path, signal)
    if (lock === null) continue
    try {
      await takeAway(path)
    } finally {
      lock[Symbol.dispose]()
    }
  }
}

/**
 * Removes a directory that is locked. In its place, whoever has made it and not locked it yet would come to lock a new
 * file in it, while the rest of it goes.
 */
async function takeAway(path: string): Promise<void> {
  const aside = newName(dirname(path))
  await during('remove', path, async () => {
    try {
      await rename(path, aside)
      await removeDirectory(aside)
    } catch (error) {
      // Its owner, who has just ended, or another like us removes it as well.
      if (!isNotThere(error)) throw error
    }
  })
}

function newName(directory: string): string {
  return join(directory, `${PREFIX}${randomBytes(6).toString('hex')}`)
}

function takenAway(path: string): BackupError {
  return new BackupError('IO_FAILED', `Others keep removing the directory to work in: ${path}`, {
    hint: 'Another program cleans up there. Keep it from removing directories that are called .chame-work-…',
    path,
  })
}

async function lockedOrGone(path: string, error: unknown): Promise<boolean> {
  return (error instanceof BackupError && error.code === 'CATALOG_LOCKED') || !(await isThere(path))
}

async function isDirectory(path: string): Promise<boolean> {
  const stats = await unlessMissing(path, () => lstat(path))
  return stats?.isDirectory() === true
}

/** Null when somebody is at work there, or has just ended. */
async function lockIfFree(path: string, signal: AbortSignal): Promise<CatalogLock | null> {
  try {
    return await CatalogLock.acquire(path, { waitMs: 0, signal })
  } catch {
    return null
  }
}
