/** The part of making a backup that runs under the catalog's lock. A restore uses it for its pre_restore backup. */
import { chmod, rename } from 'node:fs/promises'
import { join } from 'node:path'
import type { CheckLevel } from '../catalog/backup-info.ts'
import { deletingPath } from '../catalog/deleting.ts'
import { metadataDirectory, metadataPath, typeDirectory } from '../catalog/layout.ts'
import { type Metadata, printMetadata } from '../catalog/metadata.ts'
import { backupFilename, type LocalTime, localTime } from '../catalog/names.ts'
import { Staging } from '../catalog/staging.ts'
import { BackupError, throwIfCancelled } from '../errors.ts'
import { findDatabase } from '../snapshot/source-files.ts'
import { takeImage } from '../snapshot/take-image.ts'
import type { TakenImage } from '../snapshot/taken-image.ts'
import {
  type Durability,
  isThere,
  removeFile,
  renameDurably,
  requireSpace,
  syncDirectory,
  syncFile,
  writeNewFile,
} from '../storage/durable.ts'
import { during } from '../storage/io-errors.ts'
import { checkStored } from './check-stored.ts'
import { begin, bytesOf, type Context, durabilityOf } from './context.ts'
import { keepDamagedFiles, keepDamagedImage } from './keep-damaged.ts'
import type { BackupCreated, VerifyProblem } from './reports.ts'

export interface StoreOrder {
  /** The database to back up. */
  readonly source: string
  readonly type: string
  readonly description: string
  readonly createdBy: string
  readonly check: CheckLevel
  readonly keepDamaged: boolean
}

/** A backup in the backup directory. */
export type BackupStored = Omit<BackupCreated, 'targets'>

/** Room for the metadata, the directories' growth and what the file system itself takes. */
const SPACE_RESERVE_BYTES = 1 << 20

/** Takes, checks and publishes one backup. The caller holds the catalog's lock and has made the directories. */
export async function storeBackup(order: StoreOrder, context: Context): Promise<BackupStored> {
  const started = performance.now()
  const { settings, signal } = context
  const createdAt = context.now()
  const time = localTime(createdAt, settings.timeZone)
  await using staging = await Staging.open(settings.backupDir, typeDirectory(settings.backupDir, order.type))

  begin(context, 'copy-image')
  const flush = new Flush(durabilityOf(context))
  const image = await copyImage(order, staging, time, flush, context)
  begin(context, 'sync-image')
  const synced = flush.start(image.file)
  begin(context, 'check-image')
  const checked = await checkImage(order, image, time, context)
  await synced
  throwIfCancelled(signal)

  begin(context, 'publish-image')
  const filename = await freeFilename(order.type, time, context)
  const path = join(typeDirectory(settings.backupDir, order.type), filename)
  await during('set the mode of', image.file, () => chmod(image.file, settings.fileMode))
  try {
    await renameDurably(image.file, path, durabilityOf(context))
    begin(context, 'write-metadata')
    const durationMs = Math.round(performance.now() - started)
    const metadata = describe(order, image, checked, { createdAt, time, name: settings.name, durationMs })
    await writeMetadata(filename, metadata, context)
    return {
      success: true,
      backupPath: path,
      filename,
      metadata,
      snapshotWay: image.way,
      durationMs: Math.round(performance.now() - started),
    }
  } catch (error) {
    // Without metadata there is no backup: what was published goes again, before anyone restores it.
    await removeFile(path).catch(() => {})
    throw error
  }
}

/** Flushes each file once, from the moment that its bytes are there: beside the hash, not after it. */
class Flush {
  readonly #durability: Durability
  readonly #started = new Map<string, Promise<void>>()

  constructor(durability: Durability) {
    this.#durability = durability
  }

  start(file: string): Promise<void> {
    const started = this.#started.get(file) ?? syncFile(file, this.#durability)
    started.catch(() => {}) // Awaited later; until then a failure must not count as unhandled.
    this.#started.set(file, started)
    return started
  }
}

async function copyImage(
  order: StoreOrder,
  staging: Staging,
  time: LocalTime,
  flush: Flush,
  context: Context,
): Promise<TakenImage> {
  const { settings, sqlite, signal } = context
  try {
    return await takeImage(order.source, {
      sqlite,
      signal,
      waitMs: settings.waitForLockMs,
      file: staging.file('image.db'),
      onSize: bytes => requireSpace(settings.backupDir, bytes + SPACE_RESERVE_BYTES, 'the backup'),
      onCopied: file => void flush.start(file),
      onBytes: bytesOf(context, 'copy-image'),
    })
  } catch (error) {
    const isDamage =
      error instanceof BackupError && (error.code === 'DATABASE_DAMAGED' || error.code === 'DATABASE_INVALID')
    if (!isDamage || !order.keepDamaged) throw error
    const kept = await keepDamagedFiles(
      await findDatabase(order.source),
      await freeFilename(order.type, time, context),
      order.type,
      context,
    )
    throw new BackupError(error.code, error.message, {
      hint: `Kept what was there: ${kept.join(', ')}`,
      cause: error,
    })
  }
}

interface Checked {
  readonly tables: Record<string, number> | null
  readonly unchecked: readonly string[]
  readonly at: Date | null
}

/** Reads the stored image back: damage that it finds was in the database, or came about on the way. */
async function checkImage(
  order: StoreOrder,
  image: TakenImage,
  time: LocalTime,
  context: Context,
): Promise<Checked> {
  if (order.check === 'none') return { tables: null, unchecked: [], at: null }
  const expected = { sizeBytes: image.sizeBytes, checksum: image.checksum }
  const { problems, ...rest } = await checkStored(
    image.file,
    { level: order.check, expected, countRows: true },
    context,
    bytesOf(context, 'check-image'),
  )
  if (problems.length === 0) return { ...rest, at: context.now() }
  const filename = await freeFilename(order.type, time, context)
  const kept = order.keepDamaged ? await keepDamagedImage(image.file, filename, order.type, context) : null
  throw damaged(order.source, problems, kept)
}

function damaged(source: string, problems: readonly VerifyProblem[], kept: string | null): BackupError {
  return new BackupError(
    'DATABASE_DAMAGED',
    `Backup integrity check failed: ${problems[0]?.message}: ${source}`,
    {
      hint:
        kept === null
          ? 'The source database may be corrupted. Keep the image with --keep-damaged if it may be the last copy, and restore or salvage the database.'
          : `The source database may be corrupted. Its image was kept: ${kept}`,
      path: source,
    },
  )
}

/** A name that neither a backup nor metadata has; nothing is ever overwritten. The lock keeps others from taking it. */
export async function freeFilename(type: string, time: LocalTime, { settings }: Context): Promise<string> {
  for (let attempt = 1; ; attempt++) {
    const filename = backupFilename(settings.name, type, time, attempt)
    const path = join(typeDirectory(settings.backupDir, type), filename)
    const taken = [
      path,
      `${path}.damaged`,
      metadataPath(settings.backupDir, filename),
      deletingPath(settings.backupDir, { type, filename }),
    ]
    if (!(await Promise.all(taken.map(isThere))).includes(true)) return filename
  }
}

async function writeMetadata(filename: string, metadata: Metadata, context: Context): Promise<void> {
  const { backupDir, fileMode } = context.settings
  await using staging = await Staging.open(backupDir, metadataDirectory(backupDir))
  const file = staging.file('metadata.json')
  await writeNewFile(file, printMetadata(metadata), fileMode, durabilityOf(context))
  const path = metadataPath(backupDir, filename)
  await during('rename', path, () => rename(file, path))
  try {
    await syncDirectory(metadataDirectory(backupDir), durabilityOf(context))
  } catch (error) {
    await removeFile(path)
    throw error
  }
}

function describe(
  order: StoreOrder,
  image: TakenImage,
  checked: Checked,
  {
    createdAt,
    time,
    name,
    durationMs,
  }: { createdAt: Date; time: LocalTime; name: string; durationMs: number },
): Metadata {
  return {
    timestamp: time.timestamp,
    backup_type: order.type,
    database_version: String(image.userVersion),
    file_size: image.sizeBytes,
    checksum: image.checksum,
    description: order.description,
    created_by: order.createdBy,
    schema: 1,
    created_at: createdAt.toISOString(),
    database: name,
    image_size: image.sizeBytes,
    image_checksum: image.checksum,
    page_size: image.pageSize,
    encoding: 'plain',
    journal_mode: image.journalMode,
    sqlite_version: image.sqliteVersion,
    ...(checked.tables === null ? {} : { tables: checked.tables }),
    check: order.check,
    ...(checked.unchecked.length === 0 ? {} : { unchecked: [...checked.unchecked] }),
    verified_at: checked.at?.toISOString() ?? null,
    duration_ms: durationMs,
  }
}
