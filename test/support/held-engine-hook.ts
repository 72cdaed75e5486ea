/** Loaded by an engine process before the product: see held-engines.ts. */
import { readSync } from 'node:fs'
import type { FromEngine } from '../../src/engine/messages.ts'

/** Behind the three usual ones and the channel. */
const GO_ON = 4
const send = process.send?.bind(process)

process.send = (message: FromEngine, ...rest: unknown[]) => {
  const isSent = (send as (...all: unknown[]) => boolean)(message, ...rest)
  // Ends as well when there is nobody any more who could say so.
  if (message.kind === 'progress') readSync(GO_ON, Buffer.alloc(1))
  return isSent
}
