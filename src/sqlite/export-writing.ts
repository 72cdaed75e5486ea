/** Requests for rows, each from its beginning until all of them are where they belong. */
import type { OpenFile } from '../storage/transfer.ts'
import { RowDestination } from './export-destination.ts'
import type { FilePlace, RowsWritten } from './requests.ts'

/** Rows that are written step by step. */
export type RowSteps = Iterator<void, RowsWritten>
export type Write = (bytes: Uint8Array) => void

interface Writing {
  readonly steps: RowSteps
  readonly destination: RowDestination
  /** Null while there is more. */
  done: RowsWritten | null
}

/** What is held until {@link placeHeld}, in the order in which it was asked for. */
const held: Writing[] = []

/**
 * Writes the rows that `start` begins with. What is to be held is held, as far as it may be; while rows that were asked
 * for before could not be held whole, nothing of it: both would be in the middle of the same statements.
 *
 * @returns null when there are more, which follow once these have their place
 */
export function beginRows(
  to: 'pipe' | 'held' | FilePlace,
  pipe: OpenFile,
  start: (write: Write) => RowSteps,
): RowsWritten | null {
  const destination = new RowDestination(to, pipe)
  const writing: Writing = { destination, steps: start(bytes => destination.write(bytes)), done: null }
  if (to !== 'held') return finish(writing)
  const isFirst = held.every(({ done }) => done !== null)
  held.push(writing)
  if (isFirst) while (writing.done === null && !destination.isFull) goOn(writing)
  return writing.done
}

/** Gives the rows that were held first their place, and writes the others of their request behind them. */
export function placeHeld(place: FilePlace): RowsWritten {
  const writing = held.shift()
  if (writing === undefined) throw new Error('There are no rows to place')
  writing.destination.place(place)
  return finish(writing)
}

function finish(writing: Writing): RowsWritten {
  using destination = writing.destination
  while (writing.done === null) goOn(writing)
  destination.flush()
  return writing.done
}

function goOn(writing: Writing): void {
  const step = writing.steps.next()
  if (step.done === true) writing.done = step.value
}
