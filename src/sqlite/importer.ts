/** Importing an export into a new file: reading it as a stream, whatever its form. */
import { BackupError, type Failure, toFailure } from '../errors.ts'
import type { ExportMetadata } from '../export/model.ts'
import {
  type CheckedSummary,
  differenceFrom,
  parseMetadata,
  parseSchema,
  parseSummary,
} from '../import/head.ts'
import { parseJson } from '../import/json-parts.ts'
import { at, Malformed, shown } from '../import/malformed.ts'
import { decode, PieceBuffer } from '../import/pieces.ts'
import { CsvReader } from '../import/read-csv.ts'
import { JsonReader } from '../import/read-json.ts'
import { NdjsonReader } from '../import/read-ndjson.ts'
import { type ExportReader, fieldsOf } from '../import/sink.ts'
import { isSystemError, toTypedError } from '../storage/io-errors.ts'
import { Build } from './import-build.ts'
import { type Chunks, type ExportFiles, openExport } from './import-files.ts'
import { formatOf, type ImportFormat } from './import-formats.ts'
import { RowSink } from './import-rows.ts'
import { SqlReader } from './import-sql.ts'
import type { ImportAnswer, SqliteRequests } from './requests.ts'

type Request = SqliteRequests['importData']['request']
type OnBytes = (doneBytes: number, totalBytes: number) => void

interface Imported {
  readonly metadata: ExportMetadata | null
  readonly summary: CheckedSummary | null
}

/** Makes the database at `to` of the export at `source`. What is wrong with the export is an answer, not a fault. */
export async function importData(
  { source, format: asked, to }: Request,
  onBytes: OnBytes,
): Promise<ImportAnswer> {
  try {
    await using files = await openExport(source)
    using build = new Build(to)
    const onChunk = (): void => onBytes(files.doneBytes, files.totalBytes)
    const { format, chunks } = await recognise(files, asked)
    const { metadata, summary } =
      chunks === null
        ? await importCsv(files, build, onChunk)
        : await importFile(chunks, readerOf(format, build), onChunk)
    return {
      format,
      sensitive: metadata?.sensitive ?? null,
      redacted: metadata?.redacted ?? [],
      leftOut: metadata?.left_out ?? [],
      lost: summary?.lost ?? [],
      tables: summary === null ? null : Object.fromEntries(summary.tables),
      notes: build.notes,
    }
  } catch (error) {
    return { failure: failureOf(error, source) }
  }
}

interface Recognised {
  readonly format: ImportFormat
  /** The content of the one file; null where there is a set of them. */
  readonly chunks: Chunks | null
}

async function recognise(files: ExportFiles, asked: ImportFormat | null): Promise<Recognised> {
  if (files.isSet) {
    if (asked === null || asked === 'csv') return { format: 'csv', chunks: null }
    throw new Malformed(`a directory or a ZIP holds CSV, not ${asked}`)
  }
  if (asked === 'csv')
    throw new Malformed('CSV needs its schema.json: name the directory, or the ZIP, that both are in')
  const chunks = await files.read(null)
  if (chunks === null) throw new Malformed('there is nothing to read')
  const iterator = chunks[Symbol.asyncIterator]()
  const { done, value: first } = await iterator.next()
  if (done === true) throw new Malformed('it is empty')
  const format = asked ?? formatOf(first)
  return { format, chunks: resume(first, iterator) }
}

/** All chunks, the first of which was taken already. */
async function* resume(first: Buffer, rest: AsyncIterator<Buffer>): Chunks {
  try {
    yield first
    for (;;) {
      const { done, value } = await rest.next()
      if (done === true) return
      yield value
    }
  } finally {
    await rest.return?.()
  }
}

interface FileReader {
  readonly reader: ExportReader
  /** Where the metadata and the summary are once all was read. */
  readonly result: Imported
}

function readerOf(format: ImportFormat, build: Build): FileReader {
  if (format === 'sql') {
    const reader = new SqlReader(build)
    return { reader, result: reader }
  }
  const sink = new RowSink(build)
  return { reader: format === 'json' ? new JsonReader(sink) : new NdjsonReader(sink), result: sink }
}

async function importFile(
  chunks: Chunks,
  { reader, result }: FileReader,
  onChunk: () => void,
): Promise<Imported> {
  for await (const chunk of chunks) {
    reader.write(chunk)
    onChunk()
  }
  reader.end()
  return result
}

/** What is left to read of a schema file that is no schema. */
const SCHEMA_BYTES_MAX = 1 << 28

async function importCsv(files: ExportFiles, build: Build, onChunk: () => void): Promise<Imported> {
  const head = parseJson(await textOf(files, 'schema.json'), 'schema.json')
  const parts = (typeof head === 'object' && head !== null ? head : {}) as Readonly<Record<string, unknown>>
  const metadata = parseMetadata(parts['metadata'], 'csv')
  const schema = parseSchema(parts['schema'])
  if (parts['summary'] === undefined)
    throw new Malformed('it has no summary: it was cut off, or is still being written', 'schema.json')
  const summary = parseSummary(parts['summary'])
  const dialect = metadata.csv
  if (dialect === undefined) throw new Malformed('it does not say how the CSV was written', 'metadata')

  const sink = new RowSink(build)
  sink.begin(metadata, schema)
  const counted = new Map<string, number>()
  for (const table of schema.tables) {
    const { file } = table
    const chunks = file === null ? null : await files.read(file)
    if (file === null || chunks === null)
      throw new Malformed(`the file of the table ${shown(table.name)} is missing`)
    const reader = new CsvReader({ fields: fieldsOf(table), dialect }, values => sink.row(table, values))
    await inFile(file, async () => {
      for await (const chunk of chunks) {
        reader.write(chunk)
        onChunk()
      }
      reader.end()
    })
    counted.set(table.name, reader.rows)
  }
  const difference = differenceFrom(summary, counted)
  if (difference !== null) throw new Malformed(difference, 'summary')
  sink.end(summary)
  return sink
}

async function textOf(files: ExportFiles, name: string): Promise<string> {
  const chunks = await files.read(name)
  if (chunks === null) throw new Malformed(`there is no ${name} in it`)
  const whole = new PieceBuffer()
  let length = 0
  for await (const chunk of chunks) {
    length += chunk.length
    if (length > SCHEMA_BYTES_MAX) throw new Malformed('it is too large', name)
    whole.add(chunk)
  }
  return at(
    () => name,
    () => decode(whole.take(Buffer.alloc(0))),
  )
}

async function inFile(file: string, work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    if (error instanceof Malformed)
      throw new Malformed(error.message, `${file}${error.where === '' ? '' : `, ${error.where}`}`)
    throw error
  }
}

function failureOf(error: unknown, source: string): Failure {
  // Of two failures, of the work and then of closing what it used, the first is the reason.
  if (error instanceof SuppressedError) return failureOf(error.suppressed, source)
  if (error instanceof Malformed) {
    const where = error.where === '' ? '' : ` (${error.where})`
    return toFailure(
      new BackupError('EXPORT_INVALID', `Cannot import${where}: ${error.message}: ${source}`, {
        hint: 'Nothing was made. Export again, or take another export; name its kind with --format if it was not recognised.',
        path: source,
      }),
    )
  }
  if (isSystemError(error) && error.syscall !== undefined)
    return toFailure(toTypedError(error, 'read', source))
  throw error
}
