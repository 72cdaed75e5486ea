/** What an export reads: the live database where its writers do not have to wait for us, otherwise a file that nobody writes. */
import { randomBytes } from 'node:crypto'
import type { BackupInfo } from '../../catalog/backup-info.ts'
import { WorkDirectory } from '../../catalog/work-directory.ts'
import { BackupError, type ErrorCode, toFailure } from '../../errors.ts'
import { unlessCutShort } from '../../snapshot/read-through.ts'
import { findDatabase, readHeaderOf } from '../../snapshot/source-files.ts'
import { fromSqlite } from '../../snapshot/sqlite-failure.ts'
import { takeImage } from '../../snapshot/take-image.ts'
import { SqliteError } from '../../sqlite/sqlite-process.ts'
import { makeDirectory, requireSpace } from '../../storage/durable.ts'
import { begin, bytesOf, type Context, durabilityOf } from '../context.ts'
import type { Wanted } from '../find-stored.ts'
import { findReadable, type IntactImage, openIntact } from '../find-intact.ts'
import { RowSource } from './row-source.ts'
import { isDamage, openSalvageable } from './salvage-source.ts'

/** An open source, and what has to go when it is closed. */
export class ExportSource implements AsyncDisposable {
  readonly rows: RowSource
  /** The database or the backup that it is of, for errors to name. */
  readonly path: string
  /** File name of the backup that is read; null for the database itself. */
  readonly backup: string | null
  readonly #work: AsyncDisposable | null

  constructor(
    rows: RowSource,
    { path, backup, work }: { path: string; backup: string | null; work: AsyncDisposable | null },
  ) {
    this.rows = rows
    this.path = path
    this.backup = backup
    this.#work = work
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.rows.close()
    await this.#work?.[Symbol.asyncDispose]()
  }
}

export interface SourceOrder {
  /** A stored backup; undefined for the live database. */
  readonly from?: string | undefined
  /** The target that it is at; see `Wanted`. */
  readonly target?: string | undefined
  /** Path of an identity file that opens it. */
  readonly identity?: string | undefined
}

export async function openSource(
  order: SourceOrder,
  { isSalvaging }: { readonly isSalvaging: boolean },
  context: Context,
): Promise<ExportSource> {
  begin(context, 'open-source')
  const { from, target, identity } = order
  if (isSalvaging) return await openDamaged(order, context)
  if (from !== undefined) return await openBackup({ backup: from, target }, identity, context)
  const path = await findDatabase(context.settings.path)
  return (await openLive(path, context)) ?? (await openImage(path, context))
}

/** What is wrong with a backup is no reason not to read it here. */
async function openDamaged({ from, target, identity }: SourceOrder, context: Context): Promise<ExportSource> {
  const { settings, signal } = context
  const backup = from === undefined ? null : await findReadable({ backup: from, target }, context)
  // Of one that is not plain nothing comes out unless all of it does: then it is no more damaged than it was. What a
  // target holds is only looked into when it is what was copied there.
  if (backup !== null && (backup.encoding !== 'plain' || backup.target !== null))
    return await openDecoded(backup, identity, context)
  const path = backup?.path ?? (await findDatabase(settings.path))
  await makeDirectory(settings.backupDir, settings.directoryMode, durabilityOf(context))
  const work = await WorkDirectory.open(settings.backupDir, signal)
  try {
    const image = backup === null ? await imageOrReason(path, work, context) : { image: path, reason: null }
    const rows = await openSalvageable(path, image, work, context)
    return new ExportSource(rows, { path, backup: backup?.filename ?? null, work })
  } catch (error) {
    await work[Symbol.asyncDispose]()
    throw backup === null ? error : ofBackup(error, path)
  }
}

async function openDecoded(
  backup: BackupInfo,
  identity: string | undefined,
  context: Context,
): Promise<ExportSource> {
  const { settings, signal } = context
  const { path, filename } = backup
  await using cleanup = new AsyncDisposableStack()
  try {
    const image = cleanup.use(await openIntact(backup, { level: 'none', identity }, context))
    await makeDirectory(settings.backupDir, settings.directoryMode, durabilityOf(context))
    const work = cleanup.use(await WorkDirectory.open(settings.backupDir, signal))
    const rows = await openSalvageable(image.path, { image: image.path, reason: null }, work, context)
    return new ExportSource(rows, { path, backup: filename, work: cleanup.move() })
  } catch (error) {
    throw ofBackup(error, path)
  }
}

/** The same of a backup, where it was said of a database. */
function ofBackup(error: unknown, path: string): unknown {
  if (!(error instanceof BackupError) || !isDamage(error)) return error
  return new BackupError('BACKUP_DAMAGED', error.message, {
    hint: 'Choose another backup: chame-backup list, then chame-backup verify <file>.',
    path,
    cause: error,
  })
}

async function imageOrReason(
  path: string,
  work: WorkDirectory,
  context: Context,
): Promise<{ image: string | null; reason: unknown }> {
  try {
    return { image: await imageOf(path, work, context), reason: null }
  } catch (error) {
    const reason = fromSqlite(error, path)
    if (!isDamage(reason)) throw reason
    return { image: null, reason }
  }
}

async function openBackup(
  wanted: Wanted,
  identity: string | undefined,
  context: Context,
): Promise<ExportSource> {
  const backup = await findReadable(wanted, context)
  const { path, filename } = backup
  let image: IntactImage | null = null
  try {
    image = await openIntact(backup, { level: 'none', identity }, context)
    const rows = await openRows(image.path, context)
    return new ExportSource(rows, { path, backup: filename, work: image })
  } catch (error) {
    await image?.[Symbol.asyncDispose]()
    throw sourceFailed(error, { path, backup: filename })
  }
}

/** Null where another way is better, or the only one: whatever is wrong, taking an image says it better. */
async function openLive(path: string, context: Context): Promise<ExportSource | null> {
  try {
    const { waitForLockMs: waitMs, stallAfterMs } = context.settings
    const place = { path, way: 'live', waitMs, isSalvaging: false } as const
    const rows = await RowSource.open(place, stallAfterMs, context.signal)
    return rows === null ? null : new ExportSource(rows, { path, backup: null, work: null })
  } catch (error) {
    if (error instanceof SqliteError) return null
    throw error
  }
}

/** A reader of a database in rollback mode keeps its writers waiting, so it is copied first. */
async function openImage(path: string, context: Context): Promise<ExportSource> {
  const { settings, signal } = context
  await makeDirectory(settings.backupDir, settings.directoryMode, durabilityOf(context))
  const work = await WorkDirectory.open(settings.backupDir, signal)
  try {
    const image = await imageOf(path, work, context)
    begin(context, 'open-source')
    const rows = await openRows(image, context)
    return new ExportSource(rows, { path, backup: null, work })
  } catch (error) {
    await work[Symbol.asyncDispose]()
    throw sourceFailed(error, { path, backup: null })
  }
}

async function imageOf(path: string, work: WorkDirectory, context: Context): Promise<string> {
  const { settings, sqlite, signal } = context
  const { file } = await takeImage(path, {
    sqlite,
    signal,
    waitMs: settings.waitForLockMs,
    file: work.file(`${randomBytes(4).toString('hex')}.db`),
    onSize: bytes => requireSpace(settings.backupDir, bytes, 'the image to export'),
    onBytes: bytesOf(context, 'copy-image'),
  })
  return file
}

/** A file that nobody writes. */
async function openRows(path: string, { settings, signal }: Context): Promise<RowSource> {
  const place = { path, way: 'immutable', waitMs: settings.waitForLockMs, isSalvaging: false } as const
  // Only a live one is refused.
  const open = (): Promise<RowSource | null> => RowSource.open(place, settings.stallAfterMs, signal)
  const rows = (await unlessCutShort(open, path, signal)) as RowSource
  await using opening = new AsyncDisposableStack()
  opening.defer(() => rows.close())
  const isWal = readHeaderOf(path)?.isWal === true
  opening.move()
  return rows.inMode(isWal ? 'wal' : 'delete')
}

/** The typed error for what went wrong while the source was read. */
export function sourceFailed(
  error: unknown,
  { path, backup }: Pick<ExportSource, 'path' | 'backup'>,
): unknown {
  const typed = fromSqlite(error, path)
  const { code, message } = toFailure(typed)
  if (code !== 'DATABASE_DAMAGED' && (backup === null || !SALVAGEABLE.has(code))) return typed
  const what = backup === null ? 'database' : 'backup'
  return new BackupError(codeOf(code, backup), message, {
    hint: `The ${what} is damaged. Export what can be read of it with --salvage (salvage: true), or restore the newest good backup.`,
    path,
    cause: error,
  })
}

/** What a backup is refused with that an export can salvage. */
const SALVAGEABLE: ReadonlySet<ErrorCode> = new Set([
  'BACKUP_DAMAGED',
  'METADATA_INVALID',
  'DATABASE_INVALID',
])

function codeOf(code: ErrorCode, backup: string | null): ErrorCode {
  if (code === 'METADATA_INVALID') return code
  return backup === null ? 'DATABASE_DAMAGED' : 'BACKUP_DAMAGED'
}
