/** One database of a soak: its writer's log as far as it was read, and what follows from it and from restores. */
import { closeSync, openSync, readSync, rmSync } from 'node:fs'
import { Timeline } from './soak-timeline.ts'

export type RestoreEvent =
  | { readonly kind: 'restoring'; readonly time: number; readonly key: string; readonly id: number }
  | { readonly kind: 'restored'; readonly time: number; readonly key: string; readonly isDone: boolean }

export class Subject {
  readonly timeline: Timeline = new Timeline()
  #log: string
  #fd: number
  #position = 0
  #rest = ''
  #told = 0
  #events: RestoreEvent[] = []
  /** Lines that are later than anything that we have been told of. */
  #ahead: string[] = []

  constructor(log: string) {
    this.#log = log
    this.#fd = openSync(log, 'a+')
  }

  /** Goes on with another log; the one that was read is of no more use. */
  continueWith(log: string, until: number): readonly string[] {
    const news = this.catchUp(until)
    closeSync(this.#fd)
    rmSync(this.#log)
    this.#log = log
    this.#fd = openSync(log, 'a+')
    this.#position = 0
    this.#rest = ''
    return news
  }

  add(event: RestoreEvent): void {
    this.#events.push(event)
  }

  /**
   * Takes in everything up to `until`, in the order in which it happened. What a log says of later may rest on a restore
   * that we have not been told of yet: the message is on its way, and we were busy.
   */
  catchUp(until: number): readonly string[] {
    const lines = [...this.#ahead, ...this.#newLines()]
    const later = lines.findIndex(line => timeOf(line) > until)
    this.#ahead = later === -1 ? [] : lines.splice(later)
    for (const line of lines) this.#take(line)
    this.#applyEvents(Infinity)
    const news = this.timeline.problems.slice(this.#told).map(problem => `${this.#log}: ${problem}`)
    this.#told = this.timeline.problems.length
    return news
  }

  #take(line: string): void {
    const [kind] = line.split(' ', 1)
    const [, time = 0, id = 0, commits = 0, parent = 0] = line.split(' ').map(Number)
    this.#applyEvents(time)
    if (kind === 'u') this.timeline.found(time, id, commits)
    if (kind === 'b') this.timeline.committing(time, id, commits, parent)
    if (kind === 'a') this.timeline.committed(time, id)
  }

  #newLines(): string[] {
    const bytes = Buffer.alloc(1 << 16)
    const lines: string[] = []
    for (;;) {
      const got = readSync(this.#fd, bytes, 0, bytes.length, this.#position)
      if (got === 0) return lines
      this.#position += got
      const parts = (this.#rest + bytes.toString('latin1', 0, got)).split('\n')
      this.#rest = parts.pop() ?? ''
      lines.push(...parts)
    }
  }

  #applyEvents(until: number): void {
    while ((this.#events[0]?.time ?? Infinity) <= until) {
      const event = this.#events.shift()
      if (event === undefined) return
      if (event.kind === 'restoring') this.timeline.restoring(event.time, event.key, event.id)
      else this.timeline.restored(event.time, event.key, event.isDone)
    }
  }
}

function timeOf(line: string): number {
  return Number(line.split(' ')[1])
}
