import { lazy, type ReactElement, Suspense, useMemo } from 'react'
import type { DayView } from '../../api/types.ts'
import { DataTable } from '../../parts/data-table.tsx'
import { ScrollRegion } from '../../parts/scroll-region.tsx'
import { Loading } from '../../parts/states.tsx'
import { BYTE_STEPS, formatBytes, formatCount } from '../../words/numbers.ts'
import { dayStart, formatLongDay } from '../../words/times.ts'

const TimeChart = lazy(async () =>
  import('../../parts/time-chart.tsx').then(({ TimeChart: chart }) => ({ default: chart })),
)

/** How large the database was, day by day, as its backups tell: drawn, and as a table. */
export function SizeHistory({
  database,
  days,
}: {
  readonly database: string
  readonly days: readonly DayView[]
}): ReactElement {
  const known = useMemo(() => days.filter(({ imageBytes }) => imageBytes !== null), [days])
  const times = useMemo(() => known.map(({ date }) => dayStart(date)), [known])
  const series = useMemo(
    () => [{ label: 'Size', colour: '--accent', values: known.map(({ imageBytes }) => imageBytes) }],
    [known],
  )
  const first = known[0]?.imageBytes ?? 0
  const last = known.at(-1)?.imageBytes ?? 0
  return (
    <div className="min-w-0">
      <h3 className="mb-2">Size over time</h3>
      {known.length < 2 ? (
        <p className="text-sm text-muted">
          Two days of backups make a line. There {known.length === 1 ? 'is one' : 'are none'} so far.
        </p>
      ) : (
        <>
          <Suspense fallback={<Loading what="the chart" />}>
            <TimeChart
              label={`Size of ${database}: from ${formatBytes(first)} to ${formatBytes(last)} on ${formatCount(known.length)} days. The table below has the values.`}
              times={times}
              series={series}
              formatValue={formatBytes}
              steps={BYTE_STEPS}
            />
          </Suspense>
          <details className="mt-1 text-sm">
            <summary className="text-muted">As a table</summary>
            <ScrollRegion label={`Size of ${database} by day`} className="mt-2 max-h-64">
              <DataTable
                caption={`Size of ${database} by day`}
                rows={known.toReversed()}
                keyOf={({ date }) => date}
                columns={[
                  {
                    key: 'date',
                    header: 'Day',
                    part: 'lead',
                    cell: ({ date }) => formatLongDay(new Date(`${date}T12:00:00`)),
                  },
                  {
                    key: 'size',
                    header: 'Database',
                    numeric: true,
                    cell: day => formatBytes(day.imageBytes ?? 0),
                  },
                  { key: 'stored', header: 'Stored', numeric: true, cell: day => formatBytes(day.sizeBytes) },
                  { key: 'backups', header: 'Backups', numeric: true, cell: day => formatCount(day.backups) },
                ]}
              />
            </ScrollRegion>
          </details>
        </>
      )}
    </div>
  )
}
