/** The thread that `hash.ts` starts: hashes one image and ends. */
import { parentPort, workerData } from 'node:worker_threads'
import { type HashTask, runHashTask } from './hash.ts'

runHashTask(workerData as HashTask, message => parentPort?.postMessage(message))
