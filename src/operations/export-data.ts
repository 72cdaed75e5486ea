import { join } from 'node:path'
import { localTime } from '../catalog/names.ts'
import { exportName, tableFileNames } from '../export/file-names.ts'
import { describePlan, type ExportHead } from '../export/framing/framing.ts'
import { BackupError } from '../errors.ts'
import { EXPORT_VERSION } from '../export/model.ts'
import { type Selected, type SelectedTable, selectTables } from '../export/select.ts'
import { readThrough } from '../snapshot/read-through.ts'
import { fromSqlite } from '../snapshot/sqlite-failure.ts'
import { SqliteError } from '../sqlite/sqlite-process.ts'
import { standardOutput } from '../storage/standard-output.ts'
import { begin, type Context, durabilityOf } from './context.ts'
import { type ExportForm, resolveForm } from './export/form.ts'
import { type Redacted, redactSelected } from './export/redact.ts'
import { type ExportOutput, openOutput } from './export/output.ts'
import { type ExportSource, openSource } from './export/source.ts'
import { streamOutput } from './export/stream-output.ts'
import { writeExport } from './export/write-export.ts'
import type { DataExported, ExportDataRequest } from './reports.ts'

/** For its owner only, whatever the configuration says of other files. */
const SENSITIVE_MODE = 0o600

/**
 * Writes a readable copy of the data, of one commit. Without `includeSensitive` no password, token or the like is
 * in it. It has its name only once it is complete and on disk; a failure or a kill before that leaves nothing that
 * the next run does not remove.
 */
export async function exportData(request: ExportDataRequest, context: Context): Promise<DataExported> {
  try {
    return await exportOnce(request, context)
  } catch (error) {
    const path = accusedFile(error)
    // What a pipe has been given cannot be taken back.
    if (path === undefined || request.output === '-') throw error
    await readThrough(path, context.signal)
  }
  return await exportOnce(request, context)
}

/** Of a disk that fails for a moment SQLite says that the database is damaged: it has to say so twice. */
function accusedFile(error: unknown): string | undefined {
  if (!(error instanceof BackupError) || !(error.cause instanceof SqliteError)) return undefined
  return error.code === 'DATABASE_DAMAGED' || error.code === 'BACKUP_DAMAGED' ? error.path : undefined
}

async function exportOnce(request: ExportDataRequest, context: Context): Promise<DataExported> {
  const started = performance.now()
  const form = resolveForm(request)
  await using source = await openSource(request, { isSalvaging: request.salvage === true }, context)
  if (form.format === 'parquet') await source.rows.readAlone()
  const selected = inFiles(selectTables(source.rows.schema, request), form)
  await requireConditions(selected, source)
  const redacted = await redactSelected(selected, source, request, context)
  const head = describeExport(source, form, redacted, request, context)

  await using output = await outputFor(form, source, request, context)
  begin(context, 'write-rows')
  const summary = await writeExport({ form, head, tables: redacted.tables }, source, output, context)
  begin(context, 'publish-export')
  const published = await output.publish()
  const { metadata } = head
  return {
    success: true,
    format: form.format,
    exportPath: published.path,
    files: published.files,
    rows: summary.rows,
    bytes: published.bytes,
    tables: summary.tables,
    sensitive: metadata.sensitive,
    redacted: metadata.redacted,
    leftOut: metadata.left_out,
    lost: summary.lost,
    durationMs: Math.round(performance.now() - started),
  }
}

/** Before anything is made: what a condition asks for is found out only when rows are read. */
async function requireConditions({ tables }: Selected, { rows, path }: ExportSource): Promise<void> {
  const conditions = tables.flatMap(({ plan: { name, where } }) =>
    where === null ? [] : [{ table: name, where }],
  )
  if (conditions.length === 0) return
  try {
    await rows.main.requireConditions(conditions)
  } catch (error) {
    throw fromSqlite(error, path)
  }
}

function describeExport(
  { rows, backup }: ExportSource,
  form: ExportForm,
  { tables, objects, leftOut, redacted }: Redacted,
  request: ExportDataRequest,
  { settings, now }: Context,
): ExportHead {
  return {
    metadata: {
      format: form.format,
      version: EXPORT_VERSION,
      database: settings.name,
      created_at: now().toISOString(),
      created_by: settings.createdBy,
      backup,
      sqlite_version: rows.schema.sqliteVersion,
      sensitive: request.includeSensitive === true,
      redacted,
      left_out: leftOut,
      ...(form.dialect === null ? {} : { csv: form.dialect }),
    },
    schema: {
      settings: rows.schema.settings,
      objects,
      tables: tables.map(({ plan }) => describePlan(plan)),
    },
  }
}

/** Each table's file, where an export has several. */
function inFiles(selected: Selected, { format, packing }: ExportForm): Selected {
  if (packing === 'file') return selected
  const names = tableFileNames(
    selected.tables.map(({ plan }) => plan.name),
    `.${format}`,
  )
  const tables = selected.tables.map((table, index): SelectedTable => ({
    ...table,
    plan: { ...table.plan, file: names[index] as string },
  }))
  return { ...selected, tables }
}

function outputFor(
  form: ExportForm,
  source: ExportSource,
  request: ExportDataRequest,
  context: Context,
): Promise<ExportOutput> {
  const { settings, now, signal } = context
  const { output, force, includeSensitive } = request
  const { packing, compression } = form
  const time = now()
  if (output === '-') return Promise.resolve(streamOutput(standardOutput(), { packing, compression, time }))
  const isSensitive = includeSensitive === true
  const local = localTime(time, settings.timeZone)
  const directory = join(settings.backupDir, 'exports')
  return openOutput(
    {
      packing,
      compression,
      candidates: attempt =>
        output ??
        join(directory, exportName(settings.name, local, { isSensitive, attempt, suffix: form.suffix })),
      isChosen: output !== undefined,
      source: source.path,
      isForced: force === true,
      fileMode: isSensitive ? SENSITIVE_MODE : settings.fileMode,
      directoryMode: settings.directoryMode,
      durability: durabilityOf(context),
      time,
    },
    signal,
  )
}
