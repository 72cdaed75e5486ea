/** A stored file, or the database in it, opened for somebody who wants the bytes. */
import { constants, open } from 'node:fs/promises'
import { accessDirectory } from '../access/access-file.ts'
import type { BackupInfo } from '../catalog/backup-info.ts'
import { SUFFIXES } from '../catalog/encodings.ts'
import { findInCatalog, isOf } from '../catalog/list.ts'
import { WorkDirectory } from '../catalog/work-directory.ts'
import type { Settings } from '../config/settings.ts'
import { BackupError } from '../errors.ts'
import { makeDirectory } from '../storage/durable.ts'
import { during } from '../storage/io-errors.ts'
import type { StoredFile } from './file-reports.ts'
import { findExport } from './stored-exports.ts'

/** What is read at once: large enough for a disk, small beside what a hundred readers hold together. */
const READ_BYTES = 256 << 10

/** A backup of the catalog, by its file name. Throws `BACKUP_NOT_FOUND`. */
export async function openStoredBackup(settings: Settings, filename: string): Promise<StoredFile> {
  const backup = await findByName(settings, filename)
  return openFile(backup.path, { filename, sensitive: true, checksum: backup.checksum, isStored: true })
}

/**
 * The plain database of a backup: of a plain one its stored file, of any other a file that `unpack` writes, and that is gone
 * by its name once it is open. Throws `BACKUP_NOT_FOUND`.
 *
 * @param unpack writes the database into a new file and says its SHA-256
 */
export async function openDatabaseOf(
  settings: Settings,
  wanted: string,
  {
    signal,
    unpack,
  }: {
    readonly signal: AbortSignal
    readonly unpack: (from: string, to: string) => Promise<{ readonly checksum: string }>
  },
): Promise<StoredFile> {
  const { path, filename, encoding, checksum } = await findByName(settings, wanted)
  if (encoding === 'plain') return openFile(path, { filename, sensitive: true, checksum, isStored: true })
  const directory = accessDirectory(settings.backupDir)
  await makeDirectory(directory, 0o700, { isDurable: !settings.disposable })
  // Killed in here, it leaves a directory that the next one removes; afterwards nothing.
  await using work = await WorkDirectory.open(directory, signal)
  const file = work.file('database.db')
  const unpacked = await unpack(path, file)
  return await openFile(file, {
    filename: `${filename.slice(0, -SUFFIXES[encoding].length)}${SUFFIXES.plain}`,
    sensitive: true,
    checksum: unpacked.checksum,
    isStored: false,
  })
}

async function findByName(settings: Settings, filename: string): Promise<BackupInfo> {
  const found = await findInCatalog(settings.backupDir, filename)
  const backup = found.find(isOf(settings.name))
  if (backup !== undefined) return backup
  throw new BackupError('BACKUP_NOT_FOUND', `There is no backup of ${settings.name} with this name`, {
    hint: 'See what there is with: chame-backup list.',
  })
}

/** Throws `EXPORT_NOT_FOUND`. */
export async function openStoredExport(settings: Settings, wanted: string): Promise<StoredFile> {
  const { path, export: found } = await findExport(settings, wanted)
  return openFile(path, { filename: found.name, sensitive: found.sensitive, checksum: null, isStored: true })
}

async function openFile(
  path: string,
  named: Pick<StoredFile, 'filename' | 'sensitive' | 'isStored'> & { readonly checksum: string | null },
): Promise<StoredFile> {
  return during('read', path, async () => {
    const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    try {
      const stats = await handle.stat({ bigint: true })
      if (!stats.isFile()) {
        throw new BackupError('BACKUP_NOT_FOUND', `Not a file: ${path}`, {
          hint: 'Somebody has put something else in its place.',
          path,
        })
      }
      const identity = `${stats.ino.toString(36)}-${stats.size.toString(36)}-${stats.mtimeNs.toString(36)}`
      return {
        success: true as const,
        filename: named.filename,
        sensitive: named.sensitive,
        isStored: named.isStored,
        sizeBytes: Number(stats.size),
        // The checksum alone would go on naming the old content of a file that somebody has changed.
        etag: named.isStored
          ? `"${named.checksum === null ? '' : `${named.checksum.slice(0, 32)}-`}${identity}"`
          : `"${named.checksum ?? identity}"`,
        modifiedAt: new Date(Number(stats.mtimeMs)),
        read: range => readRange(handle, path, range),
        close: () => handle.close(),
      }
    } catch (error) {
      await handle.close()
      throw error
    }
  })
}

async function* readRange(
  handle: Awaited<ReturnType<typeof open>>,
  path: string,
  { start, end }: { readonly start: number; readonly end: number },
): AsyncIterable<Uint8Array> {
  for (let at = start; at < end;) {
    const wanted = Math.min(READ_BYTES, end - at)
    const from = at
    const { buffer, bytesRead } = await during('read', path, () =>
      handle.read(Buffer.allocUnsafe(wanted), 0, wanted, from),
    )
    if (bytesRead === 0) {
      throw new BackupError('IO_FAILED', `The file has become shorter while it was read: ${path}`, {
        hint: 'Somebody has changed it. Verify the backup.',
        path,
      })
    }
    at += bytesRead
    yield buffer.subarray(0, bytesRead)
  }
}
