/** What is in the groups of a pack, once it is decompressed. */
import { promisify } from 'node:util'
import { zstdDecompress, zstdDecompressSync } from 'node:zlib'

const decompressElsewhere = promisify(zstdDecompress)
/** Up to here handing it to another core and back takes longer than doing it. */
const SMALL_BYTES = 8 << 10
/** What zlib allows. */
const CHUNK_BYTES_MIN = 64
const NO_BYTES = Buffer.alloc(0)

/** The pages that are left of a group, or of several that follow each other, one after another. */
export interface Group {
  /** Number of the first one. */
  readonly group: number
  readonly pages: Buffer
}

/** Gives back the memory of pages that nobody needs any more: the garbage collector would let many pile up. */
export function freeGroup({ pages: { buffer, length } }: Group): void {
  // Small ones share their memory with others.
  if (length > SMALL_BYTES && buffer.byteLength === roomFor(length) && buffer instanceof ArrayBuffer)
    buffer.transfer(0)
}

/** The `length` bytes of a frame, on another core if they are many; null for what is no frame of so many. */
export async function decompress(frame: Buffer, length: number): Promise<Buffer | null> {
  if (length <= SMALL_BYTES) return decompressHere(frame, length)
  const bytes = await decompressElsewhere(frame, roomOptions(length)).catch(() => null)
  return bytes?.length === length ? bytes : null
}

/** The same of frames that follow each other, by this thread. Set up once for all of them, zstd takes a third less time. */
export function decompressHere(frames: Buffer, length: number): Buffer | null {
  if (length === 0) return NO_BYTES
  try {
    const bytes = zstdDecompressSync(frames, roomOptions(length))
    return bytes.length === length ? bytes : null
  } catch {
    return null
  }
}

function roomOptions(length: number): { readonly maxOutputLength: number; readonly chunkSize: number } {
  return { maxOutputLength: length, chunkSize: roomFor(length) }
}

/** One byte more than there are: where the output is full Node asks once more whether that was all. */
function roomFor(length: number): number {
  return Math.max(CHUNK_BYTES_MIN, length + 1)
}
