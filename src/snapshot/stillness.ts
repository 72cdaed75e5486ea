/** Whether anybody writes files that are read without a lock: seen by their times. */
import { fstatSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { RawFile } from './source-files.ts'

/**
 * The longest step of the clock that file systems take times from: two writes within one may show the same time.
 * Linux before 6.13 takes it from the timer interrupt, every 1 to 10 ms.
 */
const CLOCK_STEP_MS = 20

/**
 * Tells, as often as it is asked, whether nobody has written the files since this was called. Resolves once a write
 * would show: of files that were written just now, not at once.
 */
export async function watchForWrites(files: readonly (RawFile | null)[]): Promise<() => boolean> {
  const versions = (): string => files.map(file => file?.version).join(' ')
  const before = versions()
  const waitMs = Math.max(
    0,
    ...files.map(file => (file === null ? 0 : untilWritesShow(changedAtMs(file), Date.now()))),
  )
  if (waitMs > 0) await sleep(waitMs)
  return () => versions() === before
}

/** For how many milliseconds a write could still get the time of the last change. Pure. */
export function untilWritesShow(changedMs: number, nowMs: number): number {
  // A clock that was set back may come by that time again; until it has gone one step it says nothing.
  return Math.min(CLOCK_STEP_MS, Math.max(0, changedMs + CLOCK_STEP_MS - nowMs))
}

function changedAtMs({ fd }: RawFile): number {
  return fstatSync(fd).ctimeMs
}
