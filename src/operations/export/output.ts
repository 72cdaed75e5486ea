/** Where an export goes: complete, and under its name only then. */
import { chmod, mkdir, open } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import type { Duplex, Writable } from 'node:stream'
import { WorkDirectory } from '../../catalog/work-directory.ts'
import { BackupError } from '../../errors.ts'
import { compressionSuffix, type Compression, compressor } from '../../storage/compress.ts'
import { type Durability, isThere, makeDirectory, syncDirectory, syncFile } from '../../storage/durable.ts'
import { during } from '../../storage/io-errors.ts'
import { Flushes } from '../../storage/flushes.ts'
import { OutputFile } from '../../storage/output-file.ts'
import { OutputStream } from '../../storage/output-stream.ts'
import { requireApart, requireReplaceable } from './replaceable.ts'
import { putDirectory, putFile, replaceByDirectory, replaceFile } from '../../storage/put-in-place.ts'
import { ZipOutput } from '../../storage/zip.ts'

/** `file`: all in one; `directory` and `zip`: a file for each table. */
export type Packing = 'file' | 'directory' | 'zip'

export interface OutputOrder {
  readonly packing: Packing
  readonly compression: Compression | null
  /** The paths to try, one after another, where the name is ours to choose; one where the caller chose it. */
  readonly candidates: (attempt: number) => string
  readonly isChosen: boolean
  /** The database or the backup that is exported. */
  readonly source: string
  /** Whether what is there under the chosen name may be replaced. */
  readonly isForced: boolean
  readonly fileMode: number
  readonly directoryMode: number
  readonly durability: Durability
  /** Time of the entries of a ZIP. */
  readonly time: Date
}

interface Published {
  readonly path: string
  /** Names of the files, relative to the path where that is a directory or a ZIP. */
  readonly files: readonly string[]
  /** As they are stored. */
  readonly bytes: number
}

/** One file of the export. */
export interface OutputPart {
  write(chunk: Uint8Array | string): Promise<void>
  end(): Promise<void>
  /** Set where others may write what stands next, too: the bytes are in a file as they are. */
  readonly file: OutputFile | null
}

export interface ExportOutput extends AsyncDisposable {
  /** Opens the next file; the one before must have ended. */
  part(name: string): Promise<OutputPart>
  /** Gives the export its name. What was not published is gone with the disposal. */
  publish(): Promise<Published>
}

/** Throws `INVALID_ARGUMENT` when the chosen name is taken. */
export async function openOutput(order: OutputOrder, signal: AbortSignal): Promise<ExportOutput> {
  const path = resolve(order.candidates(1))
  await requireApart(path, order.source)
  if (order.isChosen && !order.isForced && (await isThere(path))) throw taken(path)
  if (order.isForced) await requireReplaceable(path, order.packing)
  await makeDirectory(dirname(path), order.directoryMode, order.durability)
  const work = await WorkDirectory.open(dirname(path), signal)
  try {
    const placed: PlacedOrder = { ...order, opened: [], flushes: new Flushes() }
    if (order.packing === 'directory') return await DirectoryOutput.open(placed, work)
    return order.packing === 'zip' ? await zipOutput(placed, work) : new FileOutput(placed, work)
  } catch (error) {
    await work[Symbol.asyncDispose]()
    throw error
  }
}

/** An order that has its place, and what goes on there. */
interface PlacedOrder extends OutputOrder {
  /** The streams that were opened to it. */
  readonly opened: Writable[]
  /** Of files that have ended. */
  readonly flushes: Flushes
}

/** Ends what a failure left under way: Node ends a process that forgets a file. */
async function closeAll({ opened, flushes }: PlacedOrder): Promise<void> {
  await flushes.settle()
  for (const stream of opened) {
    if (stream.closed) continue
    const closed = new Promise(resolve => stream.once('close', resolve))
    stream.destroy()
    await closed
  }
}

/** All in one file. */
class FileOutput implements ExportOutput {
  readonly #order: PlacedOrder
  readonly #work: WorkDirectory
  readonly #file: string

  constructor(order: PlacedOrder, work: WorkDirectory) {
    this.#order = order
    this.#work = work
    this.#file = work.file('export')
  }

  part(): Promise<OutputPart> {
    return openPart(this.#file, this.#order)
  }

  async publish(): Promise<Published> {
    await this.#order.flushes.done()
    const { path, bytes } = await publish(this.#file, this.#order)
    return { path, files: [basename(path)], bytes }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await closeAll(this.#order)
    await this.#work[Symbol.asyncDispose]()
  }
}

/** A file for each table, in a directory. */
class DirectoryOutput implements ExportOutput {
  readonly #order: PlacedOrder
  readonly #work: WorkDirectory
  readonly #directory: string
  readonly #names: string[] = []

  private constructor(order: PlacedOrder, work: WorkDirectory) {
    this.#order = order
    this.#work = work
    this.#directory = work.file('export')
  }

  static async open(order: PlacedOrder, work: WorkDirectory): Promise<DirectoryOutput> {
    const output = new DirectoryOutput(order, work)
    await during('make the directory', output.#directory, () => mkdir(output.#directory, { mode: 0o700 }))
    return output
  }

  part(name: string): Promise<OutputPart> {
    const stored = name + compressionSuffix(this.#order.compression)
    this.#names.push(stored)
    return openPart(join(this.#directory, stored), this.#order)
  }

  async publish(): Promise<Published> {
    const { durability, directoryMode, flushes } = this.#order
    await flushes.done()
    await syncDirectory(this.#directory, durability)
    await during('set the mode of', this.#directory, () => chmod(this.#directory, directoryMode))
    const sizes = await Promise.all(this.#names.map(name => sizeOf(join(this.#directory, name))))
    const { path } = await publish(this.#directory, this.#order)
    return { path, files: this.#names, bytes: sizes.reduce((sum, size) => sum + size, 0) }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await closeAll(this.#order)
    await this.#work[Symbol.asyncDispose]()
  }
}

async function zipOutput(order: PlacedOrder, work: WorkDirectory): Promise<ExportOutput> {
  const file = work.file('export')
  const stored = await openStored(file, order)
  const zip = new ZipOutput(stored.stream, { mtime: order.time })
  const names: string[] = []
  return {
    async part(name) {
      names.push(name)
      return streamPart(new OutputStream(zip.addFile(name), file))
    },
    async publish() {
      await during('write', file, () => zip.end())
      await stored.finish()
      const { path, bytes } = await publish(file, order)
      return { path, files: names, bytes }
    },
    async [Symbol.asyncDispose]() {
      await closeAll(order)
      await work[Symbol.asyncDispose]()
    },
  }
}

export function transformsOf(compression: Compression | null): Duplex[] {
  const transform = compressor(compression)
  return transform === null ? [] : [transform]
}

async function openPart(path: string, order: PlacedOrder): Promise<OutputPart> {
  const { compression, durability, flushes } = order
  if (compression === null) return filePart(await OutputFile.create(path, durability), order)
  const stored = await openStored(path, order)
  const output = new OutputStream(stored.stream, path, { transforms: transformsOf(compression) })
  return streamPart(output, () => flushes.start(() => stored.finish()))
}

/** The next file begins while this one is flushed. */
function filePart(file: OutputFile, { fileMode, flushes }: PlacedOrder): OutputPart {
  return {
    file,
    write: chunk => file.write(chunk),
    async end() {
      await setMode(file.path, fileMode)
      await flushes.start(() => file.sync())
    },
  }
}

/** `finish` is what remains to be done once all has been written. */
export function streamPart(output: OutputStream, finish?: () => Promise<void>): OutputPart {
  return {
    file: null,
    write: chunk => output.write(chunk),
    async end() {
      await output.end()
      await finish?.()
    },
  }
}

interface StoredStream {
  readonly stream: Writable
  /** Flushes the file, once the stream has ended. */
  readonly finish: () => Promise<void>
}

async function openStored(path: string, order: PlacedOrder): Promise<StoredStream> {
  const handle = await during('write', path, () => open(path, 'wx', 0o600))
  const stream = handle.createWriteStream({ highWaterMark: WRITE_AHEAD_BYTES })
  order.opened.push(stream)
  return {
    stream,
    finish: () => finishFile(path, order),
  }
}

async function finishFile(path: string, { fileMode, durability }: OutputOrder): Promise<void> {
  await setMode(path, fileMode)
  await syncFile(path, durability)
}

/** The umask may have taken bits that the configuration asks for. */
async function setMode(path: string, mode: number): Promise<void> {
  await during('set the mode of', path, () => chmod(path, mode))
}

/** What may wait to be written while more is read. */
const WRITE_AHEAD_BYTES = 1 << 20

/** Gives a finished file or directory the first name that is free. */
async function publish(from: string, order: OutputOrder): Promise<{ path: string; bytes: number }> {
  const bytes = await sizeOf(from)
  for (let attempt = 1; ; attempt++) {
    const path = resolve(order.candidates(attempt))
    if (await moveTo(from, path, order)) {
      await syncDirectory(dirname(path), order.durability)
      return { path, bytes }
    }
    if (order.isChosen) throw taken(path)
  }
}

/** False when the name is taken and may not be replaced. */
async function moveTo(from: string, path: string, { packing, isForced }: OutputOrder): Promise<boolean> {
  const isDirectory = packing === 'directory'
  if (!isForced) return await (isDirectory ? putDirectory(from, path) : putFile(from, path))
  await (isDirectory ? replaceByDirectory(from, path) : replaceFile(from, path))
  return true
}

async function sizeOf(path: string): Promise<number> {
  return during('read', path, async () => {
    await using handle = await open(path, 'r')
    return (await handle.stat()).size
  })
}

function taken(path: string): BackupError {
  return new BackupError('INVALID_ARGUMENT', `There is something already: ${path}`, {
    hint: 'Choose another place with --output (output), or replace it with --force (force: true).',
    path,
  })
}
