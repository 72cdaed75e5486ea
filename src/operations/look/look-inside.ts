import type { Context } from '../context.ts'
import type { BackupLookedInside, LookInsideRequest } from '../reports.ts'
import { boundsOf, rowsNoted, sensitiveOrder, withStoredImage } from './image.ts'

/** A schema that is made to be expensive could take for ever; an ordinary one takes milliseconds. */
const TIME_MS = 60_000

/** Says what is in a stored backup. Reads its schema and samples of its columns; writes nothing. */
export async function lookInside(
  request: LookInsideRequest & { readonly backup: string },
  context: Context,
): Promise<BackupLookedInside> {
  const started = performance.now()
  return await withStoredImage(request, context, async ({ backup, path, isWal, isCounted }) => {
    const answer = await context.sqlite.ask(
      'look',
      { path, countRows: isCounted, ...sensitiveOrder(context) },
      { signal: context.signal, bounds: boundsOf(path, TIME_MS, 'STALLED') },
    )
    const noted = rowsNoted(backup)
    return {
      success: true,
      backup,
      settings: { ...answer.settings, journal_mode: isWal ? 'wal' : 'delete' },
      sqliteVersion: answer.sqliteVersion,
      tables: answer.tables.map(table => ({
        ...table,
        rows: table.rows ?? noted?.get(table.name) ?? null,
      })),
      durationMs: Math.round(performance.now() - started),
    }
  })
}
