import { isSameName, parseColumn } from '../export/redact/parse-redaction.ts'
import { fromSqlite } from '../snapshot/sqlite-failure.ts'
import { begin, type Context } from './context.ts'
import { openSource } from './export/source.ts'
import type { ScanSensitiveRequest, SensitiveScan } from './reports.ts'

/** Says which columns an export would redact by itself, and why. Reads a sample of each; writes nothing. */
export async function scanSensitive(request: ScanSensitiveRequest, context: Context): Promise<SensitiveScan> {
  const started = performance.now()
  await using source = await openSource(request, { isSalvaging: false }, context)
  begin(context, 'find-sensitive')
  try {
    const { sensitiveWords, notSensitive } = context.settings.exporting
    const exceptions = notSensitive.map(parseColumn)
    const found = await source.rows.main.scan(sensitiveWords)
    const findings = found.filter(
      ({ table, column }) =>
        !exceptions.some(each => isSameName(each.table, table) && isSameName(each.column, column)),
    )
    const looked = source.rows.schema.tables.filter(({ kind }) => kind === 'ordinary')
    return {
      success: true,
      findings,
      tables: looked.length,
      columns: looked.reduce((sum, { columns }) => sum + columns.length, 0),
      durationMs: Math.round(performance.now() - started),
    }
  } catch (error) {
    throw fromSqlite(error, source.path)
  }
}
