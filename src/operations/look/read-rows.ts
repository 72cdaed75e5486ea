import type { Context } from '../context.ts'
import type { ReadRowsRequest, RowsRead } from '../reports.ts'
import { boundsOf, rowsNoted, sensitiveOrder, withStoredImage } from './image.ts'

const DEFAULT_LIMIT = 50
/** Searching or sorting a gigabyte takes some seconds; nobody waits longer for a page. */
const TIME_MS = 30_000

/** Reads some rows of a table or a view in a stored backup. Writes nothing. */
export async function readRows(
  request: ReadRowsRequest & { readonly backup: string },
  context: Context,
): Promise<RowsRead> {
  const started = performance.now()
  return await withStoredImage(request, context, async ({ backup, path, isCounted }) => {
    const { search = null, orderBy = null, descending = false, includeSensitive = false } = request
    const { table, limit = DEFAULT_LIMIT, offset = 0 } = request
    const answer = await context.sqlite.ask(
      'readRows',
      {
        path,
        table,
        limit,
        offset,
        orderBy,
        descending,
        includeSensitive,
        search: search === '' ? null : search,
        countRows: isCounted,
        ...sensitiveOrder(context),
      },
      { signal: context.signal, bounds: boundsOf(path, TIME_MS) },
    )
    const noted = search === null ? rowsNoted(backup)?.get(answer.table) : undefined
    return {
      success: true,
      backup,
      ...answer,
      total: answer.total ?? noted ?? null,
      durationMs: Math.round(performance.now() - started),
    }
  })
}
