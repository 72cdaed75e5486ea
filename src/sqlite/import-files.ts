/** The files of an export: one, a directory of them, or a ZIP; compressed or not. */
import { constants, createReadStream } from 'node:fs'
import { type FileHandle, open, readdir, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { createGunzip, createZstdDecompress } from 'node:zlib'
import { Malformed, shown } from '../import/malformed.ts'
import { ZipFiles } from './import-zip.ts'

const CHUNK_BYTES = 1 << 18
const GZIP = Buffer.from([0x1f, 0x8b])
const ZSTD = Buffer.from([0x28, 0xb5, 0x2f, 0xfd])
const ZIP = Buffer.from('PK\u0003\u0004')
const COMPRESSED = ['', '.zst', '.gz'] as const

/** Bytes in chunks. A chunk is only good until the next one is asked for. */
export type Chunks = AsyncIterable<Buffer>

export interface ExportFiles extends AsyncDisposable {
  readonly totalBytes: number
  /** Bytes that were read so far, as they are stored. */
  readonly doneBytes: number
  /** Whether it is a set of files with names. */
  readonly isSet: boolean
  /** The file of that name, decompressed; null when there is none. Without a name, the one file there is. */
  read(name: string | null): Promise<Chunks | null>
}

/** Opens an export. Throws system errors when it is not there or cannot be read. */
export async function openExport(path: string): Promise<ExportFiles> {
  const stats = await stat(path)
  if (stats.isDirectory()) return DirectoryFiles.open(path)
  await using opening = new AsyncDisposableStack()
  const handle = opening.use(await openRegular(path, { mayBeLink: true }))
  const { bytesRead, buffer } = await handle.read(Buffer.alloc(4), 0, 4, 0)
  if (bytesRead === 4 && buffer.equals(ZIP)) return await ZipFiles.open(path, stats.size)
  opening.move()
  return new SingleFile(path, handle, stats.size)
}

/** What was read of the files, to show progress. */
class Meter {
  doneBytes = 0
  readonly add = (count: number): void => void (this.doneBytes += count)
}

class SingleFile implements ExportFiles {
  readonly isSet = false
  readonly totalBytes: number
  readonly #meter = new Meter()
  readonly #path: string
  readonly #handle: FileHandle

  constructor(path: string, handle: FileHandle, size: number) {
    this.#path = path
    this.#handle = handle
    this.totalBytes = size
  }

  get doneBytes(): number {
    return this.#meter.doneBytes
  }

  read(name: string | null): Promise<Chunks | null> {
    if (name !== null) return Promise.resolve(null)
    return chunksOf(this.#handle, this.#path, this.#meter.add)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close()
  }
}

class DirectoryFiles implements ExportFiles {
  readonly isSet = true
  readonly totalBytes: number
  readonly #meter = new Meter()
  readonly #directory: string
  readonly #names: ReadonlySet<string>
  #open: FileHandle | null = null

  private constructor(directory: string, names: readonly string[], totalBytes: number) {
    this.#directory = directory
    this.#names = new Set(names)
    this.totalBytes = totalBytes
  }

  static async open(directory: string): Promise<DirectoryFiles> {
    const names = await readdir(directory)
    let totalBytes = 0
    for (const name of names) totalBytes += (await stat(join(directory, name)).catch(() => null))?.size ?? 0
    return new DirectoryFiles(directory, names, totalBytes)
  }

  get doneBytes(): number {
    return this.#meter.doneBytes
  }

  async read(name: string | null): Promise<Chunks | null> {
    if (name === null) return null
    requirePlainName(name)
    const found = COMPRESSED.map(ending => name + ending).find(candidate => this.#names.has(candidate))
    if (found === undefined) return null
    await this.#open?.close()
    const path = join(this.#directory, found)
    this.#open = await openRegular(path, { mayBeLink: false })
    return chunksOf(this.#open, path, this.#meter.add)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#open?.close()
  }
}

/** A name that stands in a file from elsewhere never leads out of the directory. */
function requirePlainName(name: string): void {
  if (name !== '' && name !== '.' && name !== '..' && basename(name) === name && !/[\\\0]/.test(name)) return
  throw new Malformed(`${shown(name)} is no name of a file in it`, 'schema')
}

/** Opens without waiting for whoever writes a FIFO, and refuses everything that is no file. */
async function openRegular(
  path: string,
  { mayBeLink }: { readonly mayBeLink: boolean },
): Promise<FileHandle> {
  const noLink = mayBeLink ? 0 : constants.O_NOFOLLOW
  await using opening = new AsyncDisposableStack()
  const handle = opening.use(await open(path, constants.O_RDONLY | constants.O_NONBLOCK | noLink))
  if (!(await handle.stat()).isFile()) throw new Malformed(`${shown(basename(path))} is no file`)
  opening.move()
  return handle
}

/** What the first bytes say counts, not the name: text never begins like this. */
async function chunksOf(handle: FileHandle, path: string, onBytes: (count: number) => void): Promise<Chunks> {
  const { buffer } = await handle.read(Buffer.alloc(4), 0, 4, 0)
  if (buffer.subarray(0, 2).equals(GZIP))
    return decompressed(path, createGunzip({ chunkSize: CHUNK_BYTES }), onBytes)
  if (buffer.equals(ZSTD))
    return decompressed(path, createZstdDecompress({ chunkSize: CHUNK_BYTES }), onBytes)
  return plain(handle, onBytes)
}

async function* plain(handle: FileHandle, onBytes: (count: number) => void): Chunks {
  const chunk = Buffer.alloc(CHUNK_BYTES)
  for (let position = 0; ;) {
    const { bytesRead } = await handle.read(chunk, 0, CHUNK_BYTES, position)
    if (bytesRead === 0) return
    position += bytesRead
    onBytes(bytesRead)
    yield chunk.subarray(0, bytesRead)
    // Whoever ends this process must be heard in between.
    await setImmediate()
  }
}

async function* decompressed(
  path: string,
  through: NodeJS.ReadWriteStream,
  onBytes: (count: number) => void,
): Chunks {
  const raw = createReadStream(path, { highWaterMark: CHUNK_BYTES })
  raw.on('data', (data: Buffer | string) => onBytes(data.length))
  raw.on('error', error => through.emit('error', error))
  raw.pipe(through)
  try {
    for await (const chunk of through) yield chunk as Buffer
  } catch (error) {
    if (isBroken(error))
      throw new Malformed(`${shown(basename(path))} cannot be decompressed: it is damaged or cut off`)
    throw error
  } finally {
    raw.destroy()
  }
}

function isBroken(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  return (
    code.startsWith('Z_') ||
    code.startsWith('ZSTD') ||
    code.startsWith('ERR_ZSTD') ||
    code === 'ERR_BUFFER_TOO_LARGE'
  )
}
