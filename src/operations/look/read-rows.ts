import type { Context } from '../context.ts'
import type { RowsRead, ReadRowsRequest } from '../reports.ts'

export async function readRows(
  request: ReadRowsRequest & { readonly backup: string },
  context: Context,
): Promise<RowsRead> {
  throw new Error(`Not yet: ${request.backup} ${context.settings.name}`)
}
