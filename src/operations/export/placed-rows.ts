/** Rows that the workers write into the file of the export themselves: so they cross no pipe, and no other process. */
import type { FilePlace, RowRange, RowsWritten } from '../../sqlite/requests.ts'
import type { RowsRequest, RowWorker } from './row-worker.ts'

/** A file that grows by what others write, too. */
export interface GrowingFile {
  readonly path: string
  readonly position: number
  skip(bytes: number): void
}

export interface PlacingOrder {
  readonly workers: readonly RowWorker[]
  /** One behind another. */
  readonly ranges: AsyncIterator<RowRange, void>
  readonly request: Omit<RowsRequest, 'range'>
  /** Stands between two ranges. */
  readonly separator: string
  readonly file: GrowingFile
}

/** Of a worker: it goes on with the second while the first is given its place. */
const RANGES_HELD = 2

/**
 * Workers encode one range after another, by turns. How long a range is says where the next one begins; only one
 * that is too long to be held makes those behind it wait.
 */
export async function* placeRows(order: PlacingOrder): AsyncGenerator<RowsWritten> {
  const { workers, ranges, request, separator, file } = order
  const turns: { readonly worker: RowWorker; readonly held: Promise<RowsWritten | null> }[] = []
  const placed = new Map<RowWorker, Promise<RowsWritten>>()
  const begin = async (worker: RowWorker): Promise<void> => {
    const range = await ranges.next()
    if (range.done !== true) turns.push({ worker, held: worker.heldRows({ ...request, range: range.value }) })
  }
  for (let held = 0; held < RANGES_HELD; held++) for (const worker of workers) await begin(worker)
  let rows = 0
  for (let turn = turns.shift(); turn !== undefined; turn = turns.shift()) {
    const { worker } = turn
    const held = await turn.held
    await placed.get(worker)
    const before = rows > 0 ? separator : ''
    const writing = worker.placeHeld(placeIn(file, before))
    placed.set(worker, writing)
    const written = held ?? (await writing)
    if (written.rows > 0) file.skip(Buffer.byteLength(before) + written.bytes)
    rows += written.rows
    await begin(worker)
    yield written
  }
  await Promise.all(placed.values())
}

export function placeIn({ path, position }: GrowingFile, before = ''): FilePlace {
  return { path, position, before }
}
