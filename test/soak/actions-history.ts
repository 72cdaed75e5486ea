/**
 * What the actor of the action fuzzer notes of the states that its database goes through. Each has a number
 * that grows, which is also the database's `user_version`; so an image says which state it is. A number that
 * is missing here was rolled back: nobody may ever see it.
 *
 * A line is written before a state can be seen and after it was acknowledged, each in one `write`.
 */
import { closeSync, openSync, readSync, writeSync } from 'node:fs'

export interface State {
  readonly mark: number
  /** `empty`: a database without a schema; `unmarked`: a new ledger, whose `user_version` is still 0. */
  readonly kind: 'absent' | 'empty' | 'unmarked' | 'ledger'
  readonly commits: number
  /** Rows of the tables beside the ledger's. */
  readonly others: Readonly<Record<string, number>>
}

type Line =
  | { readonly begin: State }
  | { readonly done: number }
  | { readonly action: string; readonly outcome: 'done' | 'busy' }

export class HistoryWriter {
  readonly #fd: number

  constructor(path: string) {
    this.#fd = openSync(path, 'a')
  }

  note(line: Line): void {
    writeSync(this.#fd, `${JSON.stringify(line)}\n`)
  }
}

/** The history as far as it was read; {@link read} goes on from there. */
export class History {
  readonly #fd: number
  #position = 0
  #rest = ''
  readonly #begun: State[] = []
  /** The newest state that was acknowledged. */
  acknowledged = 0
  /** How many states there were. */
  states = 0
  /** How often each action was done; one that the database was too busy for counts as none. */
  readonly actions: Record<string, number> = {}

  constructor(path: string) {
    this.#fd = openSync(path, 'a+')
  }

  read(): this {
    const bytes = Buffer.alloc(1 << 16)
    for (;;) {
      const got = readSync(this.#fd, bytes, 0, bytes.length, this.#position)
      if (got === 0) return this
      this.#position += got
      const lines = (this.#rest + bytes.toString('latin1', 0, got)).split('\n')
      this.#rest = lines.pop() ?? ''
      for (const line of lines) this.#add(JSON.parse(line) as Line)
    }
  }

  /** Every state that may have been the database's at some instant since `acknowledged` was the newest. */
  since(acknowledged: number): State[] {
    const newer = this.#begun.findLastIndex(({ mark }) => mark < acknowledged) + 1
    return this.#begun.slice(newer)
  }

  close(): void {
    closeSync(this.#fd)
  }

  #add(line: Line): void {
    if ('begin' in line) this.#begun.push(line.begin)
    else if ('done' in line) {
      this.acknowledged = line.done
      this.states++
    } else {
      this.actions[line.action] = (this.actions[line.action] ?? 0) + (line.outcome === 'done' ? 1 : 0)
    }
  }
}
