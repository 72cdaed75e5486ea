/** The part of making a backup that runs under the catalog's lock. A restore uses it for its pre_restore backup. */
import { dirname, join } from 'node:path'
import { metadataDirectory, metadataPath, typeDirectory } from '../catalog/layout.ts'
import { type Metadata, printMetadata } from '../catalog/metadata.ts'
import { type LocalTime, localTime } from '../catalog/names.ts'
import { Staging } from '../catalog/staging.ts'
import { throwIfCancelled } from '../errors.ts'
import type { Signer } from '../signing/keys.ts'
import { signatureOf } from '../signing/signature.ts'
import { changeName, setMode } from '../storage/changes.ts'
import { removeFile, syncDirectory, writeNewFile } from '../storage/durable.ts'
import { inParallel } from '../storage/in-parallel.ts'
import { during } from '../storage/io-errors.ts'
import { begin, type Context, durabilityOf } from './context.ts'
import { isSealing } from './encoder-for.ts'
import { freeFilename } from './free-filename.ts'
import type { BackupCreated } from './reports.ts'
import { stageBackup, type StagedBackup, type StoreOrder } from './stage-backup.ts'
import { stageBlocks } from './stage-blocks.ts'

/** A backup in the backup directory. */
export type BackupStored = Omit<BackupCreated, 'targets'>

/** Takes, checks and publishes one backup. The caller holds the catalog's lock and has made the directories. */
export async function storeBackup(order: StoreOrder, context: Context): Promise<BackupStored> {
  const started = performance.now()
  const { settings, signal } = context
  const { encoding } = order.encoder
  const createdAt = context.now()
  const time = localTime(createdAt, settings.timeZone)
  await using staging = await Staging.open(settings.backupDir, typeDirectory(settings.backupDir, order.type))

  const { encoder } = order
  const staged =
    encoder.encoding === 'blocks'
      ? await stageBlocks({ ...order, encoder }, staging, time, context)
      : await stageBackup({ ...order, encoder }, staging, time, context)
  // Nobody takes the name meanwhile: we hold the lock.
  const [filename] = await Promise.all([freeFilename(order.type, time, context, encoding), staged.synced])
  throwIfCancelled(signal)

  begin(context, 'publish-image')
  const path = join(typeDirectory(settings.backupDir, order.type), filename)
  await during('set the mode of', staged.file, () => setMode(staged.file, settings.fileMode))
  try {
    await during('rename', path, () => changeName(staged.file, path))
    begin(context, 'write-metadata')
    const durationMs = Math.round(performance.now() - started)
    const metadata = describeBackup(order, staged, { createdAt, time, name: settings.name, durationMs })
    const remembered = staged.afterwards?.(filename).catch(() => {})
    try {
      await writeMetadata(filename, metadata, context, () =>
        syncDirectory(dirname(path), durabilityOf(context)),
      )
    } finally {
      await remembered
    }
    return {
      success: true,
      backupPath: path,
      filename,
      metadata,
      snapshotWay: staged.image.way,
      durationMs: Math.round(performance.now() - started),
    }
  } catch (error) {
    // Without metadata there is no backup: what was published goes again, before anyone restores it.
    await removeFile(path).catch(() => {})
    throw error
  }
}

/**
 * Publishes the metadata of a backup whose file has its name: from then on it exists. What fails leaves none.
 *
 * @param settleName makes that name durable, unless it is: done while the metadata is flushed under another one, as a
 * journal takes both in one go
 */
export async function writeMetadata(
  filename: string,
  metadata: Metadata,
  context: Context,
  settleName: () => Promise<void> = async () => {},
): Promise<void> {
  const { backupDir, fileMode } = context.settings
  await using staging = await Staging.open(backupDir, metadataDirectory(backupDir))
  const file = staging.file('metadata.json')
  const write = (): Promise<void> =>
    writeNewFile(file, printMetadata(metadata), fileMode, durabilityOf(context))
  await inParallel([settleName, write], 2, flush => flush())
  const path = metadataPath(backupDir, filename)
  await during('rename', path, () => changeName(file, path))
  try {
    await syncDirectory(metadataDirectory(backupDir), durabilityOf(context))
  } catch (error) {
    await removeFile(path)
    throw error
  }
}

/** The metadata of a new backup, signed where somebody signs. */
export function describeBackup(
  order: StoreOrder,
  { image, checked, sizeBytes, checksum, addedBytes }: Omit<StagedBackup, 'file' | 'synced' | 'afterwards'>,
  {
    createdAt,
    time,
    name,
    durationMs,
  }: { createdAt: Date; time: LocalTime; name: string; durationMs: number },
): Metadata {
  const metadata: Metadata = {
    timestamp: time.timestamp,
    backup_type: order.type,
    database_version: String(image.userVersion),
    file_size: sizeBytes,
    checksum,
    description: order.description,
    created_by: order.createdBy,
    schema: 1,
    created_at: createdAt.toISOString(),
    database: name,
    image_size: image.sizeBytes,
    image_checksum: image.checksum,
    ...(addedBytes === undefined ? {} : { added_bytes: addedBytes }),
    page_size: image.pageSize,
    encoding: order.encoder.encoding,
    ...(isSealing(order.encoder) ? { encrypted: true } : {}),
    journal_mode: image.journalMode,
    sqlite_version: image.sqliteVersion,
    ...(checked.tables === null ? {} : { tables: checked.tables }),
    check: order.check,
    ...(checked.unchecked.length === 0 ? {} : { unchecked: [...checked.unchecked] }),
    verified_at: checked.at?.toISOString() ?? null,
    duration_ms: durationMs,
  }
  return { ...metadata, ...signedBy(order.signer, metadata) }
}

/** The key of metadata that says who signed it; none where nobody does. */
export function signedBy(signer: Signer | null, metadata: Metadata): Pick<Metadata, 'signature'> {
  const signature = signatureOf(metadata, signer)
  return signature === undefined ? {} : { signature }
}
