/** Where an export goes: complete, and under its name only then. */
import { chmod, mkdir } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { WorkDirectory } from '../../catalog/work-directory.ts'
import { compressionSuffix } from '../../storage/compress.ts'
import { isThere, makeDirectory, syncDirectory } from '../../storage/durable.ts'
import { during } from '../../storage/io-errors.ts'
import { OutputStream } from '../../storage/output-stream.ts'
import { ZipOutput } from '../../storage/zip.ts'
import { type OutputPart, OutputParts, type PartOrder, streamPart } from './output-part.ts'
import { type PlaceOrder, publish, sizeOf, taken } from './publish.ts'
import { requireApart, requireReplaceable } from './replaceable.ts'

export interface OutputOrder extends PlaceOrder, PartOrder {
  /** The database or the backup that is exported. */
  readonly source: string
  readonly directoryMode: number
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
  await using opening = new AsyncDisposableStack()
  const work = opening.use(await WorkDirectory.open(dirname(path), signal))
  const parts = opening.use(new OutputParts(order))
  const output = await PACKINGS[order.packing](work.file('export'), parts, order)
  const opened = opening.move()
  return { ...output, [Symbol.asyncDispose]: () => opened.disposeAsync() }
}

type Packed = Pick<ExportOutput, 'part' | 'publish'>

/** What is made at `place`, in the work directory. */
type Pack = (place: string, parts: OutputParts, order: OutputOrder) => Promise<Packed>

const PACKINGS: Readonly<Record<OutputOrder['packing'], Pack>> = {
  file: packFile,
  directory: packDirectory,
  zip: packZip,
}

/** All in one file. */
async function packFile(file: string, parts: OutputParts, order: OutputOrder): Promise<Packed> {
  return {
    part: () => parts.open(file),
    async publish() {
      await parts.flushed()
      const bytes = await sizeOf(file)
      const path = await publish(file, order)
      return { path, files: [basename(path)], bytes }
    },
  }
}

/** A file for each table, in a directory. */
async function packDirectory(directory: string, parts: OutputParts, order: OutputOrder): Promise<Packed> {
  await during('make the directory', directory, () => mkdir(directory, { mode: 0o700 }))
  const names: string[] = []
  return {
    part(name) {
      const stored = name + compressionSuffix(order.compression)
      names.push(stored)
      return parts.open(join(directory, stored))
    },
    async publish() {
      await parts.flushed()
      await syncDirectory(directory, order.durability)
      await during('set the mode of', directory, () => chmod(directory, order.directoryMode))
      const sizes = await Promise.all(names.map(name => sizeOf(join(directory, name))))
      const path = await publish(directory, order)
      return { path, files: names, bytes: sizes.reduce((sum, size) => sum + size, 0) }
    },
  }
}

/** The same in a ZIP. */
async function packZip(file: string, parts: OutputParts, order: OutputOrder): Promise<Packed> {
  const stored = await parts.openStream(file)
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
      const bytes = await sizeOf(file)
      const path = await publish(file, order)
      return { path, files: names, bytes }
    },
  }
}
