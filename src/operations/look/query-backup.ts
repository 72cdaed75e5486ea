import type { Context } from '../context.ts'
import type { BackupQueried, QueryBackupRequest } from '../reports.ts'
import { boundsOf, sensitiveOrder, withStoredImage } from './image.ts'

const DEFAULT_LIMIT = 200
const DEFAULT_TIME_MS = 5_000

/** Runs a caller's own statement on a stored backup. It can read, and nothing else, within limits. */
export async function queryBackup(
  request: QueryBackupRequest & { readonly backup: string },
  context: Context,
): Promise<BackupQueried> {
  const started = performance.now()
  return await withStoredImage(request.backup, context, async ({ backup, path }) => {
    const { sql, limit = DEFAULT_LIMIT, timeLimitMs = DEFAULT_TIME_MS, includeSensitive = false } = request
    const answer = await context.sqlite.ask(
      'query',
      { path, sql, limit, includeSensitive, ...sensitiveOrder(context) },
      { signal: context.signal, bounds: boundsOf(path, timeLimitMs) },
    )
    return { success: true, backup, ...answer, durationMs: Math.round(performance.now() - started) }
  })
}
