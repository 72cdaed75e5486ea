/** The rows of an export: read by as many processes as help, all of which see the same commit. */
import { statSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import type { ExportSettings, LostRows } from '../../export/model.ts'
import type { SchemaDescription } from '../../sqlite/describe-tables.ts'
import type {
  ExportPlace,
  RangesFound,
  RedactionAnswer,
  RedactionOrder,
  RowRange,
  RowsWritten,
} from '../../sqlite/requests.ts'
import { type GrowingFile, placeIn, placeRows } from './placed-rows.ts'
import { type ArrivingRows, type RowsRequest, RowWorker } from './row-worker.ts'

/** More than two would only wait for the one that writes what they read. */
const WORKERS_MAX = 2
/** So much work for both workers that the next ranges are found meanwhile. */
const RANGES_AT_ONCE = 16
const ROWID_MIN = -(2n ** 63n)
/** A second process takes longer to start than the first one to export less than this. */
const SECOND_MIN_BYTES = 4 << 20
/** Tries to have a second process see the same commit of a live database; under constant writes one has to do. */
const SAME_COMMIT_TRIES = 5

export interface Piece {
  readonly bytes: AsyncIterable<Buffer>
  /** What was written; resolves once all bytes were read. */
  readonly written: Promise<RowsWritten>
}

/** The rows of which table, and how. */
export type TableRequest = Omit<RowsRequest, 'range'>

export class RowSource {
  schema: SchemaDescription
  /** What of a damaged schema could not be read. */
  readonly lost: readonly LostRows[]
  #workers: readonly RowWorker[]

  private constructor(schema: SchemaDescription, lost: readonly LostRows[], workers: readonly RowWorker[]) {
    this.schema = schema
    this.lost = lost
    this.#workers = workers
  }

  /** Opens the database; null when it is a live one that is not in WAL mode. */
  static async open(place: ExportPlace, patienceMs: number, signal: AbortSignal): Promise<RowSource | null> {
    const first = new RowWorker(patienceMs, signal)
    // Both start at the same time; the second one opens what the first one opened.
    const helper = isWorthTwo(place) ? new RowWorker(patienceMs, signal) : null
    try {
      const opened = await first.open(place)
      if (!opened.isOpen) {
        await closeAll([helper, first])
        return null
      }
      const { walIndex, isOpen: _, lost = [], ...schema } = opened
      const isSame = helper !== null && (await opensSame(helper, place, walIndex))
      if (!isSame) await closeAll([helper])
      return new RowSource(schema, lost, isSame ? [first, helper] : [first])
    } catch (error) {
      await closeAll([helper, first])
      throw error
    }
  }

  /** Notes which mode the database is in: a connection to a file that is said not to change does not tell. */
  inMode(journalMode: ExportSettings['journal_mode']): this {
    this.schema = { ...this.schema, settings: { ...this.schema.settings, journal_mode: journalMode } }
    return this
  }

  /** Plans the redactions, and readies every worker for them. */
  async redact(order: RedactionOrder): Promise<RedactionAnswer> {
    const answers = await Promise.all(this.#workers.map(worker => worker.redact(order)))
    return answers[0] as RedactionAnswer
  }

  /** Ends the other workers: where rows are not cut into ranges, they would only take up memory. */
  async readAlone(): Promise<void> {
    const others = this.#workers.slice(1)
    this.#workers = [this.main]
    await closeAll(others)
  }

  /** The worker that is asked what is not rows. */
  get main(): RowWorker {
    return this.#workers[0] as RowWorker
  }

  /** The rows of a table in pieces, in order. The next one is made ready while this one is read. */
  async *pieces(request: TableRequest): AsyncGenerator<Piece> {
    if (!this.#isCut(request)) return yield this.main.rows({ ...request, range: null })
    const ranges = this.#ranges(request.table.name, request.by as string)
    const asked: ArrivingRows[] = []
    const ask = async (worker: RowWorker): Promise<void> => {
      const range = await ranges.next()
      if (range.done !== true) asked.push(worker.rows({ ...request, range: range.value }))
    }
    for (const worker of this.#workers) await ask(worker)
    let turn = 0
    for (let rows = asked.shift(); rows !== undefined; rows = asked.shift()) {
      yield rows
      await ask(this.#workers[turn++ % this.#workers.length] as RowWorker)
    }
  }

  /** Has the rows of a table written into `file`; yields what was, as it goes. */
  async *placed(request: TableRequest, file: GrowingFile, separator: string): AsyncGenerator<RowsWritten> {
    if (this.#isCut(request)) {
      const ranges = this.#ranges(request.table.name, request.by as string)
      return yield* placeRows({ workers: this.#workers, ranges, request, file, separator })
    }
    const written = await this.main.rowsAt({ ...request, range: null }, placeIn(file))
    file.skip(written.bytes)
    yield written
  }

  #isCut({ by, format }: TableRequest): boolean {
    return by !== null && format.kind !== 'parquet' && this.#workers.length > 1
  }

  /** Found shortly before they are read, so that their pages are read from the disk once. */
  async *#ranges(table: string, by: string): AsyncGenerator<RowRange, void> {
    const find = (first: bigint): Promise<RangesFound> => {
      const found = this.main.ranges({ table, by, first, count: RANGES_AT_ONCE })
      found.catch(() => {}) // Awaited below, but perhaps not at once.
      return found
    }
    for (let finding: Promise<RangesFound> | null = find(ROWID_MIN); finding !== null;) {
      const { ranges, next }: RangesFound = await finding
      finding = next === null ? null : find(next)
      yield* ranges
    }
  }

  async close(): Promise<void> {
    // The first opened the database first, and tidies up last.
    await closeAll(this.#workers.toReversed())
  }
}

/** Where the damage is, one process alone finds its way around it. */
function isWorthTwo({ path, isSalvaging }: ExportPlace): boolean {
  if (isSalvaging || Math.min(WORKERS_MAX, availableParallelism()) < 2) return false
  const sizeOf = (file: string): number => statSync(file, { throwIfNoEntry: false })?.size ?? 0
  return sizeOf(path) + sizeOf(`${path}-wal`) >= SECOND_MIN_BYTES
}

/** Whether it sees what the first one sees. */
async function opensSame(
  worker: RowWorker,
  place: ExportPlace,
  walIndex: Uint8Array | null,
): Promise<boolean> {
  for (let attempt = 1; attempt <= SAME_COMMIT_TRIES; attempt++) {
    const opened = await worker.open(place)
    if (opened.isOpen && isSameCommit(opened.walIndex, walIndex)) return true
  }
  return false
}

async function closeAll(workers: readonly (RowWorker | null)[]): Promise<void> {
  for (const worker of workers) await worker?.close()
}

/** The header holds the number of valid frames, their checksum and a counter of changes: sqlite.org/walformat.html. */
const WAL_INDEX_HEADER_BYTES = 48

function isSameCommit(a: Uint8Array | null, b: Uint8Array | null): boolean {
  if (a === null || b === null) return a === b
  const header = (index: Uint8Array): Buffer => Buffer.from(index.subarray(0, WAL_INDEX_HEADER_BYTES))
  return header(a).equals(header(b))
}
