import type { Context } from './context.ts'
import type { Step } from './reports.ts'

/** Adds up what several copies that are made at once have sent. */
export class CopyProgress {
  readonly #context: Context
  readonly #step: Step
  readonly #done = new Map<string, number>()
  #totalBytes = 0

  constructor(context: Context, step: Step) {
    this.#context = context
    this.#step = step
  }

  /** A reporter of the bytes of one copy, which are `totalBytes` in the end. */
  add(copy: string, totalBytes: number): (doneBytes: number) => void {
    this.#totalBytes += totalBytes
    return doneBytes => {
      this.#done.set(copy, doneBytes)
      const done = this.#done.values().reduce((sum, bytes) => sum + bytes, 0)
      this.#context.onProgress({ step: this.#step, doneBytes: done, totalBytes: this.#totalBytes })
    }
  }
}
