import type { Progress, Step } from '../index.ts'
import { cutText } from './text.ts'
import { bytes, duration, plural } from './units.ts'

/** What each step is called while one waits for it. */
const WORDS: Readonly<Record<Step, string>> = {
  'find-database': 'Looking at the database',
  'prepare-directories': 'Preparing the backup directory',
  'lock-catalog': 'Waiting for other operations',
  'remove-leftovers': 'Removing what an interrupted run left',
  'copy-image': 'Copying the database',
  'sync-image': 'Writing to disk',
  'check-image': 'Checking the backup',
  'publish-image': 'Storing the backup',
  'write-metadata': 'Writing metadata',
  'find-backup': 'Looking for the backup',
  'verify-backup': 'Verifying the backup',
  'inspect-target': 'Looking at what would be overwritten',
  'check-space': 'Checking free space',
  'pre-restore-backup': 'Backing up what is there now',
  'stage-image': 'Preparing the restore',
  'remove-side-files': 'Removing stale side files',
  'replace-target': 'Replacing the database',
  'apply-image': 'Restoring the database',
  'compare-target': 'Comparing with the backup',
  'settle-target': 'Restoring settings',
  'roll-back': 'Rolling back',
  'open-source': 'Opening the database',
  'find-sensitive': 'Looking for sensitive columns',
  'write-rows': 'Exporting',
  'publish-export': 'Writing to disk',
  'find-export': 'Looking for the export',
  'import-rows': 'Importing',
  'check-import': 'Checking the new database',
  'publish-import': 'Putting the new database in its place',
  'finish-deletions': 'Finishing what an interrupted run began',
  'mark-deleted': 'Deleting',
  'delete-image': 'Deleting',
  'delete-metadata': 'Deleting',
  'decide-retention': 'Deciding what may go',
  'check-restored': 'Checking the restored database',
  'remove-scratch': 'Removing the restored database',
  'read-backup': 'Looking inside the backup',
  'compare-rows': 'Comparing',
}

/** Operations that end sooner show no bar at all: a flash is noise. */
const FIRST_PAINT_MS = 200
/** Ten times a second is smooth to the eye and costs nothing. */
const REPAINT_MS = 100
/** Below this a rate is a guess. */
const RATE_AFTER_MS = 500
const BAR_WIDTH = 20
const CLEAR_LINE = '\r\u001b[K'

export interface ProgressBar extends Disposable {
  readonly report: (progress: Progress) => void
  /** The operation was told to end, which takes as long as its cleaning up. */
  readonly announceCancelling: () => void
}

/** Shows progress on the last line of `stream`, a terminal, and takes it away again when disposed. */
export function openProgressBar(stream: NodeJS.WriteStream): ProgressBar {
  let latest: Progress | undefined
  let stepStartedAt = 0
  let isPainted = false
  let dueAt = performance.now() + FIRST_PAINT_MS
  const paint = (): void => {
    const now = performance.now()
    if (latest === undefined || now < dueAt) return
    dueAt = now + REPAINT_MS
    isPainted = true
    // One column stays free: a full line makes some terminals wrap, and the next paint would add a line.
    stream.write(CLEAR_LINE + progressLine(latest, now - stepStartedAt, (stream.columns || 80) - 1))
  }
  const clear = (): void => {
    if (isPainted) stream.write(CLEAR_LINE)
    isPainted = false
  }
  // A step that waits, say for a lock, reports only once; it must be seen all the same.
  const timer = setInterval(paint, REPAINT_MS).unref()
  return {
    report(progress) {
      if (progress.step !== latest?.step) stepStartedAt = performance.now()
      latest = progress
      paint()
    },
    announceCancelling() {
      clear()
      clearInterval(timer)
      dueAt = Infinity
      stream.write('Cancelling; press Ctrl-C again to stop at once.\n')
    },
    [Symbol.dispose]() {
      clearInterval(timer)
      clear()
    },
  }
}

/** "Copying the database  ██████░░░░  61%  612 MiB of 1 GiB  540 MiB/s  1.2 s left", as much as fits. */
export function progressLine(progress: Progress, elapsedMs: number, width: number): string {
  const words = WORDS[progress.step]
  const { doneBytes, totalBytes = 0, doneRows } = progress
  if (doneBytes !== undefined && totalBytes > 0)
    return fitParts(words, shareOf(doneBytes, totalBytes, elapsedMs), width)
  if (doneBytes === undefined || doneRows === undefined) return cutText(`${words} …`, width)
  const rate = elapsedMs >= RATE_AFTER_MS && doneBytes > 0 ? [rateOf(doneBytes, elapsedMs)] : []
  return fitParts(`${words} … ${plural(doneRows, 'row')}`, [bytes(doneBytes), ...rate], width)
}

/** Of what has an end: how far it is. */
function shareOf(doneBytes: number, totalBytes: number, elapsedMs: number): string[] {
  const share = Math.min(1, doneBytes / totalBytes)
  const full = Math.round(share * BAR_WIDTH)
  const parts = [
    '█'.repeat(full) + '░'.repeat(BAR_WIDTH - full),
    `${String(Math.floor(share * 100)).padStart(3)}%`,
    `${bytes(doneBytes)} of ${bytes(totalBytes)}`,
  ]
  if (elapsedMs < RATE_AFTER_MS || doneBytes === 0) return parts
  const leftMs = (Math.max(0, totalBytes - doneBytes) / doneBytes) * elapsedMs
  return [...parts, rateOf(doneBytes, elapsedMs), `${duration(leftMs)} left`]
}

function rateOf(doneBytes: number, elapsedMs: number): string {
  return `${bytes((doneBytes / elapsedMs) * 1000)}/s`
}

function fitParts(words: string, parts: readonly string[], width: number): string {
  let line = words
  for (const part of parts) {
    if (line.length + 2 + part.length <= width) line = `${line}  ${part}`
  }
  return cutText(line, width)
}
