/** The source of an export: one database, read in one transaction until the export has ended. */
import { constants, DatabaseSync } from 'node:sqlite'
import { FUNCTIONS } from '../export/encode/encoder.ts'
import { bufferOf } from '../export/encode/text.ts'
import type { SensitiveFinding } from '../export/sensitive/scan.ts'
import { describeSchema, type SchemaDescription } from './describe-tables.ts'
import { rangesOf as findRanges } from './export-ranges.ts'
import { rowSteps } from './export-rows.ts'
import { beginRows, placeHeld, type RowSteps } from './export-writing.ts'
import type { OpenFile } from '../storage/transfer.ts'
import { nothingIsOpen } from './process-failed.ts'
import { beginRead, endRead, readerConnection } from './reader.ts'
import type {
  ExportOpened,
  ExportPlace,
  RedactionAnswer,
  RedactionOrder,
  FilePlace,
  RangesFound,
  RowsWritten,
  SqliteRequests,
  TableCondition,
} from './requests.ts'
import { openImmutable, single } from './sql.ts'

interface OpenSource {
  readonly connection: DatabaseSync
  readonly isLive: boolean
  readonly schema: SchemaDescription
  /** Set where what is damaged is passed over: whether nothing of the schema is. */
  readonly salvaging: { readonly isWhole: boolean } | null
  /** Whether nothing is prepared any more but what {@link authorize} allows. */
  isSealed: boolean
}

let source: OpenSource | null = null

/**
 * Opens a database to export. A live one only in WAL mode, where a reader keeps nobody waiting; of another the
 * answer tells nothing but its mode.
 */
export async function openExport({ path, way, waitMs, isSalvaging }: ExportPlace): Promise<ExportOpened> {
  closeExport()
  if (isSalvaging) return await openDamaged(way === 'copy' ? openCopy(path) : openImmutable(path))
  if (way === 'immutable') return open(openImmutable(path), null)
  const { journalMode, walIndex } = beginRead(path, waitMs)
  if (journalMode === 'wal' && walIndex !== null) return open(readerConnection(), walIndex)
  endRead()
  return { isOpen: false }
}

function open(connection: DatabaseSync, walIndex: Uint8Array | null): ExportOpened {
  connection.enableDefensive(true)
  prepareReading(connection)
  const schema = describeSchema(connection)
  source = { connection, isLive: walIndex !== null, schema, isSealed: false, salvaging: null }
  return { isOpen: true, walIndex, ...schema }
}

function prepareReading(connection: DatabaseSync): void {
  connection.exec('PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0;')
  // One transaction for everything that follows; that of a live database has begun.
  if (!connection.isTransaction) connection.exec('BEGIN')
  connection.function(FUNCTIONS.base64, { directOnly: true, deterministic: true }, value =>
    value instanceof Uint8Array ? bufferOf(value).toString('base64') : null,
  )
}

/** SQLite takes a schema in which not everything makes sense only while it may be written. */
async function openDamaged(connection: DatabaseSync): Promise<ExportOpened> {
  const { describeSalvageable } = await import('./salvage-schema.ts')
  connection.enableDefensive(false)
  connection.exec('PRAGMA writable_schema = ON; PRAGMA query_only = ON')
  prepareReading(connection)
  // Says whether it is a database at all, without making sense of its schema.
  connection.prepare('PRAGMA schema_version').get()
  const { lost, ...schema } = describeSalvageable(connection)
  source = { connection, isLive: false, schema, isSealed: false, salvaging: { isWhole: lost.length === 0 } }
  return { isOpen: true, walIndex: null, ...schema, lost }
}

/** Rolls back what its journal holds. */
function openCopy(path: string): DatabaseSync {
  return new DatabaseSync(path, { allowExtension: false })
}

const ALLOWED: ReadonlySet<number> = new Set([
  constants.SQLITE_SELECT,
  constants.SQLITE_READ,
  constants.SQLITE_FUNCTION,
  constants.SQLITE_RECURSIVE,
])
/** What a caller's own condition must not call either. */
const REFUSED_FUNCTIONS: ReadonlySet<string> = new Set([
  'load_extension',
  'fts3_tokenizer',
  'writefile',
  'edit',
])

function authorize(action: number, first: string | null, second: string | null): number {
  if (action === constants.SQLITE_PRAGMA && isHarmless(first ?? '', second)) return constants.SQLITE_OK
  if (!ALLOWED.has(action)) return constants.SQLITE_DENY
  const isRefused = action === constants.SQLITE_FUNCTION && REFUSED_FUNCTIONS.has(second ?? '')
  return isRefused ? constants.SQLITE_DENY : constants.SQLITE_OK
}

/** Pragmas of ours that only tell. */
function isHarmless(pragma: string, argument: string | null): boolean {
  return (
    ((pragma === 'encoding' || pragma === 'page_count') && argument === null) ||
    pragma === 'index_list' ||
    pragma === 'index_xinfo'
  )
}

function openedExport(): OpenSource {
  if (source === null) throw nothingIsOpen()
  return source
}

/** For reading rows: after it only our own statements, and the caller's conditions in them, are prepared. */
function sealedExport(): OpenSource {
  const opened = openedExport()
  if (!opened.isSealed) opened.connection.setAuthorizer(authorize)
  opened.isSealed = true
  return opened
}

export async function scanExport(words: readonly string[]): Promise<SensitiveFinding[]> {
  const { connection, schema } = openedExport()
  const { findSensitive } = await import('./export-redaction.ts')
  return findSensitive(connection, schema.tables, words)
}

export async function redact(order: RedactionOrder): Promise<RedactionAnswer> {
  const { connection, schema, salvaging } = openedExport()
  if (salvaging !== null) {
    const { redactSalvageable } = await import('./salvage-redaction.ts')
    return redactSalvageable(connection, schema, order, salvaging)
  }
  const { redactExport } = await import('./export-redaction.ts')
  return redactExport(connection, schema, order)
}

/** Throws `INVALID_ARGUMENT` for what is not one condition on the rows of its table, or calls what it may not. */
export async function requireConditions(conditions: readonly TableCondition[]): Promise<void> {
  const opened = openedExport()
  const { checkConditions } = await import('./export-conditions.ts')
  opened.connection.setAuthorizer(authorize)
  try {
    checkConditions(opened.connection, conditions)
  } finally {
    if (!opened.isSealed) opened.connection.setAuthorizer(null)
  }
}

type RowsRequest = SqliteRequests['exportRows']['request']

/** Null when there are more than may be held. What few exports need is loaded by those. */
export async function exportRows(request: RowsRequest, pipe: OpenFile): Promise<RowsWritten | null> {
  const { connection, schema, salvaging } = sealedExport()
  const { encoding, page_size } = schema.settings
  const order = { ...request, connection, encoding, databaseBytes: pageCountOf(connection) * page_size }
  const { to } = request
  if (salvaging !== null) {
    const { salvageRows } = await import('./salvage-rows.ts')
    return beginRows(to, pipe, write => atOnce(() => salvageRows({ ...order, write })))
  }
  if (request.format.kind === 'parquet') {
    const { writeParquet } = await import('./parquet-rows.ts')
    return beginRows(to, pipe, write => atOnce(() => writeParquet({ ...order, write })))
  }
  return beginRows(to, pipe, write => rowSteps({ ...order, write }))
}

function pageCountOf(connection: DatabaseSync): number {
  return Number(single(connection, 'PRAGMA page_count'))
}

function atOnce(write: () => RowsWritten): RowSteps {
  return { next: () => ({ done: true, value: write() }) }
}

export function placeRows(place: FilePlace): RowsWritten {
  return placeHeld(place)
}

export function rangesOf(request: SqliteRequests['exportRanges']['request']): RangesFound {
  const { connection, schema } = sealedExport()
  const columns = schema.tables.find(({ name }) => name === request.table)?.columns ?? []
  // Generated ones are not exported, and what they compute only the application may know.
  const stored = columns.filter(({ isGenerated }) => !isGenerated).map(({ name }) => name)
  return findRanges({ ...request, connection, columns: stored })
}

/** Closes it; of a live database no side file stays that was not there before. */
export function closeExport(): void {
  if (source === null) return
  const { connection, isLive } = source
  source = null
  connection.setAuthorizer(null)
  if (isLive) endRead()
  else connection.close()
}
