import type { BackupDecision, BackupsCleanedUp } from '../index.ts'
import { ageOf } from './describe-backup.ts'
import type { Paint } from './output.ts'
import { renderTable } from './table.ts'
import { safeText } from './text.ts'
import { bytes, plural } from './units.ts'

export interface CleanupView {
  readonly now: Date
  readonly width: number
  readonly paint: Paint
}

export function describeCleanup(cleaned: BackupsCleanedUp, view: CleanupView): string {
  const { paint } = view
  const { dryRun, deleted, kept, failed, finished, problem, left, packs } = cleaned
  const warn = (text: string): string => `${paint('yellow', 'Note:')} ${text}`
  return [
    ...(deleted.length === 0 ? [] : [section(dryRun ? 'Would delete' : 'Deleted', deleted, view)]),
    ...(kept.length === 0 ? [] : [section(dryRun ? 'Would keep' : 'Kept', kept, view)]),
    [
      ...failed.map(
        ({ backup, message }) =>
          `${paint('red', '✘ Not deleted:')} ${safeText(backup.filename)}: ${safeText(message)}`,
      ),
      ...(problem === null
        ? []
        : [`${paint(['red', 'bold'], '✘ Nothing may be deleted:')} ${safeText(problem)}.`]),
      ...finished.map(name => warn(`a killed run had begun to delete ${safeText(name)}; it is gone now.`)),
      ...(packs === null || packs.problem === null
        ? []
        : [warn(`not all space in blocks/ was given back: ${safeText(packs.problem)}`)]),
      ...(left === 0
        ? []
        : [warn(`${left} more may go; a run deletes so many at most (--max-deletions), the oldest first.`)]),
      summary(cleaned, paint),
    ].join('\n'),
  ].join('\n\n')
}

function summary({ dryRun, deleted, freedBytes }: BackupsCleanedUp, paint: Paint): string {
  const what = `${plural(deleted.length, 'backup')}, ${bytes(freedBytes)}`
  if (deleted.length === 0) return dryRun ? 'Nothing would be deleted.' : 'Nothing was deleted.'
  return dryRun
    ? `Nothing was deleted. To delete ${what}: the same with --confirm`
    : `${paint('green', '✔ Deleted:')} ${what}`
}

function section(
  title: string,
  decisions: readonly BackupDecision[],
  { now, width, paint }: CleanupView,
): string {
  const table = renderTable<BackupDecision>(
    [
      { title: 'File', value: ({ backup }) => safeText(backup.filename) },
      { title: 'Age', value: ({ backup }) => ageOf(backup, now), drop: 1 },
      { title: 'Size', value: ({ backup }) => bytes(backup.size), align: 'right', drop: 2 },
      { title: 'Why', value: ({ why }) => safeText(why), shrinkTo: 20 },
    ],
    decisions,
    { width: width - 2, paintTitle: text => paint('dim', text) },
  )
  const heading = paint('bold', `${title} ${plural(decisions.length, 'backup')}`)
  return [heading, ...table.split('\n').map(line => `  ${line}`)].join('\n')
}

/** What was deleted, or would be; and what went wrong. */
export function describeCleanupQuietly({ deleted, failed, problem }: BackupsCleanedUp): string {
  return [
    ...deleted.map(({ backup }) => safeText(backup.filename)),
    ...failed.map(({ backup, message }) => `Not deleted: ${safeText(backup.filename)}: ${safeText(message)}`),
    ...(problem === null ? [] : [`Nothing may be deleted: ${safeText(problem)}`]),
  ].join('\n')
}
