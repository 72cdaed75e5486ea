/**
 * The name at the end of a journal that belongs to a transaction over several databases: of the super-journal,
 * whose existence says that the transaction was not committed. Source: sqlite.org/fileformat2.html, section 3,
 * and sqlite.org/atomiccommit.html, section 5.
 */
import { statSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { isNotThere, toTypedError } from '../storage/io-errors.ts'
import { readAvailable, writeFully } from '../storage/transfer.ts'
import { openIfThere } from './source-files.ts'
import { WritableFile } from './writable-file.ts'

/** The name is followed by its length, its checksum and the journal's magic number. */
const TRAILER_BYTES = 16
const MAGIC = Buffer.from('d9d505f920a163d7', 'hex')
/** SQLite's own limit of a path. */
const NAME_BYTES_MAX = 512

/**
 * Makes a copied journal one that names no super-journal: SQLite would delete the file that is named there
 * once it has rolled back, and in a file from elsewhere that may be any. Where the super-journal is gone the
 * transaction was committed, and so the copied journal goes.
 */
export async function forgetSuperJournal(copiedJournal: string): Promise<void> {
  const name = nameIn(copiedJournal)
  if (name === null) return
  if (!isThere(name)) return await rm(copiedJournal)
  using file = new WritableFile(copiedJournal)
  writeFully(file, Buffer.alloc(MAGIC.length), statSync(copiedJournal).size - MAGIC.length)
}

/** The name of the super-journal; null for a journal that has none. */
function nameIn(journal: string): string | null {
  using file = openIfThere(journal)
  if (file === null || file.size < TRAILER_BYTES) return null
  const trailer = Buffer.alloc(TRAILER_BYTES)
  readAvailable(file, trailer, file.size - TRAILER_BYTES)
  const length = trailer.readUInt32BE(0)
  if (!trailer.subarray(8).equals(MAGIC)) return null
  if (length === 0 || length > NAME_BYTES_MAX || length > file.size - TRAILER_BYTES) return null
  const name = Buffer.alloc(length)
  readAvailable(file, name, file.size - TRAILER_BYTES - length)
  // SQLite sums up signed bytes on some machines and unsigned ones on others.
  const unsigned = name.reduce((sum, byte) => sum + byte, 0)
  const signed = new Int8Array(name).reduce((sum, byte) => sum + byte, 0)
  if (![unsigned, signed].some(sum => sum >>> 0 === trailer.readUInt32BE(4))) return null
  const end = name.indexOf(0)
  return name.toString('utf8', 0, end === -1 ? length : end)
}

/** As SQLite asks: an empty file is as good as none. */
function isThere(path: string): boolean {
  try {
    const stats = statSync(path)
    return !stats.isFile() || stats.size > 0
  } catch (error) {
    if (isNotThere(error)) return false
    throw toTypedError(error, 'look for the super-journal', path)
  }
}
