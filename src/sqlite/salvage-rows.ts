/** Writing what can be read of a damaged table. Each row is read by itself: how fast is no question here. */
import type { SQLOutputValue } from 'node:sqlite'
import { FUNCTIONS } from '../export/encode/encoder.ts'
import type { LostRows } from '../export/model.ts'
import { encoderFor, type RowsOrder } from './export-rows.ts'
import { readSalvageable } from './export-salvage.ts'
import type { RowsWritten } from './requests.ts'

/** Rows that are written at once, for a call of the system costs as much as many of them. */
const BATCH_BYTES = 256 << 10
/** What more places of one table are lost is only counted. */
const LOSSES_MAX = 1_000

/** Writes the encoded rows of a table that can be read, and says which cannot. */
export function salvageRows({ connection, encoding, table, by, format, write }: RowsOrder): RowsWritten {
  const encoder = encoderFor(table, format)
  connection.function(FUNCTIONS.text, { directOnly: true, deterministic: true }, value =>
    value instanceof Uint8Array ? encoder.text(value, encoding) : null,
  )
  const out = new Batches(Buffer.from(encoder.separator), write)
  const losses = new Losses(table.name)
  const order = { connection, table: table.name, by, values: [encoder.carefulRow], where: table.where }
  for (const [row = null] of readSalvageable(order, loss => losses.add(loss))) out.add(bytesOf(row))
  out.flush()
  return { rows: out.rows, bytes: out.bytes, lost: losses.all }
}

/** What is lost of one table, in a list that does not grow with it. */
class Losses {
  readonly #table: string
  readonly #list: LostRows[] = []
  #more = 0

  constructor(table: string) {
    this.#table = table
  }

  add({ what, why }: Omit<LostRows, 'table'>): void {
    if (this.#list.length < LOSSES_MAX) this.#list.push({ table: this.#table, what, why })
    else this.#more++
  }

  get all(): LostRows[] {
    if (this.#more === 0) return this.#list
    return [
      ...this.#list,
      { table: this.#table, what: `rows in ${this.#more} more places`, why: 'as in those before' },
    ]
  }
}

class Batches {
  rows = 0
  bytes = 0
  readonly #separator: Buffer
  readonly #write: (bytes: Uint8Array) => void
  #waiting: Buffer[] = []
  #waitingBytes = 0

  constructor(separator: Buffer, write: (bytes: Uint8Array) => void) {
    this.#separator = separator
    this.#write = write
  }

  add(row: Buffer): void {
    if (this.rows > 0) this.#put(this.#separator)
    this.#put(row)
    this.rows++
    if (this.#waitingBytes >= BATCH_BYTES) this.flush()
  }

  flush(): void {
    const bytes = Buffer.concat(this.#waiting, this.#waitingBytes)
    if (bytes.length > 0) this.#write(bytes)
    this.bytes += bytes.length
    this.#waiting = []
    this.#waitingBytes = 0
  }

  #put(bytes: Buffer): void {
    this.#waiting.push(bytes)
    this.#waitingBytes += bytes.length
  }
}

function bytesOf(text: SQLOutputValue): Buffer {
  return Buffer.from(String(text))
}
