/** What an export may replace when it is told to: another export, never a device, and never a directory of something else. */
import { lstat, readdir, stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { BackupError } from '../../errors.ts'
import { SCHEMA_FILE } from '../../export/file-names.ts'
import { during, isNotThere } from '../../storage/io-errors.ts'
import type { Packing } from './form.ts'

/** Throws `INVALID_ARGUMENT` unless nothing is at `path`, or what an export in that packing can take the place of. */
export async function requireReplaceable(path: string, packing: Packing): Promise<void> {
  await during('read', path, async () => {
    try {
      const stats = await lstat(path)
      if (stats.isDirectory() && packing !== 'directory')
        throw refused(path, 'it is a directory, and the export is a file')
      if (stats.isDirectory() && !(await isExport(path)))
        throw refused(path, 'it is a directory of something else than an export')
      if (!stats.isDirectory() && !stats.isFile() && !stats.isSymbolicLink())
        throw refused(path, 'it is neither a file nor a directory')
    } catch (error) {
      if (!isNotThere(error)) throw error
    }
  })
}

/** What belongs to a database, beside its own file. */
const SIDE_FILES: readonly string[] = ['', '-wal', '-shm', '-journal']

/** Throws `INVALID_ARGUMENT` where the export would take the place of a file of `database`, or become one: SQLite would believe it. */
export async function requireApart(path: string, database: string): Promise<void> {
  const isNamedSo = SIDE_FILES.some(suffix => path === resolve(database) + suffix)
  if (!isNamedSo && !(await isSameFile(path, database))) return
  throw refused(path, 'it is, or would be, a file of the database that is exported')
}

async function isSameFile(path: string, other: string): Promise<boolean> {
  return during('read', path, async () => {
    try {
      const [a, b] = await Promise.all([stat(path), stat(other)])
      return a.dev === b.dev && a.ino === b.ino
    } catch (error) {
      if (isNotThere(error)) return false
      throw error
    }
  })
}

/** Empty, or an export that was complete: plain files, and the schema among them, compressed or not. */
async function isExport(path: string): Promise<boolean> {
  const entries = await readdir(path, { withFileTypes: true })
  if (entries.length === 0) return true
  const isComplete = entries.some(({ name }) => name === SCHEMA_FILE || name.startsWith(`${SCHEMA_FILE}.`))
  return isComplete && entries.every(entry => entry.isFile())
}

function refused(path: string, why: string): BackupError {
  return new BackupError('INVALID_ARGUMENT', `Nothing can be exported there, because ${why}: ${path}`, {
    hint: 'Choose another place with --output (output), or remove what is there yourself.',
    path,
  })
}
