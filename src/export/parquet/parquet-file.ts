/** One table as a Parquet file, written row group by row group, so that memory does not grow with the table. */
import { constants, zstdCompressSync } from 'node:zlib'
import { ParquetWriter } from 'hyparquet-writer'
import { ChunkWriter } from './chunk-writer.ts'
import { freeBytes } from '../free-bytes.ts'
import { type ParquetKind, schemaElement } from './column-type.ts'

/**
 * What a row group may take in memory before it is written; a larger row is a group of its own. V8 lets several
 * groups' worth of garbage gather: 500 MB of blobs of 50 kB took 103 MB with 2 MiB, 123 MB with 4 MiB.
 */
export const GROUP_BYTES_MAX: number = 2 * 1024 * 1024
/** Readers keep a group's offsets in memory and skip by groups; DuckDB's own are 122,880 rows. */
const GROUP_ROWS_MAX = 131_072
/** Uncompressed; a value larger than that has a page of its own. */
const PAGE_BYTES = 1024 * 1024
const DICTIONARY_BYTES_MAX = 1024 * 1024

/** What V8 takes for a value beside its content: a slot in two arrays, and a BigInt, string or typed array. */
const VALUE_OVERHEAD_BYTES = 48
const BYTES_OVERHEAD_BYTES = 200

export interface ParquetColumn {
  readonly name: string
  readonly kind: ParquetKind
}

/** `integer` columns take bigint, `real` number, `text` and `mixed` string, `bytes` bytes. */
export type ParquetValue = bigint | number | string | Uint8Array | null

/** Key of the file's metadata under which a JSON array names the columns that hold values in JSON. */
export const MIXED_KEY = 'chame_backup.mixed'

/** Writes a file of `columns` to `write`, whose pieces are valid only until it returns. */
export class ParquetFile {
  readonly #columns: readonly ParquetColumn[]
  readonly #output: ChunkWriter
  readonly #writer: ParquetWriter
  #values: ParquetValue[][]
  #groupBytes = 0
  #rows = 0

  constructor(columns: readonly ParquetColumn[], write: (bytes: Uint8Array) => void) {
    const mixed = columns.filter(({ kind }) => kind === 'mixed').map(({ name }) => name)
    this.#columns = columns
    this.#values = columns.map(() => [])
    this.#output = new ChunkWriter(write)
    this.#writer = new ParquetWriter({
      writer: this.#output,
      schema: [
        { name: 'root', num_children: columns.length },
        ...columns.map(({ name, kind }) => schemaElement(name, kind)),
      ],
      codec: 'ZSTD',
      compressors: { ZSTD: compress },
      kvMetadata: [{ key: MIXED_KEY, value: JSON.stringify(mixed) }],
      createdBy: 'chame-backup',
    })
  }

  /** Bytes handed on or about to be. */
  get bytes(): number {
    return this.#output.offset
  }

  get rows(): number {
    return this.#rows
  }

  /** @param row a value for each column. Large bytes are gone once they were written. */
  add(row: readonly ParquetValue[]): void {
    let bytes = 0
    for (const value of row) bytes += bytesOf(value)
    const isFull = this.#groupBytes + bytes > GROUP_BYTES_MAX || this.#values[0]?.length === GROUP_ROWS_MAX
    if (isFull) this.#writeGroup()
    for (let i = 0; i < row.length; i++) this.#values[i]?.push(row[i] as ParquetValue)
    this.#groupBytes += bytes
    this.#rows += 1
  }

  /** Writes what is left and the file's footer. */
  finish(): void {
    this.#writeGroup()
    void this.#writer.finish()
  }

  #writeGroup(): void {
    const values = this.#values
    if (values[0] === undefined || values[0].length === 0) return
    this.#values = this.#columns.map(() => [])
    this.#groupBytes = 0
    void this.#writer.write({
      columnData: this.#columns.map(({ name, kind }, i) => ({
        name,
        data: values[i] ?? [],
        // The writer keeps the least and the greatest value of each group until the end: of long ones, too much.
        statistics: kind === 'integer' || kind === 'real',
        offsetIndex: false,
        // A dictionary of blobs means hashing each of them in JavaScript.
        ...(kind === 'bytes' ? { encoding: 'PLAIN' as const } : {}),
      })),
      rowGroupSize: GROUP_ROWS_MAX,
      pageSize: PAGE_BYTES,
      dictionarySize: DICTIONARY_BYTES_MAX,
    })
    for (const column of values) for (const value of column) if (value instanceof Uint8Array) freeBytes(value)
  }
}

function bytesOf(value: ParquetValue): number {
  if (typeof value === 'string') return VALUE_OVERHEAD_BYTES + value.length
  return value instanceof Uint8Array ? BYTES_OVERHEAD_BYTES + value.byteLength : VALUE_OVERHEAD_BYTES
}

/** Every reader of today knows zstd; the writer's own Snappy, in JavaScript, took two to three times as long for twice the size. */
function compress(bytes: Uint8Array): Uint8Array {
  return zstdCompressSync(bytes, { params: { [constants.ZSTD_c_compressionLevel]: 1 } })
}
