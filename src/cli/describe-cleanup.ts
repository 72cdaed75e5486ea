import type { BackupDecision, BackupInfo, BackupsCleanedUp, TargetCleanup } from '../index.ts'
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

type Place = Omit<TargetCleanup, 'status' | 'target' | 'failure'>

export function describeCleanup(cleaned: BackupsCleanedUp, view: CleanupView): string {
  const { dryRun, targets } = cleaned
  const isHere = targets.length === 0 || cleaned.kept.length + cleaned.deleted.length > 0
  return [
    ...(isHere ? [describePlace(cleaned, { ...view, dryRun })] : []),
    ...targets.map(target => describeTarget(target, { ...view, dryRun })),
  ].join('\n\n')
}

interface PlaceView extends CleanupView {
  readonly dryRun: boolean
}

function describeTarget(cleaned: TargetCleanup, view: PlaceView): string {
  const { target, status, failure, problem } = cleaned
  const { paint } = view
  const title = paint('bold', `At the target ${safeText(target)}:`)
  if (status === 'skipped') return `${title} nothing is deleted, because ${safeText(problem ?? '')}.`
  if (failure === null) return `${title}\n${describePlace(cleaned, view)}`
  return `${title} ${paint('red', '✘ Not cleaned up:')} ${safeText(failure.message)}`
}

function describePlace(cleaned: Place, view: PlaceView): string {
  const { paint, dryRun } = view
  const { deleted, kept, failed, finished, problem, left, packs } = cleaned
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
      summary(cleaned, view),
    ].join('\n'),
  ].join('\n\n')
}

function summary({ deleted, freedBytes }: Place, { dryRun, paint }: PlaceView): string {
  const what = `${plural(deleted.length, 'backup')}, ${bytes(freedBytes)}`
  if (deleted.length === 0 && freedBytes > 0)
    return `Nothing was deleted. Given back in blocks/, of what no backup needs: ${bytes(freedBytes)}`
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
      { title: 'Why', value: ({ why }) => safeText(why), shrinkTo: 20, wraps: true },
    ],
    decisions,
    { width: width - 2, paintTitle: text => paint('dim', text) },
  )
  const heading = paint('bold', `${title} ${plural(decisions.length, 'backup')}`)
  return [heading, ...table.split('\n').map(line => `  ${line}`)].join('\n')
}

/** What was deleted, or would be, at a target with its name in front; and what went wrong. */
export function describeCleanupQuietly({ targets, ...here }: BackupsCleanedUp): string {
  return [
    ...quietLines(here, ({ filename }) => filename),
    ...targets.flatMap(target => [
      ...(target.failure === null ? [] : [`Not cleaned up: ${safeText(target.failure.message)}`]),
      ...(target.status === 'skipped' ? [] : quietLines(target, ({ path }) => path)),
    ]),
  ].join('\n')
}

function quietLines({ deleted, failed, problem }: Place, nameOf: (backup: BackupInfo) => string): string[] {
  return [
    ...deleted.map(({ backup }) => safeText(nameOf(backup))),
    ...failed.map(({ backup, message }) => `Not deleted: ${safeText(nameOf(backup))}: ${safeText(message)}`),
    ...(problem === null ? [] : [`Nothing may be deleted: ${safeText(problem)}`]),
  ]
}
