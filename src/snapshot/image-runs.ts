import { setImmediate as yieldToEvents } from 'node:timers/promises'
import { throwIfCancelled } from '../errors.ts'
import { type Image, imageSize, readImageRun, RUN_BYTES } from './image.ts'

export interface RunsOptions {
  readonly signal: AbortSignal
  readonly onBytes: (doneBytes: number) => void
}

/** The bytes of an image from its first to its last. A run is written over when the next one is asked for. */
export async function* imageRuns(image: Image, { signal, onBytes }: RunsOptions): AsyncGenerator<Uint8Array> {
  const size = imageSize(image)
  const buffer = Buffer.allocUnsafeSlow(Math.min(Math.max(RUN_BYTES, image.pageSize), size))
  for (let position = 0; position < size;) {
    const run = buffer.subarray(0, Math.min(buffer.length, size - position))
    readImageRun(image, run, position)
    yield run
    position += run.length
    onBytes(position)
    // Pages come from memory mostly, without a pause in which anything else could happen.
    await yieldToEvents()
    throwIfCancelled(signal)
  }
}
