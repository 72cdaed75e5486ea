/** Two databases next to each other on one connection, both only read. */
import type { DatabaseSync } from 'node:sqlite'
import { pathToFileURL } from 'node:url'
import { BackupError } from '../errors.ts'
import { foldName } from '../export/redact/parse-redaction.ts'
import type { ComparedRows, ComparedTable } from '../look/compared.ts'
import type { MaskedColumn } from '../look/model.ts'
import { readDifferences, readOneSide, shownColumns } from './compare-cells.ts'
import { countDifferences, countSide, type TablePair } from './compare-rows.ts'
import {
  compareColumns,
  compareObjects,
  matchRows,
  SCHEMAS,
  type SideTable,
  sideTables,
} from './compare-schema.ts'
import { describeSchema, type SchemaDescription } from './describe-tables.ts'
import { registerCells } from './look-cells.ts'
import { revealing } from './look-errors.ts'
import { isRevealing } from './look-guard.ts'
import { findMasks, type Masks } from './look-mask.ts'
import { openToLook, withImage } from './look-open.ts'
import type { CompareAnswer, CompareOrder } from './look-requests.ts'
import { beginRead, endRead, readerConnection } from './reader.ts'

/** Compares `order.path` with what it is compared from; see {@link CompareOrder}. */
export async function compare(order: CompareOrder): Promise<CompareAnswer> {
  const { from, waitMs } = order
  if (from.way === 'immutable') {
    const connection = openToLook(from.path)
    // Groups of whole rows may be as large as the table.
    connection.exec('PRAGMA temp_store = FILE')
    try {
      return await compareOn(connection, order)
    } finally {
      connection.close()
    }
  }
  const { journalMode, walIndex } = beginRead(from.path, waitMs)
  try {
    if (journalMode !== 'wal' || walIndex === null) return { isOpen: false }
    const connection = readerConnection()
    connection.enableDefensive(true)
    connection.exec('PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0')
    return await compareOn(connection, order)
  } finally {
    endRead()
  }
}

interface Side {
  readonly schema: SchemaDescription
  /** Null where nothing is masked. */
  readonly masks: Masks | null
}

async function compareOn(connection: DatabaseSync, order: CompareOrder): Promise<CompareAnswer> {
  const describe = (of: DatabaseSync): Side => {
    const schema = describeSchema(of)
    const isMasked = order.rows !== null && !order.rows.includeSensitive
    return { schema, masks: isMasked ? findMasks(of, schema, order) : null }
  }
  const from = describe(connection)
  // By itself, because one name in both would mean that of the first.
  const to = await ofSource(order.path, () => withImage(order.path, describe))
  requireSameEncoding(from.schema, to.schema, order)
  await ofSource(order.path, () => attach(connection, order.path))
  registerCells(connection, to.schema.settings.encoding)
  return order.rows === null ? compareAll(connection, from, to) : compareOne(connection, from, to, order.rows)
}

/** Says of what is wrong with the second file that it is about that one. */
async function ofSource<T>(path: string, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw error instanceof Error && 'errcode' in error ? Object.assign(error, { fileOfSource: path }) : error
  }
}

function attach(connection: DatabaseSync, path: string): void {
  const url = pathToFileURL(path)
  url.searchParams.set('immutable', '1')
  url.searchParams.set('mode', 'ro')
  connection.prepare(`ATTACH ? AS ${SCHEMAS.to}`).run(url.href)
}

/** SQLite compares texts of one encoding only. */
function requireSameEncoding(from: SchemaDescription, to: SchemaDescription, { path }: CompareOrder): void {
  const [one, other] = [from.settings.encoding, to.settings.encoding]
  if (one === other) return
  throw new BackupError(
    'BACKUP_UNSUPPORTED',
    `Databases in ${one} and ${other} cannot be compared: ${path}`,
    {
      hint: 'Export both, and compare the exports.',
      path,
    },
  )
}

function compareAll(connection: DatabaseSync, from: Side, to: Side): CompareAnswer {
  const [before, after] = [sideTables(from.schema), sideTables(to.schema)]
  const names = [...new Set([...before.keys(), ...after.keys()])].toSorted()
  return {
    isOpen: true,
    tables: names.map(name => compareTable(connection, before.get(name), after.get(name)).table),
    objects: compareObjects(from.schema, to.schema),
    rows: null,
  }
}

const NO_COLUMNS: ComparedTable['columns'] = { added: [], removed: [], changed: [] }
const NOTHING = {
  matchedBy: null,
  why: null,
  added: 0,
  removed: 0,
  changed: 0,
  unchanged: 0,
  columns: NO_COLUMNS,
}

interface Compared {
  readonly table: ComparedTable
  /** Null where there is nothing to look at on both sides. */
  readonly pair: TablePair | null
}

function compareTable(
  connection: DatabaseSync,
  from: SideTable | undefined,
  to: SideTable | undefined,
): Compared {
  const { name } = to ?? (from as SideTable)
  const columns = from === undefined || to === undefined ? NO_COLUMNS : compareColumns(from, to)
  const skip = (why: string): Compared => ({
    table: { ...NOTHING, name, status: 'not-compared', why, columns },
    pair: null,
  })
  try {
    if (from === undefined || to === undefined) return onOneSide(connection, from, to)
    const pair = { from, to, matching: matchRows(connection, from, to) }
    const counts = countDifferences(connection, pair)
    return {
      table: { name, status: 'compared', why: null, matchedBy: pair.matching.by, ...counts, columns },
      pair,
    }
  } catch (error) {
    // The schema uses a function or a collation that only the application has.
    if (!(error instanceof Error && 'errcode' in error && (Number(error.errcode) & 0xff) === 1)) throw error
    return skip(`SQLite cannot read it here: ${error.message}`)
  }
}

function onOneSide(
  connection: DatabaseSync,
  from: SideTable | undefined,
  to: SideTable | undefined,
): Compared {
  const [table, side] = to === undefined ? ([from as SideTable, 'from'] as const) : ([to, 'to'] as const)
  const rows = countSide(connection, side, table.name)
  const isAdded = side === 'to'
  return {
    table: {
      ...NOTHING,
      name: table.name,
      status: isAdded ? 'added' : 'removed',
      added: isAdded ? rows : 0,
      removed: isAdded ? 0 : rows,
    },
    pair: null,
  }
}

function compareOne(
  connection: DatabaseSync,
  from: Side,
  to: Side,
  wanted: NonNullable<CompareOrder['rows']>,
): CompareAnswer {
  const name = foldName(wanted.table)
  const [before, after] = [sideTables(from.schema).get(name), sideTables(to.schema).get(name)]
  if (before === undefined && after === undefined) throw unknownTable(wanted.table, [from, to])
  const isShown = ({ schema, masks }: Side, table: SideTable | undefined): boolean =>
    table === undefined || masks === null || !isRevealing(table, schema)
  if (!isShown(from, before) || !isShown(to, after)) throw revealing(wanted.table)
  const { table, pair } = compareTable(connection, before, after)
  const rows = readRows(connection, { before, after, pair }, table, { from, to, wanted })
  return { isOpen: true, tables: [table], objects: [], rows }
}

interface RowsContext {
  readonly from: Side
  readonly to: Side
  readonly wanted: NonNullable<CompareOrder['rows']>
}

interface Tables {
  readonly before: SideTable | undefined
  readonly after: SideTable | undefined
  readonly pair: TablePair | null
}

function readRows(
  connection: DatabaseSync,
  { before, after, pair }: Tables,
  table: ComparedTable,
  { from, to, wanted }: RowsContext,
): ComparedRows {
  const maskOf = (column: string): MaskedColumn | null =>
    to.masks?.of(table.name, column) ?? from.masks?.of(table.name, column) ?? null
  const columns = shownColumns({ from: before, to: after }, column => maskOf(column) !== null)
  const taken =
    pair === null
      ? readOneSide(connection, table, columns, wanted)
      : readDifferences(connection, pair, columns, { counts: table, wanted })
  return {
    table: table.name,
    columns: columns.map(column => column.name),
    rows: taken.rows,
    masked: columns.flatMap(column => maskOf(column.name) ?? []),
    hasMore: taken.full !== null,
  }
}

function unknownTable(wanted: string, sides: readonly Side[]): BackupError {
  const names = [...new Set(sides.flatMap(({ schema }) => schema.tables.map(({ name }) => name)))]
  return new BackupError('INVALID_ARGUMENT', `Neither side has a table ${JSON.stringify(wanted)}`, {
    hint: `There are: ${names.slice(0, 20).join(', ')}${names.length > 20 ? ', …' : ''}.`,
  })
}
