import type { BackupInfo } from '../catalog/backup-info.ts'
import type { Context } from './context.ts'
import type { Step } from './reports.ts'

/** What copying a backup sends at most, as far as that is known: of one of pages what was new in it. */
export function copyBytes({ size, metadata }: Pick<BackupInfo, 'size' | 'metadata'>): number {
  return metadata?.added_bytes ?? size
}

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
      // Packs of backups before it may be lacking, too.
      this.#done.set(copy, Math.min(doneBytes, totalBytes))
      const done = this.#done.values().reduce((sum, bytes) => sum + bytes, 0)
      this.#context.onProgress({ step: this.#step, doneBytes: done, totalBytes: this.#totalBytes })
    }
  }
}
