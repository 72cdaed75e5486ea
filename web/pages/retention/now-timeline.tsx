import type { ReactElement } from 'react'
import type { BackupDecision } from '../../api/types.ts'
import { cx } from '../../parts/class-names.ts'
import { formatDay, formatInstant } from '../../words/times.ts'
import { spanOf } from './span-of.ts'

interface Mark {
  readonly decision: BackupDecision
  readonly isKept: boolean
}

/**
 * Every backup on a line of time, a line a type: what is kept and what goes. A drawing of the table below it,
 * so it is hidden from who cannot see it.
 */
export function NowTimeline({
  kept,
  deleted,
}: {
  readonly kept: readonly BackupDecision[]
  readonly deleted: readonly BackupDecision[]
}): ReactElement {
  const marks: readonly Mark[] = [
    ...kept.map(decision => ({ decision, isKept: true })),
    ...deleted.map(decision => ({ decision, isKept: false })),
  ]
  const { first, last } = spanOf(marks.map(({ decision }) => Date.parse(decision.backup.created)))
  const placeOf = ({ decision }: Mark): number =>
    last === first ? 100 : ((Date.parse(decision.backup.created) - first) / (last - first)) * 100
  const byType = Map.groupBy(marks, ({ decision }) => decision.backup.type)
  return (
    <div aria-hidden="true" className="grid gap-2 text-xs">
      {[...byType].map(([type, list]) => (
        <div key={type} className="grid grid-cols-[5.5rem_minmax(0,1fr)] items-center gap-3">
          <span className="truncate text-muted">{type}</span>
          <div className="relative mx-1 h-5">
            <div className="absolute inset-x-0 top-1/2 h-px bg-line" />
            {list.map(mark => (
              <span
                key={mark.decision.backup.path}
                title={`${formatInstant(mark.decision.backup.created)}: ${mark.isKept ? 'kept' : 'deleted'}, ${mark.decision.why}`}
                className={cx(
                  'absolute top-1/2 h-4 w-1.5 -translate-x-1/2 -translate-y-1/2 rounded-sm',
                  mark.isKept ? 'bg-accent' : 'border border-bad bg-bad-soft',
                )}
                style={{ left: `${placeOf(mark)}%` }}
              />
            ))}
          </div>
        </div>
      ))}
      <div className="grid grid-cols-[5.5rem_minmax(0,1fr)] gap-3 text-muted">
        <span />
        <span className="flex justify-between">
          <span>{formatDay(new Date(first))}</span>
          <span>{formatDay(new Date(last))}</span>
        </span>
      </div>
      <p className="flex gap-4 text-muted">
        <span className="inline-flex items-center gap-1.5">
          <span className="h-3 w-1.5 rounded-sm bg-accent" /> kept
        </span>
        <span className="inline-flex items-center gap-1.5">
          <span className="h-3 w-1.5 rounded-sm border border-bad bg-bad-soft" /> deleted
        </span>
      </p>
    </div>
  )
}
