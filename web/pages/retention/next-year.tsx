import { keepPreviousData, useQuery, type UseQueryResult } from '@tanstack/react-query'
import { lazy, type ReactElement, Suspense, useMemo } from 'react'
import { simulateRetention } from '../../api/calls.ts'
import type { RetentionPolicy, RetentionSimulated } from '../../api/types.ts'
import { DataTable } from '../../parts/data-table.tsx'
import { Panel } from '../../parts/panel.tsx'
import { ScrollRegion } from '../../parts/scroll-region.tsx'
import { Loaded, Loading, Working } from '../../parts/states.tsx'
import { COUNT_STEPS, counted, formatBytes, formatCount } from '../../words/numbers.ts'
import { dayStart, formatLongDay } from '../../words/times.ts'
import { isOfFields, NotValid } from './not-valid.tsx'

const TimeChart = lazy(async () =>
  import('../../parts/time-chart.tsx').then(({ TimeChart: chart }) => ({ default: chart })),
)

const COLOURS = ['--accent', '--info', '--warn', '--bad', '--melon', '--muted']

/** What this policy would hold over the next year. */
export function useSimulation(database: string, policy: RetentionPolicy): UseQueryResult<RetentionSimulated> {
  return useQuery({
    queryKey: ['db', database, 'simulate', policy],
    queryFn: async () => simulateRetention(database, { policy, span: '1y', ahead: true }),
    placeholderData: keepPreviousData,
  })
}

/** What would be there on each day of the year to come. */
export function NextYear({ query }: { readonly query: UseQueryResult<RetentionSimulated> }): ReactElement {
  return (
    <Panel title="Over the next year" flush aside={query.isPlaceholderData && <Working />}>
      {isOfFields(query.error) ? (
        <NotValid />
      ) : (
        <Loaded query={query} what="the simulation">
          {simulated => <Year simulated={simulated} />}
        </Loaded>
      )}
    </Panel>
  )
}

function Year({ simulated }: { readonly simulated: RetentionSimulated }): ReactElement {
  const { days, leaving, backupBytes, sharedBytes } = simulated
  const types = useMemo(
    () => [...new Set(days.flatMap(({ counts }) => Object.keys(counts)))].toSorted(),
    [days],
  )
  const times = useMemo(() => days.map(({ date }) => dayStart(date)), [days])
  const series = useMemo(
    () =>
      types.map((type, index) => ({
        label: type,
        colour: COLOURS[index % COLOURS.length] ?? '--ink',
        values: days.map(({ counts }) => counts[type] ?? 0),
      })),
    [days, types],
  )
  const last = days.at(-1)
  const words = `In a year ${counted(last?.count ?? 0, 'backup')}${backupBytes === 0 ? '' : `, ${formatBytes(last?.sizeBytes ?? 0)}`}.`
  return (
    <>
      <div className="grid gap-3 p-4">
        <p role="status" className="text-sm">
          <strong>{words}</strong>{' '}
          <span className="text-muted">
            With a daily and a weekly backup, each{' '}
            {sharedBytes === 0 ? 'as large as the newest one' : 'adding as much as the newest one'}, from what
            is there today.
          </span>
        </p>
        <Suspense fallback={<Loading what="the chart" />}>
          <TimeChart
            label={`Backups by type over the next year. ${words}`}
            times={times}
            series={series}
            formatValue={formatCount}
            steps={COUNT_STEPS}
            isStepped
          />
        </Suspense>
        <p aria-hidden="true" className="flex flex-wrap gap-4 text-xs text-muted">
          {series.map(({ label, colour }) => (
            <span key={label} className="inline-flex items-center gap-1.5">
              <span className="h-0.5 w-4" style={{ background: `var(${colour})` }} /> {label}
            </span>
          ))}
        </p>
      </div>
      <Leaving leaving={leaving} />
      <Months days={days} types={types} />
    </>
  )
}

/** Which of today’s backups go, and when. */
function Leaving({ leaving }: { readonly leaving: RetentionSimulated['leaving'] }): ReactElement | null {
  if (leaving.length === 0) return null
  return (
    <details className="border-t border-line">
      <summary className="px-4 py-2 text-sm text-muted">
        {counted(leaving.length, 'backup')} of today {leaving.length === 1 ? 'goes' : 'go'} meanwhile
      </summary>
      <ScrollRegion label="Backups that go" className="max-h-80">
        <DataTable
          caption="Backups of today that go"
          rows={leaving}
          keyOf={({ filename }) => filename}
          columns={[
            {
              key: 'filename',
              header: 'Backup',
              part: 'lead',
              cell: ({ filename }) => <span className="break-all">{filename}</span>,
            },
            { key: 'type', header: 'Type', cell: ({ type }) => type },
            {
              key: 'date',
              header: 'Goes on',
              cell: ({ date }) => formatLongDay(new Date(`${date}T12:00:00`)),
            },
          ]}
        />
      </ScrollRegion>
    </details>
  )
}

/** The same as the chart, a line a month. */
function Months({
  days,
  types,
}: {
  readonly days: RetentionSimulated['days']
  readonly types: readonly string[]
}): ReactElement {
  const months = days.filter(({ date }, index) => date.endsWith('-01') || index === days.length - 1)
  return (
    <details className="border-t border-line">
      <summary className="px-4 py-2 text-sm text-muted">As a table</summary>
      <DataTable
        caption="Backups by type at the beginning of each month"
        rows={months}
        keyOf={({ date }) => date}
        columns={[
          {
            key: 'date',
            header: 'Day',
            part: 'lead',
            cell: ({ date }) => formatLongDay(new Date(`${date}T12:00:00`)),
          },
          ...types.map(type => ({
            key: type,
            header: type,
            numeric: true,
            cell: ({ counts }: RetentionSimulated['days'][number]) => formatCount(counts[type] ?? 0),
          })),
          { key: 'size', header: 'Size', numeric: true, cell: ({ sizeBytes }) => formatBytes(sizeBytes) },
        ]}
      />
    </details>
  )
}
