/** One request for rows at a time, from its beginning until all of them are where they belong. */
import type { OpenFile } from '../storage/transfer.ts'
import { RowDestination } from './export-destination.ts'
import type { FilePlace, RowsWritten } from './requests.ts'

/** Rows that are written step by step. */
export type RowSteps = Iterator<void, RowsWritten>
export type Write = (bytes: Uint8Array) => void

interface Writing {
  readonly steps: RowSteps
  readonly destination: RowDestination
}

/** What is held until {@link placeHeld}. */
let waiting: Writing | null = null
/** The same once all of it is there. */
let done: RowsWritten | null = null

/**
 * Writes the rows that `start` begins with. What is to be held is held, as far as it may be.
 *
 * @returns null when there are more, which follow once these have their place
 */
export function beginRows(
  to: 'pipe' | 'held' | FilePlace,
  pipe: OpenFile,
  start: (write: Write) => RowSteps,
): RowsWritten | null {
  const destination = new RowDestination(to, pipe)
  const writing = { destination, steps: start(bytes => destination.write(bytes)) }
  done = null
  if (to !== 'held') return finish(writing)
  waiting = writing
  while (done === null && !destination.isFull) done = next(writing)
  return done
}

/** Gives the rows that are held their place, and writes the others behind them. */
export function placeHeld(place: FilePlace): RowsWritten {
  const writing = waiting
  if (writing === null) throw new Error('There are no rows to place')
  waiting = null
  writing.destination.place(place)
  return finish(writing)
}

function finish(writing: Writing): RowsWritten {
  using destination = writing.destination
  let written = done
  done = null
  while (written === null) written = next(writing)
  destination.flush()
  return written
}

/** Null while there is more. */
function next({ steps }: Writing): RowsWritten | null {
  const step = steps.next()
  return step.done === true ? step.value : null
}
