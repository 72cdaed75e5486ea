/** A stored file, or the database in it, opened for somebody who wants the bytes. */
import { createHash } from 'node:crypto'
import { constants, open } from 'node:fs/promises'
import { accessDirectory } from '../access/access-file.ts'
import type { BackupInfo } from '../catalog/backup-info.ts'
import { SUFFIXES } from '../catalog/encodings.ts'
import { findInCatalog, isOf } from '../catalog/list.ts'
import { readAtTarget } from '../catalog/target-catalog.ts'
import { imageKey } from '../catalog/target-keys.ts'
import { WorkDirectory } from '../catalog/work-directory.ts'
import type { Settings } from '../config/settings.ts'
import { BackupError } from '../errors.ts'
import { makeDirectory } from '../storage/durable.ts'
import { during } from '../storage/io-errors.ts'
import type { TargetContext } from './context.ts'
import type { StoredFile } from './file-reports.ts'
import { findExport } from './stored-exports.ts'
import { openNamed, primaryTarget, withTarget } from './target-access.ts'

/** What is read at once: large enough for a disk, small beside what a hundred readers hold together. */
const READ_BYTES = 256 << 10

/** A backup, by its file name and nothing else. */
export interface WantedFile {
  readonly filename: string
  /** The target that it is at. Default: the backup directory; where nothing is kept there, the first target. */
  readonly target: string | undefined
}

/** The stored file of a backup, in the backup directory or at a target. Throws `BACKUP_NOT_FOUND`. */
export async function openStoredBackup(wanted: WantedFile, context: TargetContext): Promise<StoredFile> {
  const backup = await findByName(wanted, context)
  const { filename, path, target, checksum } = backup
  return target === null
    ? openFile(path, { filename, sensitive: true, checksum, isStored: true })
    : openAtTarget(target, backup, context)
}

/**
 * The plain database of a backup: of a plain one in the backup directory its stored file, of any other a file that `unpack`
 * writes, and that is gone by its name once it is open. Throws `BACKUP_NOT_FOUND`.
 *
 * @param unpack writes the database into a new file and says its SHA-256
 */
export async function openDatabaseOf(
  wanted: WantedFile,
  context: TargetContext,
  unpack: (from: string, to: string) => Promise<{ readonly checksum: string }>,
): Promise<StoredFile> {
  const { settings, signal } = context
  const { path, target, filename, encoding, checksum } = await findByName(wanted, context)
  if (encoding === 'plain' && target === null)
    return openFile(path, { filename, sensitive: true, checksum, isStored: true })
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

async function findByName(
  { filename, target: named }: WantedFile,
  context: TargetContext,
): Promise<BackupInfo> {
  const { settings, signal } = context
  const place = named ?? primaryTarget(settings)
  const there =
    place === null
      ? null
      : await withTarget(place, context, target => readAtTarget(target, filename, { signal }))
  // What a restore has overwritten is kept here in any case.
  const here = named === undefined ? await findInCatalog(settings.backupDir, filename) : []
  const backup = [...(there === null ? [] : [there]), ...here].find(isOf(settings.name))
  if (backup !== undefined) return backup
  throw new BackupError('BACKUP_NOT_FOUND', `There is no backup of ${settings.name} with this name`, {
    hint: 'See what there is with: chame-backup list.',
  })
}

/** The target stays open until the file is closed: what is read of it is asked for then. */
async function openAtTarget(place: string, backup: BackupInfo, context: TargetContext): Promise<StoredFile> {
  const { signal } = context
  const { filename, size, checksum, created } = backup
  const key = imageKey(backup)
  const target = await openNamed(place, context)
  try {
    // The checksum alone would go on naming the old content of an object that somebody has replaced.
    const seen = JSON.stringify([checksum, await target.head(key, { signal })])
    return {
      success: true,
      filename,
      sensitive: true,
      isStored: true,
      sizeBytes: size,
      etag: `"${createHash('sha256').update(seen).digest('hex').slice(0, 32)}"`,
      modifiedAt: new Date(created),
      read: ({ start, end }) => target.get(key, { signal, range: { from: start, length: end - start } }),
      close: async () => target[Symbol.asyncDispose](),
    }
  } catch (error) {
    await target[Symbol.asyncDispose]()
    throw error
  }
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
