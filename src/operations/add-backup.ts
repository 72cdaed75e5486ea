/** Making a backup of a file that holds an image already: one that was downloaded, or made by other means. */
import { chmod } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { BackupInfo } from '../catalog/backup-info.ts'
import type { Encoding } from '../catalog/encodings.ts'
import { typeDirectory } from '../catalog/layout.ts'
import { readBackup } from '../catalog/list.ts'
import { CatalogLock } from '../catalog/lock.ts'
import type { Metadata } from '../catalog/metadata.ts'
import { localTime } from '../catalog/names.ts'
import { removeLeftovers, Staging } from '../catalog/staging.ts'
import { BackupError, throwIfCancelled } from '../errors.ts'
import { parseInstant } from '../schedule/instant.ts'
import { openSigner } from '../signing/open-signer.ts'
import type { DatabaseHeader } from '../snapshot/database-header.ts'
import { readHeaderOf } from '../snapshot/source-files.ts'
import { removeFile, renameDurably, requireSpace, syncFile } from '../storage/durable.ts'
import { during } from '../storage/io-errors.ts'
import { damaged, recogniseFile, writeImageOf } from './added-file.ts'
import { checkStored, type StoredCheck } from './check-stored.ts'
import { begin, bytesOf, type Context, durabilityOf } from './context.ts'
import { prepareDirectories, requireKnownType } from './create-backup.ts'
import { encodeCopied } from './encode-image.ts'
import { type EncodedFile, requireDecodable } from './encoded-file.ts'
import { type BackupEncoder, encoderOfOneFile } from './encoder-for.ts'
import type { AddBackupRequest, BackupAdded } from './file-reports.ts'
import { requireNothingBeside } from './find-intact.ts'
import { freeFilename } from './free-filename.ts'
import { noteOtherTables } from './other-database.ts'
import { signedBy, writeMetadata } from './store-backup.ts'
import { judged } from './trust.ts'

const SPACE_RESERVE_BYTES = 1 << 20

/**
 * Adds a file to the catalog as a backup of this database, stored as the configuration has it; pages (blocks) are made of it
 * by a conversion alone, until then it is plain, or zstd+age where pages are encrypted. It is listed only once its image was found intact by a full check, what
 * is stored was read back, and is durable; the file itself stays where it is. Throws `BACKUP_NOT_FOUND`,
 * `BACKUP_UNSUPPORTED` for what is no database, or not all of one, `BACKUP_DAMAGED` for one that fails its check.
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
  const encoder = await encoderOfOneFile(context)
  const signer = await openSigner(settings.signing)
  begin(context, 'find-backup')
  const { form, sizeBytes } = await recogniseFile(from)
  if (form === 'plain') await requireNothingBeside(from)
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
  await writeImageOf(from, { form, file }, context)
  throwIfCancelled(signal)
  const checked = await requireIntact(file, from, context)
  const { pageSize, userVersion } = requireHeader(file, from)
  const notes = await noteOtherTables(checked, context)
  const stored = await encode({ ...checked, file }, encoder, staging, context)
  begin(context, 'sync-image')
  await during('set the mode of', stored.file, () => chmod(stored.file, settings.fileMode))
  await syncFile(stored.file, durabilityOf(context))
  throwIfCancelled(signal)

  const time = localTime(createdAt, settings.timeZone)
  begin(context, 'publish-image')
  const filename = await freeFilename(type, time, context, stored.encoding)
  const path = join(typeDirectory(settings.backupDir, type), filename)
  try {
    await renameDurably(stored.file, path, durabilityOf(context))
    begin(context, 'write-metadata')
    const metadata: Metadata = {
      timestamp: time.timestamp,
      backup_type: type,
      database_version: String(userVersion),
      file_size: stored.sizeBytes,
      checksum: stored.checksum,
      description: request.description ?? `Added from ${basename(from)}`,
      created_by: request.createdBy ?? settings.createdBy,
      schema: 1,
      created_at: createdAt.toISOString(),
      database: settings.name,
      image_size: checked.sizeBytes,
      image_checksum: checked.checksum,
      page_size: pageSize,
      encoding: stored.encoding,
      ...(checked.tables === null ? {} : { tables: checked.tables }),
      check: 'full',
      ...(checked.unchecked.length === 0 ? {} : { unchecked: [...checked.unchecked] }),
      verified_at: context.now().toISOString(),
      duration_ms: Math.round(performance.now() - started),
    }
    await writeMetadata(filename, { ...metadata, ...signedBy(signer, metadata) }, context)
  } catch (error) {
    // Without metadata there is no backup: what was published goes again.
    await removeFile(path).catch(() => {})
    throw error
  }
  const backup = await listed(type, filename, context)
  return { success: true, backup, notes, durationMs: Math.round(performance.now() - started) }
}

async function listed(type: string, filename: string, context: Context): Promise<BackupInfo> {
  const backup = await readBackup(context.settings.backupDir, type, filename)
  if (backup === null) throw new Error(`what was added is not listed: ${filename}`)
  return judged(backup, context)
}

/** The file that is to be stored: an image is not left in the clear where backups are encrypted. */
async function encode(
  image: EncodedFile,
  encoder: BackupEncoder,
  staging: Staging,
  context: Context,
): Promise<EncodedFile & { readonly encoding: Encoding }> {
  if (encoder.encoding === 'plain' || encoder.encoding === 'blocks') return { ...image, encoding: 'plain' }
  const written = await encodeCopied(image, encoder, staging, context)
  await requireDecodable(written, encoder, image, context)
  return { ...written, encoding: encoder.encoding }
}

async function requireIntact(file: string, from: string, context: Context): Promise<StoredCheck> {
  begin(context, 'check-image')
  const checked = await checkStored(
    file,
    { level: 'full', expected: { what: 'file', sizeBytes: null, checksum: null }, countRows: true },
    context,
    bytesOf(context, 'check-image'),
  )
  const [problem] = checked.problems
  if (problem === undefined) return checked
  throw damaged(from, problem.message)
}

/** SQLite takes an empty file for a database without tables. */
function requireHeader(file: string, from: string): DatabaseHeader {
  const header = readHeaderOf(file)
  if (header === null) throw damaged(from, 'it was emptied meanwhile')
  return header
}

function instantOf(text: string | undefined, now: Date): Date {
  if (text === undefined) return now
  const instant = parseInstant(text)
  if (instant !== null && instant <= now) return instant
  throw new BackupError('INVALID_ARGUMENT', `A backup cannot be as of ${JSON.stringify(text)}`, {
    hint: 'Give an instant of the past in ISO 8601 with its zone, such as 2025-06-27T14:30:22Z or 2025-06-27T16:30:22+02:00.',
  })
}
