/** Making files that survive a power cut: every step is a call of its own, in the order of the design. */
import { constants } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { dirname } from 'node:path'
import { BackupError } from '../errors.ts'
import { changeName, makeName, removeName, setMode } from './changes.ts'
import { during, isAlreadyThere, isNotThere } from './io-errors.ts'
import { entriesOf, exactLstatOf } from './looks.ts'
import { removeTree } from './remove-tree.ts'
import { exactSize } from './sizes.ts'
import { SmallFile } from './small-file.ts'

export interface Durability {
  /** False in disposable set-ups: fsync is left out. */
  readonly isDurable: boolean
}

/** Flushes a file's bytes to the disk. After a failure the file must be abandoned: the kernel may have dropped its pages. */
export async function syncFile(path: string, { isDurable }: Durability): Promise<void> {
  if (!isDurable) return
  await during('flush', path, async () => {
    await using file = await SmallFile.open(path, constants.O_RDONLY)
    await file.sync()
  })
}

/** Flushes a directory, so that names made or removed in it survive a power cut. */
export async function syncDirectory(path: string, { isDurable }: Durability): Promise<void> {
  // Windows cannot open directories, and its rename is durable in its own way.
  if (!isDurable || process.platform === 'win32') return
  await during('flush the directory', path, async () => {
    await using file = await SmallFile.open(path, constants.O_RDONLY)
    await file.sync()
  })
}

/** Renames within one file system and flushes the directory: after that the new name survives a power cut. */
export async function renameDurably(from: string, to: string, durability: Durability): Promise<void> {
  await during('rename', to, () => changeName(from, to))
  await syncDirectory(dirname(to), durability)
}

/** Makes a directory and its parents; those that are there stay as they are. */
export async function makeDirectory(path: string, mode: number, durability: Durability): Promise<void> {
  if (await isThere(path)) return
  // Not Node's recursive mkdir: on a read-only file system it reports that the path does not exist.
  await makeDirectory(dirname(path), mode, durability)
  await during('make the directory', path, async () => {
    try {
      await makeName(path, mode)
      // The umask may have taken bits that the configuration asks for.
      await setMode(path, mode)
    } catch (error) {
      if (!isAlreadyThere(error)) throw error
    }
  })
  await syncDirectory(dirname(path), durability)
}

/** Writes a new file of our own, flushed; refuses to follow a link or to touch what is there. */
export async function writeNewFile(
  path: string,
  text: string | Uint8Array,
  mode: number,
  { isDurable }: Durability,
): Promise<void> {
  await during('write', path, async () => {
    await using file = await SmallFile.open(
      path,
      constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
      mode,
    )
    await file.write(typeof text === 'string' ? Buffer.from(text) : text)
    // The umask may have taken bits that the configuration asks for.
    await file.setMode(mode)
    if (isDurable) await file.sync()
  })
}

/** The names in a directory; none when it is not there. */
export async function namesIn(directory: string): Promise<string[]> {
  return during('read the directory', directory, async () => (await entriesOf(directory)) ?? [])
}

/** Removes a directory of our own with all that is in it; what is not there is fine. */
export async function removeDirectory(path: string): Promise<void> {
  await during('remove', path, () => removeTree(path))
}

/** Removes a file, or a link, never a directory; what is not there is fine. */
export async function removeFile(path: string): Promise<void> {
  await during('remove', path, async () => {
    try {
      await removeName(path)
    } catch (error) {
      if (!isNotThere(error)) throw error
    }
  })
}

/** Whether the name is taken, be it by a dangling link. */
export async function isThere(path: string): Promise<boolean> {
  return during('read', path, async () => (await exactLstatOf(path)) !== null)
}

/** The directory itself, or the first of its parents that is there. */
export async function nearestDirectory(path: string): Promise<string> {
  if ((await isThere(path)) || dirname(path) === path) return path
  return nearestDirectory(dirname(path))
}

/** Bytes that an ordinary user may still write on the file system of `path`. */
export async function freeBytes(path: string): Promise<number> {
  const stats = await during('read the free space of', path, () => statfs(path))
  return stats.bavail * stats.bsize
}

/** Throws `INSUFFICIENT_SPACE` with both figures unless `neededBytes` are free at `directory`. */
export async function requireSpace(
  directory: string,
  neededBytes: number,
  what: string,
  hint = 'Free some space there, or choose another backup directory.',
): Promise<void> {
  const available = await freeBytes(directory)
  if (available >= neededBytes) return
  throw new BackupError(
    'INSUFFICIENT_SPACE',
    `Insufficient disk space: ${what} needs ${exactSize(neededBytes)}, ${exactSize(available)} are available: ${directory}`,
    { hint, path: directory },
  )
}
