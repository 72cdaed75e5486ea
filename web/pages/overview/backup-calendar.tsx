import { type ReactElement, useMemo } from 'react'
import type { DayView } from '../../api/types.ts'
import { counted } from '../../words/numbers.ts'
import { dayKey, formatLongDay } from '../../words/times.ts'
import { useNow } from '../../words/use-now.ts'
import { type CalendarDay, type CalendarMonth, calendarMonths, monthInWords } from './calendar.ts'

const LOOKS: Record<CalendarDay['state'], string> = {
  backup: 'bg-accent',
  damaged: 'bg-bad-solid',
  none: 'border border-line-mid bg-transparent',
  before: 'bg-sunken',
  after: 'bg-transparent',
}

/** The last year, a square a day. Whoever does not see squares gets a sentence a month. */
export function BackupCalendar({
  database,
  days,
}: {
  readonly database: string
  readonly days: readonly DayView[]
}): ReactElement {
  const today = dayKey(new Date(useNow()))
  const months = useMemo(() => calendarMonths(days, today), [days, today])
  return (
    <div>
      <div className="mb-2 flex flex-wrap items-baseline justify-between gap-x-6 gap-y-1">
        <h3>The last year</h3>
        <Legend />
      </div>
      <ul
        aria-label={`Backups of ${database} by month`}
        className="grid grid-cols-3 gap-x-4 gap-y-3 sm:grid-cols-4 md:grid-cols-6 xl:grid-cols-12"
      >
        {months.map(month => (
          <Month key={month.key} month={month} />
        ))}
      </ul>
    </div>
  )
}

function Month({ month }: { readonly month: CalendarMonth }): ReactElement {
  return (
    <li>
      <span className="sr-only">{monthInWords(month)}</span>
      <div aria-hidden="true">
        <p className="mb-1 text-xs text-muted">{month.name.slice(0, 3)}</p>
        <div className="grid max-w-28 grid-cols-7 gap-[3px]">
          {Array.from({ length: month.lead }, (_, index) => (
            <span key={`lead-${index}`} />
          ))}
          {month.days.map(day => (
            <span
              key={day.date}
              title={titleOf(day)}
              className={`aspect-square rounded-[2px] ${LOOKS[day.state]}`}
            />
          ))}
        </div>
      </div>
    </li>
  )
}

function titleOf({ date, backups, state }: CalendarDay): string | undefined {
  if (state === 'after') return undefined
  const day = formatLongDay(new Date(`${date}T12:00:00`))
  return `${day}: ${backups === 0 ? 'no backup' : counted(backups, 'backup')}${state === 'damaged' ? ', damaged' : ''}`
}

function Legend(): ReactElement {
  const entries: readonly [CalendarDay['state'], string][] = [
    ['backup', 'backup'],
    ['none', 'none'],
    ['damaged', 'damaged'],
  ]
  return (
    <p aria-hidden="true" className="flex gap-3 text-xs text-muted">
      {entries.map(([state, word]) => (
        <span key={state} className="inline-flex items-center gap-1.5">
          <span className={`size-2.5 rounded-[2px] ${LOOKS[state]}`} />
          {word}
        </span>
      ))}
    </p>
  )
}
