/** The thread that `part-lanes.ts` starts: writes the parts that it is sent, and says of each how it ended. */
import { parentPort, workerData } from 'node:worker_threads'
import { type Failure, toFailure } from '../errors.ts'
import { type ImageOrder, type PartOrder, PartWriter } from './part-writer.ts'

const writer = new PartWriter(workerData as ImageOrder)
parentPort?.on('message', (part: PartOrder) => parentPort?.postMessage(failureOf(part)))

function failureOf(part: PartOrder): Failure | null {
  try {
    writer.write(part)
    return null
  } catch (error) {
    return toFailure(error)
  }
}
