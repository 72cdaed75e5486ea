/** What the server does when nobody has asked it anything for a while: it gives back what it holds for those who ask again. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** A little longer than a list that was read is believed: nobody would be given it any more. */
const AFTER_MS = 35_000
/** Files that are watched, and what their watchers hold, are let go of a little later. */
const SETTLED_MS = 1000

export class Rest implements Disposable {
  readonly #timer: NodeJS.Timeout

  /** @param begin lets go of what can be read again */
  constructor(begin: () => void, afterMs: number = AFTER_MS) {
    this.#timer = setTimeout(() => {
      begin()
      setTimeout(collectGarbage, SETTLED_MS).unref()
    }, afterMs).unref()
  }

  /** Somebody was answered: the while begins anew. */
  disturb(): void {
    this.#timer.refresh()
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer)
  }
}

/**
 * V8 does this when a program wants more memory, and this one wants none now: what 10,000 backups leave behind, some 25 MB,
 * would stay until somebody asks again. It takes some 50 ms.
 */
function collectGarbage(): void {
  // Contexts made before do not see it; nothing else offers it to a program that was started without a flag.
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as (options: object) => void
  // The flavor that also gives pages back which are half empty.
  collect({ type: 'major', flavor: 'last-resort' })
}
