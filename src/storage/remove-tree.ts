/**
 * Removing a directory of our own. Whoever may write the directory around it can put a link in its place at any
 * instant, so a look before the removal proves nothing; Node's recursive `rm` then removes files elsewhere.
 */
import { constants, type FileHandle, open, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { removeEmpty, removeName } from './changes.ts'
import { isNotThere, isSystemError } from './io-errors.ts'

/** A cancelled copy may still be making its file while its directory is removed. */
const TRIES_MAX = 5

/** Removes the directory with all that is in it, and never what a link leads to; what is not there is fine. */
export async function removeTree(path: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await removeOnce(path)
    } catch (error) {
      if (isNotThere(error)) return
      if (codeOf(error) !== 'ENOTEMPTY' || attempt === TRIES_MAX) throw error
    }
  }
}

async function removeOnce(path: string): Promise<void> {
  // Most are empty by then: one call instead of five.
  if (await hasRemovedEmpty(path)) return
  const directory = await openDirectory(path)
  // A file or a link: removing its name follows nothing.
  if (directory === null) return await removeName(path)
  try {
    await empty(placeOf(directory, path))
  } finally {
    // It was only read: whatever closing it says, nothing is lost.
    await directory.close().catch(() => {})
  }
  try {
    await removeEmpty(path)
  } catch (error) {
    // Something else has taken its place meanwhile: ours is gone from here, and that is not ours.
    if (codeOf(error) !== 'ENOTDIR') throw error
  }
}

/** Whatever is in the way shows when all of it is removed. */
async function hasRemovedEmpty(path: string): Promise<boolean> {
  try {
    await removeEmpty(path)
    return true
  } catch (error) {
    if (isNotThere(error) && codeOf(error) !== 'ENOTDIR') throw error
    return false
  }
}

async function empty(place: string): Promise<void> {
  for (const entry of await readdir(place, { withFileTypes: true })) {
    const inside = join(place, entry.name)
    if (entry.isDirectory()) await removeTree(inside)
    else await removeName(inside)
  }
}

/** Null for what is no directory, a link to one included. */
async function openDirectory(path: string): Promise<FileHandle | null> {
  try {
    return await open(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW)
  } catch (error) {
    if (['ENOTDIR', 'ELOOP'].includes(codeOf(error))) return null
    throw error
  }
}

/**
 * A path that leads to the open directory itself, whatever lies under its name by now. Only Linux has one; elsewhere
 * the name has to do.
 */
function placeOf(directory: FileHandle, path: string): string {
  return process.platform === 'linux' ? `/proc/self/fd/${directory.fd}` : path
}

function codeOf(error: unknown): string {
  return isSystemError(error) ? error.code : ''
}
