/** Writing an export: what stands around the rows, and the rows, table by table. */
import { BackupError } from '../../errors.ts'
import { SCHEMA_FILE } from '../../export/file-names.ts'
import type { ExportHead } from '../../export/framing/framing.ts'
import type { ExportSummary, LostRows, TablePlan } from '../../export/model.ts'
import { SQLITE } from '../../snapshot/sqlite-failure.ts'
import { SqliteError } from '../../sqlite/sqlite-process.ts'
import type { SelectedTable } from '../../export/select.ts'
import type { RowsWritten } from '../../sqlite/requests.ts'
import type { OutputFile } from '../../storage/output-file.ts'
import type { Context } from '../context.ts'
import type { ExportForm } from './form.ts'
import type { ExportOutput } from './output.ts'
import type { OutputPart } from './output-part.ts'
import type { TableRequest } from './row-source.ts'
import { type ExportSource, sourceFailed } from './source.ts'

export interface ExportContent {
  readonly form: ExportForm
  readonly head: ExportHead
  readonly tables: readonly SelectedTable[]
}

/** Writes everything; what it answers stands at the end of the export, too. */
export async function writeExport(
  content: ExportContent,
  source: ExportSource,
  output: ExportOutput,
  context: Context,
): Promise<ExportSummary> {
  const writer = new ExportWriter(content, source, context)
  return content.form.packing === 'file' ? await writer.writeFile(output) : await writer.writeFiles(output)
}

class ExportWriter {
  readonly #content: ExportContent
  readonly #source: ExportSource
  readonly #context: Context
  readonly #rows = new Map<string, number>()
  readonly #lost: LostRows[]
  #doneRows = 0
  #doneBytes = 0

  constructor(content: ExportContent, source: ExportSource, context: Context) {
    this.#content = content
    this.#source = source
    this.#context = context
    this.#lost = [...source.rows.lost]
  }

  async writeFile(output: ExportOutput): Promise<ExportSummary> {
    const { form, head, tables } = this.#content
    const part = await output.part('')
    await part.write(form.framing.head(head))
    for (const table of tables) await this.#writeTable(table, part)
    const summary = this.#summary()
    await part.write(form.framing.tail(summary, head))
    await part.end()
    return summary
  }

  async writeFiles(output: ExportOutput): Promise<ExportSummary> {
    const { head, tables } = this.#content
    for (const table of tables) {
      const part = await output.part(table.plan.file as string)
      await this.#writeTable(table, part)
      await part.end()
    }
    const summary = this.#summary()
    const part = await output.part(SCHEMA_FILE)
    await part.write(`${JSON.stringify({ ...head, summary }, null, 2)}\n`)
    await part.end()
    return summary
  }

  async #writeTable({ plan, by }: SelectedTable, part: OutputPart): Promise<void> {
    const { framing, rows: format } = this.#content.form
    const isFirst = this.#rows.size === 0
    await part.write(framing.tableHead(plan, { isFirst }))
    let rows = 0
    try {
      const request = { table: plan, by, format }
      for await (const written of part.file === null
        ? this.#send(request, part)
        : this.#place(request, part.file)) {
        rows += written.rows
        this.#lost.push(...(written.lost ?? []))
        this.#report(0, written.rows)
      }
    } catch (error) {
      throw tooLarge(error, plan.name) ?? conditionFailed(error, plan) ?? sourceFailed(error, this.#source)
    }
    this.#rows.set(plan.name, rows)
    await part.write(framing.tableTail(plan, rows))
  }

  /** Through us, to where bytes go. */
  async *#send(request: TableRequest, part: OutputPart): AsyncGenerator<RowsWritten> {
    let rows = 0
    for await (const piece of this.#source.rows.pieces(request)) {
      let isBegun = false
      for await (const bytes of piece.bytes) {
        if (!isBegun && rows > 0) await part.write(this.#content.form.framing.separator)
        isBegun = true
        await part.write(bytes)
        this.#report(bytes.length, 0)
      }
      const written = await piece.written
      rows += written.rows
      yield written
    }
  }

  /** Straight into the file. */
  async *#place(request: TableRequest, file: OutputFile): AsyncGenerator<RowsWritten> {
    const { separator } = this.#content.form.framing
    for await (const written of this.#source.rows.placed(request, file, separator)) {
      this.#report(written.bytes, 0)
      yield written
    }
  }

  #report(bytes: number, rows: number): void {
    this.#doneBytes += bytes
    this.#doneRows += rows
    this.#context.onProgress({ step: 'write-rows', doneBytes: this.#doneBytes, doneRows: this.#doneRows })
  }

  #summary(): ExportSummary {
    return { tables: Object.fromEntries(this.#rows), rows: this.#doneRows, lost: this.#lost }
  }
}

/** SQLite makes no text of more than a gigabyte, so a blob of half of that has no hexadecimal form. */
const SQLITE_TOOBIG = 18

function tooLarge(error: unknown, table: string): BackupError | null {
  const isTooLarge =
    error instanceof Error && 'resultCode' in error && (error.resultCode as number | null) === SQLITE_TOOBIG
  if (!isTooLarge) return null
  return new BackupError(
    'INVALID_ARGUMENT',
    `A row of the table ${JSON.stringify(table)} is too large for this format: its text would exceed 1 GB`,
    {
      hint: 'Choose another format, such as parquet, or leave the table out with --exclude (exclude).',
      cause: error,
    },
  )
}

/** The condition makes sense, but not for every row: what it computes is too large, say. */
function conditionFailed(error: unknown, { name, where }: TablePlan): BackupError | null {
  if (where === null || !(error instanceof SqliteError) || error.primaryCode !== SQLITE.ERROR) return null
  return new BackupError(
    'INVALID_ARGUMENT',
    `The condition on ${JSON.stringify(name)} failed (${error.message}): ${where}`,
    {
      hint: 'It holds for some rows, and cannot be computed for others. Exclude those in the condition.',
      cause: error,
    },
  )
}
