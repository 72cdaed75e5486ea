/** Streams that are open: each holds a connection, and memory for what its reader has not taken. */
import type { Principal } from './environment.ts'
import { Refusal } from './problems.ts'

const STREAMS_MAX = 300
/** A browser with many tabs, and room for 100 clients of one token. */
const OF_ONE_MAX = 150
/** Each takes a processor, and the room of a whole database. */
const UNPACKING_MAX = 2

export class StreamBook {
  readonly #open = new Map<string, number>()
  #count = 0
  #unpacking = 0

  get count(): number {
    return this.#count
  }

  /** Takes a place; the function that it returns gives it back, once. Refused as `TOO_MANY_REQUESTS`. */
  enter({ name, via }: Principal): () => void {
    const owner = `${via} ${name}`
    const own = this.#open.get(owner) ?? 0
    if (this.#count >= STREAMS_MAX || own >= OF_ONE_MAX) {
      throw new Refusal('TOO_MANY_REQUESTS', 'Too many streams are open', {
        hint: 'Close some, or wait until one has ended.',
        headers: { 'retry-after': '5' },
      })
    }
    this.#count += 1
    this.#open.set(owner, own + 1)
    return once(() => {
      this.#count -= 1
      const left = (this.#open.get(owner) ?? 1) - 1
      if (left === 0) this.#open.delete(owner)
      else this.#open.set(owner, left)
    })
  }

  /** The same for making the file that is to be streamed, of a backup that is not plain. */
  enterUnpacking(): () => void {
    if (this.#unpacking >= UNPACKING_MAX) {
      throw new Refusal('TOO_MANY_REQUESTS', 'Other backups are being unpacked', {
        hint: 'Try again in a moment, or download the stored file.',
        headers: { 'retry-after': '5' },
      })
    }
    this.#unpacking += 1
    return once(() => (this.#unpacking -= 1))
  }
}

function once(act: () => void): () => void {
  let isDone = false
  return () => {
    if (!isDone) act()
    isDone = true
  }
}
