import { randomBytes } from 'node:crypto'
import type { BackupInfo } from '../../catalog/backup-info.ts'
import { WorkDirectory } from '../../catalog/work-directory.ts'
import { BackupError, toFailure } from '../../errors.ts'
import { unlessDoubtful } from '../../snapshot/read-through.ts'
import { findDatabase } from '../../snapshot/source-files.ts'
import { fromSqlite } from '../../snapshot/sqlite-failure.ts'
import { takeImage } from '../../snapshot/take-image.ts'
import type { CompareAnswer, CompareOrder } from '../../sqlite/look-requests.ts'
import { SqliteError } from '../../sqlite/sqlite-process.ts'
import { makeDirectory, requireSpace } from '../../storage/durable.ts'
import { begin, bytesOf, type Context, durabilityOf } from '../context.ts'
import { findReadable } from '../find-intact.ts'
import { openImage, sensitiveOrder } from '../look/image.ts'
import type { BackupsCompared, CompareBackupsRequest, ComparedSide } from '../reports.ts'
import { statusOf } from './summarize.ts'

const DEFAULT_LIMIT = 50

type Opened = Extract<CompareAnswer, { readonly isOpen: true }>

/**
 * Says what it takes to come from the live database, or from another backup, to this one. Reads both, each as of one
 * commit; whoever writes the live one does not wait. Writes nothing but a copy that goes again, where it needs one.
 */
export async function compareBackups(
  request: CompareBackupsRequest & { readonly backup: string },
  context: Context,
): Promise<BackupsCompared> {
  const started = performance.now()
  requireTableForRows(request)
  const to = await findReadable(request, context)
  const other = request.with === undefined ? null : await findReadable({ backup: request.with }, context)
  const fromPath = other?.path ?? (await findDatabase(context.settings.path))
  const { identity, withImage } = request
  await using toImage = await openImage(to, request, context)
  await using fromImage =
    other === null ? null : await openImage(other, { identity, image: withImage }, context)
  const answer = await explained([fromPath, to], () =>
    fromImage === null
      ? compareLive(fromPath, toImage.path, request, context)
      : compareStored(fromImage.path, toImage.path, request, context),
  )
  const { tables, objects, rows } = answer
  return {
    success: true,
    from: { kind: other === null ? 'database' : 'backup', path: fromPath, backup: other },
    to: { kind: 'backup', path: to.path, backup: to } satisfies ComparedSide,
    status: statusOf({ tables, objects }),
    tables,
    objects,
    rows,
    durationMs: Math.round(performance.now() - started),
  }
}

function requireTableForRows({ table, limit, offset, includeSensitive }: CompareBackupsRequest): void {
  if (table !== undefined || (limit ?? offset ?? includeSensitive) === undefined) return
  throw new BackupError(
    'INVALID_ARGUMENT',
    'limit, offset and includeSensitive are about the rows of one table',
    {
      hint: 'Name the table.',
    },
  )
}

/** In WAL mode as it is; otherwise a reader would keep its writers waiting, so it is copied first. */
async function compareLive(
  path: string,
  to: string,
  request: CompareBackupsRequest,
  context: Context,
): Promise<Opened> {
  try {
    const answer = await ask({ path, way: 'live' }, to, request, context)
    if (answer.isOpen) return answer
  } catch (error) {
    // Whatever is wrong with the database, taking an image says it better, or gets around it.
    if (!(error instanceof SqliteError) || error.path !== null) throw error
  }
  const { settings, signal, sqlite } = context
  await makeDirectory(settings.backupDir, settings.directoryMode, durabilityOf(context))
  await using work = await WorkDirectory.open(settings.backupDir, signal)
  const { file } = await takeImage(path, {
    sqlite,
    signal,
    waitMs: settings.waitForLockMs,
    file: work.file(`${randomBytes(4).toString('hex')}.db`),
    onSize: bytes => requireSpace(settings.backupDir, bytes, 'the image to compare'),
    onBytes: bytesOf(context, 'copy-image'),
  })
  return await compareStored(file, to, request, context)
}

async function compareStored(
  path: string,
  to: string,
  request: CompareBackupsRequest,
  context: Context,
): Promise<Opened> {
  // Only a live one is refused.
  return (await ask({ path, way: 'immutable' }, to, request, context)) as Opened
}

function ask(
  from: CompareOrder['from'],
  path: string,
  { table, limit = DEFAULT_LIMIT, offset = 0, includeSensitive = false }: CompareBackupsRequest,
  context: Context,
): Promise<CompareAnswer> {
  begin(context, 'compare-rows')
  const rows = table === undefined ? null : { table, limit, offset, includeSensitive }
  const { waitForLockMs: waitMs } = context.settings
  const order: CompareOrder = { from, path, waitMs, rows, ...sensitiveOrder(context) }
  const { sqlite, signal } = context
  return unlessDoubtful(() => sqlite.ask('compare', order, { signal }), from.path, signal)
}

/** Of two files that are read at once, what SQLite says of damage is about either. */
async function explained<T>(
  [from, to]: readonly [from: string, to: BackupInfo],
  compare: () => Promise<T>,
): Promise<T> {
  try {
    return await compare()
  } catch (error) {
    const typed = fromSqlite(error, from)
    if (!(error instanceof SqliteError) || toFailure(typed).code !== 'DATABASE_DAMAGED') throw typed
    const isOfBackup = error.path !== null
    throw new BackupError(
      isOfBackup ? 'BACKUP_DAMAGED' : 'DATABASE_DAMAGED',
      `${error.message}: ${isOfBackup ? to.path : `${from} or ${to.path}`}`,
      { hint: 'Check the backup with: chame-backup verify <file>.', path: to.path, cause: error },
    )
  }
}
