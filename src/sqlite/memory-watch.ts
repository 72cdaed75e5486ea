/** How much memory a process uses, as Linux's /proc tells it; nothing of the kind elsewhere. */
import { readFile } from 'node:fs/promises'

/** A process fills some hundred megabytes in that time. */
const LOOK_MS = 50
/** Linux tells it in pages, of which all machines that Node runs on have some of at least this size. */
const PAGE_BYTES = 4_096

/** Calls `onExcess` once, when the process has more than `bytesMax` in memory. */
export class MemoryWatch implements Disposable {
  readonly #timer: NodeJS.Timeout
  #isOver = false

  constructor(pid: number, bytesMax: number, onExcess: () => void) {
    this.#timer = setInterval(() => {
      void residentBytes(pid).then(bytes => {
        if (this.#isOver || bytes <= bytesMax) return
        this[Symbol.dispose]()
        onExcess()
      })
    }, LOOK_MS).unref()
  }

  [Symbol.dispose](): void {
    this.#isOver = true
    clearInterval(this.#timer)
  }
}

async function residentBytes(pid: number): Promise<number> {
  const statm = await readFile(`/proc/${pid}/statm`, 'utf8').catch(() => '')
  return Number(statm.split(' ')[1] ?? 0) * PAGE_BYTES
}
