/** A stored backup that is looked into: found, and read as a file of which nobody knows what it is. */
import type { BackupInfo } from '../../catalog/backup-info.ts'
import { BackupError } from '../../errors.ts'
import { parseColumn } from '../../export/redact/parse-redaction.ts'
import { unlessDoubtful } from '../../snapshot/read-through.ts'
import { readHeaderOf } from '../../snapshot/source-files.ts'
import type { Bounds } from '../../sqlite/sqlite-process.ts'
import type { SensitiveOrder } from '../../sqlite/look-requests.ts'
import { begin, type Context } from '../context.ts'
import { sourceFailed } from '../export/source.ts'
import { findReadable, openIntact } from '../find-intact.ts'

/** Ten times what sorting a million rows takes. */
const MEMORY_BYTES_MAX = 1 << 30
/** Counting the rows of a larger file takes longer than one waits for a page. */
const COUNTED_BYTES_MAX = 256 << 20

export interface StoredImage {
  readonly backup: BackupInfo
  /** Of the image, for SQLite to open. */
  readonly path: string
  readonly isWal: boolean
  /** Whether its rows are to be counted: nobody has noted how many there are, and there are few enough. */
  readonly isCounted: boolean
}

/** What every look says of the backup that it is about. */
export interface Wanted {
  readonly backup: string
  /** Path of an identity file that opens it, beside those of the configuration. */
  readonly identity?: string
  /** The target that it is at. */
  readonly target?: string
  /** Path of its plain image, where that is at hand. */
  readonly image?: string
}

/** Finds the backup, has `read` look into it, perhaps twice, and says of its errors what they mean here. */
export async function withStoredImage<T>(
  wanted: Wanted,
  context: Context,
  read: (image: StoredImage) => Promise<T>,
): Promise<T> {
  const backup = await findReadable(wanted, context)
  const { path, filename, metadata, size } = backup
  begin(context, 'read-backup')
  try {
    await using image = await openImage(backup, wanted, context)
    const stored = {
      backup,
      path: image.path,
      isWal: readHeaderOf(image.path)?.isWal === true,
      isCounted: rowsNoted(backup) === null && (metadata?.image_size ?? size) <= COUNTED_BYTES_MAX,
    }
    return await unlessDoubtful(() => read(stored), image.path, context.signal)
  } catch (error) {
    throw sourceFailed(error, { path, backup: filename })
  }
}

/**
 * The image of a backup, for SQLite to open: the one that is at hand, or its own. A plain one is read where it lies, and not checked before: it is a page
 * that somebody waits for, and only read.
 */
export async function openImage(
  backup: BackupInfo,
  { identity, image }: { readonly identity?: string | undefined; readonly image?: string | undefined },
  context: Context,
): Promise<AsyncDisposable & { readonly path: string }> {
  if (image !== undefined) return { path: image, async [Symbol.asyncDispose]() {} }
  if (backup.encoding === 'plain' && backup.target === null)
    return { path: backup.path, async [Symbol.asyncDispose]() {} }
  return await openIntact(backup, { level: 'none', identity }, context)
}

/** Rows of its tables as they were counted when it was made; null when they were not. */
export function rowsNoted({ metadata }: BackupInfo): ReadonlyMap<string, number> | null {
  const tables = metadata?.tables
  return tables === undefined ? null : new Map(Object.entries(tables))
}

export function sensitiveOrder({ settings }: Context): SensitiveOrder {
  const { sensitiveWords, notSensitive } = settings.exporting
  return { words: sensitiveWords, notSensitive: notSensitive.map(parseColumn) }
}

/** @param code of the failure when the time is up */
export function boundsOf(
  path: string,
  timeMs: number,
  code: 'QUERY_TIMED_OUT' | 'STALLED' = 'QUERY_TIMED_OUT',
): Bounds {
  return {
    timeMs,
    memoryBytes: MEMORY_BYTES_MAX,
    exceeded: what =>
      what === 'time'
        ? new BackupError(code, `It took longer than ${timeMs / 1000} s, and was ended: ${path}`, {
            hint: 'Ask for less at once, or restore the backup beside the database and query that. A file that is made to keep whoever reads it busy has no end.',
            path,
          })
        : new BackupError(
            'INVALID_ARGUMENT',
            `It needs more than ${MEMORY_BYTES_MAX >> 20} MiB of memory, and was ended: ${path}`,
            { hint: 'Ask for less at once, or restore the backup beside the database and query that.', path },
          ),
  }
}
