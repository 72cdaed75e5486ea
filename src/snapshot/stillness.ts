/** Whether anybody writes or replaces files that are read without a lock: seen by their times and places. */
import { fstatSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { isSameFile, openIfThere, type RawFile } from './source-files.ts'

/**
 * The longest step of the clock that file systems take times from: two writes within one may show the same time.
 * Linux before 6.13 takes it from the timer interrupt, every 1 to 10 ms.
 */
const CLOCK_STEP_MS = 20

/** What was opened at which path; null for what was not there. */
export type Opened = readonly (readonly [path: string, file: RawFile | null])[]

/**
 * Tells, as often as it is asked, whether nobody has written the files since this was called, nor put others in their
 * places. Resolves once a write would show: of files that were written just now, not at once.
 */
export async function watchForWrites(opened: Opened): Promise<() => boolean> {
  const files = opened.flatMap(([, file]) => file ?? [])
  const versions = (): string => files.map(file => file.version).join(' ')
  const before = versions()
  const waitMs = Math.max(...files.map(file => untilWritesShow(changedAtMs(file), Date.now())))
  if (waitMs > 0) await sleep(waitMs)
  return () => versions() === before && opened.every(isInPlace)
}

function isInPlace([path, file]: Opened[number]): boolean {
  using now = openIfThere(path)
  return now === null || file === null ? now === file : isSameFile(now.identity, file.identity)
}

/** For how many milliseconds a write could still get the time of the last change. Pure. */
export function untilWritesShow(changedMs: number, nowMs: number): number {
  // A clock that was set back may come by that time again; until it has gone one step it says nothing.
  return Math.min(CLOCK_STEP_MS, Math.max(0, changedMs + CLOCK_STEP_MS - nowMs))
}

function changedAtMs({ fd }: RawFile): number {
  return fstatSync(fd).ctimeMs
}
