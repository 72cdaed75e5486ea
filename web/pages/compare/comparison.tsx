import { type ReactElement, useState } from 'react'
import { compareBackups } from '../../api/calls.ts'
import type { BackupsCompared, ComparedTable } from '../../api/types.ts'
import { JobProgress } from '../../jobs/job-progress.tsx'
import { useJobAtOnce } from '../../jobs/use-job.ts'
import { Badge } from '../../parts/badge.tsx'
import { Button } from '../../parts/button.tsx'
import { DataTable } from '../../parts/data-table.tsx'
import { Panel } from '../../parts/panel.tsx'
import { Empty, Notice } from '../../parts/states.tsx'
import { counted, formatCount } from '../../words/numbers.ts'
import { formatInstant, formatSpan } from '../../words/times.ts'
import { ask, turn } from './orientation.ts'
import { TableDifferences } from './table-differences.tsx'

/** Compares two sides as soon as it is shown; null is the live database. */
export function Comparison({
  database,
  from,
  to,
}: {
  readonly database: string
  readonly from: string | null
  readonly to: string | null
}): ReactElement {
  const asked = ask(from, to)
  const comparing = useJobAtOnce<'compare'>(async () =>
    compareBackups(database, { from: asked.from, to: asked.to }),
  )
  const [table, setTable] = useState<string | null>(null)
  const compared =
    comparing.result === null ? null : asked.isTurned ? turn(comparing.result) : comparing.result
  return (
    <div className="grid gap-5">
      <JobProgress job={comparing.job} error={comparing.error} onCancel={comparing.cancel} />
      {compared !== null && <Differences compared={compared} chosen={table} onChoose={setTable} />}
      {compared !== null && table !== null && (
        <TableDifferences key={table} database={database} asked={asked} table={table} />
      )}
    </div>
  )
}

function sideInWords(side: BackupsCompared['from']): string {
  return side.backup === null ? 'the live database' : `the backup of ${formatInstant(side.backup.created)}`
}

function Differences({
  compared,
  chosen,
  onChoose,
}: {
  readonly compared: BackupsCompared
  readonly chosen: string | null
  readonly onChoose: (table: string) => void
}): ReactElement {
  const sides = `From ${sideInWords(compared.from)} to ${sideInWords(compared.to)}`
  if (compared.status === 'equal') {
    return (
      <Notice tone="good">
        <p role="status" className="font-semibold">
          No difference.
        </p>
        <p>{sides}: no row and nothing of the schema differs.</p>
      </Notice>
    )
  }
  const different = compared.tables.filter(isDifferent)
  return (
    <Panel
      title="Differences by table"
      flush
      aside={
        <span role="status" className="text-sm text-muted">
          {counted(different.length, 'table')} of {formatCount(compared.tables.length)} differ, in{' '}
          {formatSpan(compared.durationMs)}
        </span>
      }
    >
      <p className="border-b border-line px-4 py-2 text-sm text-muted">{sides}.</p>
      {different.length === 0 ? (
        <Empty title="No row differs" />
      ) : (
        <TableCounts tables={different} chosen={chosen} onChoose={onChoose} />
      )}
      {compared.objects.length > 0 && (
        <ul className="grid gap-1 border-t border-line px-4 py-3 text-sm">
          {compared.objects.map(({ type, name, change }) => (
            <li key={`${type} ${name}`}>
              <Badge tone="info">{change}</Badge> {type} <span className="break-all">{name}</span>
            </li>
          ))}
        </ul>
      )}
    </Panel>
  )
}

/** Whether anything about the table is not the same on both sides. */
function isDifferent({ status, added, removed, changed, columns }: ComparedTable): boolean {
  const changes = columns.added.length + columns.removed.length + columns.changed.length
  return status !== 'compared' || added + removed + changed + changes > 0
}

function TableCounts({
  tables,
  chosen,
  onChoose,
}: {
  readonly tables: readonly ComparedTable[]
  readonly chosen: string | null
  readonly onChoose: (table: string) => void
}): ReactElement {
  return (
    <DataTable
      caption="Differences by table"
      rows={tables}
      keyOf={({ name }) => name}
      columns={[
        { key: 'name', header: 'Table', part: 'lead', cell: table => <Name table={table} /> },
        {
          key: 'added',
          header: 'Added',
          numeric: true,
          cell: ({ added }) => <Count count={added} sign="+" tone="text-good" />,
        },
        {
          key: 'removed',
          header: 'Removed',
          numeric: true,
          cell: ({ removed }) => <Count count={removed} sign="−" tone="text-bad" />,
        },
        {
          key: 'changed',
          header: 'Changed',
          numeric: true,
          cell: ({ changed }) => <Count count={changed} sign="~" tone="text-warn" />,
        },
        {
          key: 'unchanged',
          header: 'Unchanged',
          numeric: true,
          cell: ({ unchanged }) => formatCount(unchanged),
        },
        {
          key: 'rows',
          header: 'Rows',
          part: 'actions',
          cell: ({ name, status }) =>
            status === 'not-compared' ? null : (
              <Button
                aria-pressed={name === chosen}
                aria-label={`Rows of ${name}`}
                onClick={() => onChoose(name)}
              >
                Rows
              </Button>
            ),
        },
      ]}
    />
  )
}

function Name({
  table: { name, status, why, matchedBy, columns },
}: {
  readonly table: ComparedTable
}): ReactElement {
  const notes = [
    status === 'added' && 'the whole table is new',
    status === 'removed' && 'the whole table is gone',
    why,
    matchedBy === 'whole row' && 'rows have no key: a changed one counts as removed and added',
    columns.added.length > 0 && `new columns: ${columns.added.join(', ')}`,
    columns.removed.length > 0 && `columns gone: ${columns.removed.join(', ')}`,
    columns.changed.length > 0 && `columns declared otherwise: ${columns.changed.join(', ')}`,
  ].filter(note => typeof note === 'string')
  return (
    <>
      <span className="font-medium break-all">{name}</span>
      {notes.length > 0 && <span className="block text-xs font-normal text-muted">{notes.join('; ')}</span>}
    </>
  )
}

function Count({
  count,
  sign,
  tone,
}: {
  readonly count: number
  readonly sign: string
  readonly tone: string
}): ReactElement {
  if (count === 0) return <span className="text-muted">0</span>
  return (
    <span className={`font-semibold ${tone}`}>
      {sign}
      {formatCount(count)}
    </span>
  )
}
