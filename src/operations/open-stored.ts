/** A stored file, opened for somebody who wants its bytes as they are. */
import { constants, open } from 'node:fs/promises'
import { findInCatalog, isOf } from '../catalog/list.ts'
import type { Settings } from '../config/settings.ts'
import { BackupError } from '../errors.ts'
import { during } from '../storage/io-errors.ts'
import type { StoredFile } from './file-reports.ts'
import { findExport } from './stored-exports.ts'

/** What is read at once: large enough for a disk, small beside what a hundred readers hold together. */
const READ_BYTES = 256 << 10

/** A backup of the catalog, by its file name. Throws `BACKUP_NOT_FOUND`. */
export async function openStoredBackup(settings: Settings, filename: string): Promise<StoredFile> {
  const found = await findInCatalog(settings.backupDir, filename)
  const backup = found.find(isOf(settings.name))
  if (backup === undefined) {
    throw new BackupError('BACKUP_NOT_FOUND', `There is no backup of ${settings.name} with this name`, {
      hint: 'See what there is with: chame-backup list.',
    })
  }
  return openFile(backup.path, { filename, sensitive: true, checksum: backup.checksum })
}

/** Throws `EXPORT_NOT_FOUND`. */
export async function openStoredExport(settings: Settings, wanted: string): Promise<StoredFile> {
  const { path, export: found } = await findExport(settings, wanted)
  return openFile(path, { filename: found.name, sensitive: found.sensitive, checksum: null })
}

async function openFile(
  path: string,
  named: { readonly filename: string; readonly sensitive: boolean; readonly checksum: string | null },
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
        sizeBytes: Number(stats.size),
        // The checksum alone would go on naming the old content of a file that somebody has changed.
        etag: `"${named.checksum === null ? '' : `${named.checksum.slice(0, 32)}-`}${identity}"`,
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
