/** A SQLite process that encodes rows for an export, and writes them to a pipe or into the file of the export. */
import type { Readable } from 'node:stream'
import type { SensitiveFinding } from '../../export/sensitive/scan.ts'
import type {
  ExportOpened,
  ExportPlace,
  FilePlace,
  RangesFound,
  RedactionAnswer,
  RedactionOrder,
  RowsWritten,
  SqliteRequests,
  TableCondition,
} from '../../sqlite/requests.ts'
import { SqliteProcess } from '../../sqlite/sqlite-process.ts'

/** So much is read before its turn comes, so that the next range is ready when this one has been written. */
const READ_AHEAD_BYTES = 4 << 20

/** What rows to send; where to is said by the way they are asked for. */
export type RowsRequest = Omit<SqliteRequests['exportRows']['request'], 'to'>

/** Rows of one request, on their way. */
export interface ArrivingRows {
  /** The bytes as they come. Must be read to the end, one request after another. */
  readonly bytes: AsyncIterable<Buffer>
  /** Resolves when all were written; rejects with what SQLite said. */
  readonly written: Promise<RowsWritten>
}

/** One worker answers one request after another. */
export class RowWorker {
  readonly sqlite: SqliteProcess
  readonly #pipe: Readable
  readonly #signal: AbortSignal
  readonly #arrived: Buffer[] = []
  #arrivedBytes = 0
  /** Requests for rows that are not answered yet. */
  #asked = 0
  #onArrival = (): void => {}

  constructor(patienceMs: number, signal: AbortSignal) {
    this.sqlite = new SqliteProcess({ hasPipe: true })
    this.sqlite.patienceMs = patienceMs
    this.sqlite.start()
    this.#pipe = this.sqlite.pipe
    this.#signal = signal
    this.#pipe.on('data', (chunk: Buffer) => {
      this.#arrived.push(chunk)
      this.#arrivedBytes += chunk.length
      if (this.#arrivedBytes >= READ_AHEAD_BYTES) this.#pipe.pause()
      this.#onArrival()
    })
    // When the process ends, that is what it was asked last is answered with; the pipe has nothing to add.
    this.#pipe.on('error', () => {})
  }

  open(place: ExportPlace): Promise<ExportOpened> {
    return this.sqlite.ask('openExport', place, { signal: this.#signal })
  }

  ranges(request: SqliteRequests['exportRanges']['request']): Promise<RangesFound> {
    return this.sqlite.ask('exportRanges', request, { signal: this.#signal })
  }

  scan(words: readonly string[]): Promise<readonly SensitiveFinding[]> {
    return this.sqlite.ask('scanExport', { words }, { signal: this.#signal })
  }

  async requireConditions(conditions: readonly TableCondition[]): Promise<void> {
    await this.sqlite.ask('checkConditions', { conditions }, { signal: this.#signal })
  }

  redact(order: RedactionOrder): Promise<RedactionAnswer> {
    return this.sqlite.ask('redactExport', order, { signal: this.#signal })
  }

  /** Rows through the pipe. */
  rows(request: RowsRequest): ArrivingRows {
    const written = this.#ask('exportRows', { ...request, to: 'pipe' }).then(answer => answer as RowsWritten)
    written.catch(() => {}) // Awaited by whoever reads the rows; until then a failure must not count as unhandled.
    return { written, bytes: this.#read(written) }
  }

  /** Rows straight into a file. */
  async rowsAt(request: RowsRequest, place: FilePlace): Promise<RowsWritten> {
    return (await this.#ask('exportRows', { ...request, to: place })) as RowsWritten
  }

  /** Rows that are kept until {@link placeHeld}, which is for those first that were asked for first; null when there are more than may be kept. */
  heldRows(request: RowsRequest): Promise<RowsWritten | null> {
    const held = this.#ask('exportRows', { ...request, to: 'held' })
    held.catch(() => {}) // Awaited when its turn comes.
    return held
  }

  placeHeld(place: FilePlace): Promise<RowsWritten> {
    const placed = this.#ask('placeRows', place)
    placed.catch(() => {}) // Awaited before the next place is given, at the latest at the end.
    return placed
  }

  #ask<Name extends 'exportRows' | 'placeRows'>(
    name: Name,
    request: SqliteRequests[Name]['request'],
  ): Promise<SqliteRequests[Name]['answer']> {
    const answer = this.sqlite.ask(name, request, { signal: this.#signal })
    this.#asked++
    const answered = (): void => void this.#asked--
    answer.then(answered, answered)
    return answer
  }

  async *#read(written: Promise<RowsWritten>): AsyncGenerator<Buffer> {
    let expected: number | null = null
    const answered = written.then(({ bytes }) => void (expected = bytes))
    answered.catch(() => {}) // Awaited below, but perhaps not while a chunk is being written.
    for (let got = 0; expected === null || got < expected;) {
      const chunk = this.#arrived.shift()
      if (chunk !== undefined) {
        got += chunk.length
        this.#arrivedBytes -= chunk.length
        if (this.#arrivedBytes < READ_AHEAD_BYTES) this.#pipe.resume()
        yield chunk
      } else {
        const more = new Promise<void>(resolve => (this.#onArrival = resolve))
        // What was written before the answer arrives for certain, perhaps after it.
        await (expected === null ? Promise.race([more, answered]) : more)
      }
    }
    await answered
  }

  /** Lets it tidy up beside a live database, unless it is in the middle of something; then ends it. */
  async close(): Promise<void> {
    const isIdle = this.#asked === 0 && this.sqlite.isRunning && !this.#signal.aborted
    if (isIdle) await this.sqlite.ask('closeExport', {}).catch(() => {})
    this.sqlite.kill()
  }
}
