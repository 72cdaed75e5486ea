import { crc32 } from 'node:zlib'
import type { Entry, ZipFile } from 'yauzl'
import { Malformed, shown } from '../import/malformed.ts'
import type { Chunks, ExportFiles } from './import-files.ts'

/** An export has one entry a table; a schema has far fewer tables. */
const ENTRIES_MAX = 100_000
const SCHEMA = 'schema.json'

/** The files of a CSV export in a ZIP. Entries are found by name and read in place; nothing is unpacked. */
export class ZipFiles implements ExportFiles {
  readonly isSet = true
  readonly totalBytes: number
  doneBytes = 0
  readonly #zip: ZipFile
  readonly #entries: ReadonlyMap<string, Entry>
  /** The directory that all of it lies in, when somebody packed the directory itself. */
  readonly #prefix: string

  private constructor(zip: ZipFile, entries: ReadonlyMap<string, Entry>, totalBytes: number) {
    this.#zip = zip
    this.#entries = entries
    this.totalBytes = totalBytes
    const schemas = [...entries.keys()].filter(name => name.endsWith(`/${SCHEMA}`))
    this.#prefix =
      schemas.length === 1 && !entries.has(SCHEMA) ? (schemas[0] ?? '').slice(0, -SCHEMA.length) : ''
  }

  static async open(path: string, size: number): Promise<ZipFiles> {
    const { openPromise } = await import('yauzl')
    const zip = await brokenIfNot(openPromise(path, { autoClose: false, lazyEntries: true }))
    try {
      return new ZipFiles(zip, await entriesOf(zip), size)
    } catch (error) {
      zip.close()
      throw error
    }
  }

  async read(name: string | null): Promise<Chunks | null> {
    const entry = name === null ? undefined : this.#entries.get(this.#prefix + name)
    if (entry === undefined) return null
    if (!entry.canDecodeFileData())
      throw new Malformed(`${shown(entry.fileName)} is packed in a way that is not read here`)
    return this.#chunks(entry)
  }

  async *#chunks(entry: Entry): Chunks {
    const { fileName, compressedSize, uncompressedSize } = entry
    let checksum = 0
    const stream = await brokenIfNot(this.#zip.openReadStreamPromise(entry))
    const iterator = stream[Symbol.asyncIterator]() as AsyncIterator<Buffer>
    try {
      for (;;) {
        const { done, value } = await brokenIfNot(iterator.next())
        if (done === true) break
        checksum = crc32(value, checksum)
        this.doneBytes += (value.length / Math.max(1, uncompressedSize)) * compressedSize
        yield value
      }
    } finally {
      stream.destroy()
    }
    if (checksum !== entry.crc32) throw new Malformed(`${shown(fileName)} is damaged: its checksum differs`)
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#zip.close()
    return Promise.resolve()
  }
}

async function entriesOf(zip: ZipFile): Promise<Map<string, Entry>> {
  if (zip.entryCount > ENTRIES_MAX) throw new Malformed('it has too many files')
  const entries = new Map<string, Entry>()
  const iterator = zip.eachEntry()
  for (;;) {
    const { done, value } = await brokenIfNot(iterator.next())
    if (done === true) return entries
    if (entries.has(value.fileName)) throw new Malformed(`the file ${shown(value.fileName)} is there twice`)
    entries.set(value.fileName, value)
  }
}

/** What is wrong with a ZIP comes as a plain error, and as one of zlib's; errors of the file system stay what they are. */
async function brokenIfNot<T>(work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    if (error instanceof Error && !('syscall' in error))
      throw new Malformed(`it is no sound ZIP (${error.message})`)
    throw error
  }
}
