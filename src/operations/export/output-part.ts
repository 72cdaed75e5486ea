/** The files that an export consists of while it is written, each flushed while the next one is. */
import { chmod, open } from 'node:fs/promises'
import type { Duplex, Writable } from 'node:stream'
import { type Compression, compressor } from '../../storage/compress.ts'
import { type Durability, syncFile } from '../../storage/durable.ts'
import { Flushes } from '../../storage/flushes.ts'
import { during } from '../../storage/io-errors.ts'
import { OutputFile } from '../../storage/output-file.ts'
import { OutputStream } from '../../storage/output-stream.ts'

/** What may wait to be written while more is read. */
const WRITE_AHEAD_BYTES = 1 << 20

/** One file of the export. */
export interface OutputPart {
  write(chunk: Uint8Array | string): Promise<void>
  end(): Promise<void>
  /** Set where others may write what stands next, too: the bytes are in a file as they are. */
  readonly file: OutputFile | null
}

export interface PartOrder {
  readonly compression: Compression | null
  readonly fileMode: number
  readonly durability: Durability
}

interface StoredStream {
  readonly stream: Writable
  /** Flushes the file, once the stream has ended. */
  readonly finish: () => Promise<void>
}

export class OutputParts implements AsyncDisposable {
  readonly #order: PartOrder
  readonly #opened: Writable[] = []
  /** Of files that have ended. */
  readonly #flushes = new Flushes()

  constructor(order: PartOrder) {
    this.#order = order
  }

  async open(path: string): Promise<OutputPart> {
    const { compression, durability } = this.#order
    if (compression === null) return this.#plain(await OutputFile.create(path, durability))
    const stored = await this.openStream(path)
    const output = new OutputStream(stored.stream, path, { transforms: transformsOf(compression) })
    return streamPart(output, () => this.#flushes.start(() => stored.finish()))
  }

  /** A file for whoever writes it by a stream. */
  async openStream(path: string): Promise<StoredStream> {
    const { fileMode, durability } = this.#order
    const handle = await during('write', path, () => open(path, 'wx', 0o600))
    const stream = handle.createWriteStream({ highWaterMark: WRITE_AHEAD_BYTES })
    this.#opened.push(stream)
    return {
      stream,
      async finish() {
        await setMode(path, fileMode)
        await syncFile(path, durability)
      },
    }
  }

  /** Resolves once every file that has ended is flushed. */
  flushed(): Promise<void> {
    return this.#flushes.done()
  }

  /** Ends what a failure left under way: Node ends a process that forgets a file. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#flushes.settle()
    for (const stream of this.#opened) {
      if (stream.closed) continue
      const closed = new Promise(resolve => stream.once('close', resolve))
      stream.destroy()
      await closed
    }
  }

  #plain(file: OutputFile): OutputPart {
    return {
      file,
      write: chunk => file.write(chunk),
      end: async () => {
        await setMode(file.path, this.#order.fileMode)
        await this.#flushes.start(() => file.sync())
      },
    }
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

export function transformsOf(compression: Compression | null): Duplex[] {
  const transform = compressor(compression)
  return transform === null ? [] : [transform]
}

/** The umask may have taken bits that the configuration asks for. */
async function setMode(path: string, mode: number): Promise<void> {
  await during('set the mode of', path, () => chmod(path, mode))
}
