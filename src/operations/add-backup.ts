/** Making a backup of a file that is an image already: one that was downloaded, or made by other means. */
import { chmod, copyFile, constants, open, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { typeDirectory } from '../catalog/layout.ts'
import { readBackup } from '../catalog/list.ts'
import { CatalogLock } from '../catalog/lock.ts'
import type { Metadata } from '../catalog/metadata.ts'
import { localTime } from '../catalog/names.ts'
import { removeLeftovers, Staging } from '../catalog/staging.ts'
import { BackupError, throwIfCancelled } from '../errors.ts'
import { readHeaderOf } from '../snapshot/source-files.ts'
import { removeFile, renameDurably, requireSpace, syncFile } from '../storage/durable.ts'
import { during, isNotThere } from '../storage/io-errors.ts'
import { checkStored, type StoredCheck } from './check-stored.ts'
import { begin, bytesOf, type Context, durabilityOf } from './context.ts'
import { prepareDirectories, requireKnownType } from './create-backup.ts'
import type { AddBackupRequest, BackupAdded } from './file-reports.ts'
import { freeFilename } from './free-filename.ts'
import { writeMetadata } from './store-backup.ts'

/** What every SQLite database begins with. */
const MAGIC = Buffer.from('SQLite format 3\0', 'latin1')
/** sqlite.org/fileformat.html, 1.3 */
const USER_VERSION_AT = 60
const SPACE_RESERVE_BYTES = 1 << 20

/**
 * Adds a file to the catalog as a backup of this database. It is listed only once it was read back, found intact by a full
 * check and is durable; the file itself stays where it is. Throws `BACKUP_NOT_FOUND`, `BACKUP_UNSUPPORTED` for a file
 * that is no plain database, `BACKUP_DAMAGED` for one that fails its check.
 */
export async function addBackup(
  { from, ...request }: AddBackupRequest & { readonly from: string },
  context: Context,
): Promise<BackupAdded> {
  const started = performance.now()
  const { settings, signal } = context
  const type = request.backupType ?? 'manual'
  requireKnownType(type, settings.backupTypes)
  const createdAt = instantOf(request.createdAt, context.now())
  begin(context, 'find-backup')
  const sizeBytes = await requireDatabaseFile(from)
  begin(context, 'prepare-directories')
  await prepareDirectories(type, context)
  begin(context, 'lock-catalog')
  using _lock = await CatalogLock.acquire(settings.backupDir, { waitMs: settings.waitForLockMs, signal })
  begin(context, 'remove-leftovers')
  await removeLeftovers(settings.backupDir, [])
  await requireSpace(settings.backupDir, sizeBytes + SPACE_RESERVE_BYTES, 'the backup')

  await using staging = await Staging.open(settings.backupDir, typeDirectory(settings.backupDir, type))
  const file = staging.file('image.db')
  begin(context, 'copy-image')
  await during('copy', from, () => copyFile(from, file, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE))
  throwIfCancelled(signal)
  begin(context, 'check-image')
  const checked = await requireIntact(file, from, context)
  begin(context, 'sync-image')
  await during('set the mode of', file, () => chmod(file, settings.fileMode))
  await syncFile(file, durabilityOf(context))
  throwIfCancelled(signal)

  const time = localTime(createdAt, settings.timeZone)
  begin(context, 'publish-image')
  const filename = await freeFilename(type, time, context)
  const path = join(typeDirectory(settings.backupDir, type), filename)
  const header = readHeaderOf(file)
  try {
    await renameDurably(file, path, durabilityOf(context))
    begin(context, 'write-metadata')
    const metadata: Metadata = {
      timestamp: time.timestamp,
      backup_type: type,
      database_version: String(await userVersionOf(path)),
      file_size: checked.sizeBytes,
      checksum: checked.checksum,
      description: request.description ?? `Added from ${basename(from)}`,
      created_by: request.createdBy ?? settings.createdBy,
      schema: 1,
      created_at: createdAt.toISOString(),
      database: settings.name,
      image_size: checked.sizeBytes,
      image_checksum: checked.checksum,
      ...(header === null ? {} : { page_size: header.pageSize }),
      encoding: 'plain',
      ...(checked.tables === null ? {} : { tables: checked.tables }),
      check: 'full',
      ...(checked.unchecked.length === 0 ? {} : { unchecked: [...checked.unchecked] }),
      verified_at: context.now().toISOString(),
      duration_ms: Math.round(performance.now() - started),
    }
    await writeMetadata(filename, metadata, context)
  } catch (error) {
    // Without metadata there is no backup: what was published goes again.
    await removeFile(path).catch(() => {})
    throw error
  }
  const backup = await readBackup(settings.backupDir, type, filename)
  if (backup === null) throw new Error(`what was added is not listed: ${path}`)
  return { success: true, backup, durationMs: Math.round(performance.now() - started) }
}

async function requireIntact(file: string, from: string, context: Context): Promise<StoredCheck> {
  const checked = await checkStored(
    file,
    { level: 'full', expected: { what: 'file', sizeBytes: null, checksum: null }, countRows: true },
    context,
    bytesOf(context, 'check-image'),
  )
  const [problem] = checked.problems
  if (problem === undefined) return checked
  throw new BackupError('BACKUP_DAMAGED', `The file is damaged: ${problem.message}: ${from}`, {
    hint: 'Nothing was added. Fetch it again from where it came from.',
    path: from,
  })
}

/** Its size in bytes. */
async function requireDatabaseFile(from: string): Promise<number> {
  return during('read', from, async () => {
    try {
      const stats = await stat(from)
      if (!stats.isFile()) throw notADatabase(from, 'not a file')
      await using handle = await open(from, constants.O_RDONLY)
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(MAGIC.length), 0, MAGIC.length, 0)
      if (bytesRead < MAGIC.length || !buffer.equals(MAGIC)) throw notADatabase(from, 'not a SQLite database')
      return stats.size
    } catch (error) {
      if (!isNotThere(error)) throw error
      throw new BackupError('BACKUP_NOT_FOUND', `There is no such file: ${from}`, {
        hint: 'Give the path of a database file, such as a backup that was downloaded.',
        path: from,
      })
    }
  })
}

/** `PRAGMA user_version`, from where the file format has it; 0 for an empty database. */
async function userVersionOf(path: string): Promise<number> {
  return during('read', path, async () => {
    await using handle = await open(path, constants.O_RDONLY)
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(4), 0, 4, USER_VERSION_AT)
    return bytesRead < 4 ? 0 : buffer.readInt32BE(0)
  })
}

function notADatabase(from: string, what: string): BackupError {
  return new BackupError(
    'BACKUP_UNSUPPORTED',
    `Only a plain database can be added, and this is ${what}: ${from}`,
    {
      hint: 'Decompress or decrypt it first; docs/formats.md says how.',
      path: from,
    },
  )
}

function instantOf(text: string | undefined, now: Date): Date {
  if (text === undefined) return now
  const instant = new Date(text)
  if (Number.isFinite(instant.getTime()) && instant <= now) return instant
  throw new BackupError('INVALID_ARGUMENT', `A backup cannot be as of ${JSON.stringify(text)}`, {
    hint: 'Give an instant of the past in ISO 8601, such as 2025-06-27T14:30:22Z.',
  })
}
