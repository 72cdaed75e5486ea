import { type ReactElement, useEffect, useRef, useState } from 'react'
import { compareBackups } from '../../api/calls.ts'
import type { BackupsCompared, Cell, ComparedRow } from '../../api/types.ts'
import { JobProgress } from '../../jobs/job-progress.tsx'
import { useJob } from '../../jobs/use-job.ts'
import { Badge, type Tone } from '../../parts/badge.tsx'
import { SwitchField } from '../../parts/field.tsx'
import { Pager } from '../../parts/pager.tsx'
import { Panel } from '../../parts/panel.tsx'
import { Empty } from '../../parts/states.tsx'
import { useMay } from '../../session/permissions.ts'
import { CellValue } from '../../words/cells.tsx'
import { MaskedNote } from '../look/masked-note.tsx'
import { type Asked, turn } from './orientation.ts'

const PAGE_SIZE = 50

/** The rows of one table that differ, cell by cell. */
export function TableDifferences({
  database,
  asked,
  table,
}: {
  readonly database: string
  readonly asked: Asked
  readonly table: string
}): ReactElement {
  const [offset, setOffset] = useState(0)
  const [reveal, setReveal] = useState(false)
  const maySeeSensitive = useMay('see-sensitive')
  const { from, to, isTurned } = asked
  const reading = useJob<'compare'>(async () =>
    compareBackups(database, { from, to, table, offset, limit: PAGE_SIZE, ...(reveal ? { reveal } : {}) }),
  )
  const begun = useRef('')
  const { begin } = reading
  useEffect(() => {
    const page = `${offset} ${reveal}`
    if (begun.current === page) return
    begun.current = page
    begin()
  }, [begin, offset, reveal])
  // It stands below all tables, where nobody sees it who has asked for it further up.
  const place = useRef<HTMLDivElement>(null)
  useEffect(() => place.current?.focus(), [])
  const found = reading.result === null ? null : (isTurned ? turn(reading.result) : reading.result).rows
  return (
    <div ref={place} tabIndex={-1} className="min-w-0 scroll-mt-20 outline-none">
      <Panel
        title={<span className="break-all">Rows of {table}</span>}
        flush
        aside={
          maySeeSensitive ? (
            <SwitchField label="Show sensitive values" checked={reveal} onChange={setReveal} />
          ) : undefined
        }
      >
        {(reading.isBusy || reading.error !== null) && (
          <div className="p-4">
            <JobProgress job={reading.job} error={reading.error} onCancel={reading.cancel} />
          </div>
        )}
        {found !== null && (
          <>
            <MaskedNote masked={found.masked} />
            {found.rows.length === 0 ? (
              <Empty title="No row differs" />
            ) : (
              <DifferenceList found={found} firstRow={offset + 1} />
            )}
            <Pager
              offset={offset}
              shown={found.rows.length}
              total={null}
              pageSize={PAGE_SIZE}
              hasMore={found.hasMore}
              onOffset={setOffset}
            />
          </>
        )}
      </Panel>
    </div>
  )
}

type Found = NonNullable<BackupsCompared['rows']>

const TONES: Record<ComparedRow['change'], Tone> = { added: 'good', removed: 'bad', changed: 'warn' }

function DifferenceList({
  found,
  firstRow,
}: {
  readonly found: Found
  readonly firstRow: number
}): ReactElement {
  return (
    <ol className="divide-y divide-line" start={firstRow}>
      {found.rows.map((row, index) => (
        <li
          key={firstRow + index}
          className="grid gap-2 px-4 py-3 text-sm sm:grid-cols-[5.5rem_minmax(0,1fr)]"
        >
          <div>
            <Badge tone={TONES[row.change]}>{row.change}</Badge>
          </div>
          <dl className="grid gap-x-5 gap-y-2 sm:grid-cols-2 xl:grid-cols-3">
            {found.columns.map((column, place) => (
              <CellDifference key={column} column={column} row={row} place={place} />
            ))}
          </dl>
        </li>
      ))}
    </ol>
  )
}

function CellDifference({
  column,
  row: { before, after, changedColumns },
  place,
}: {
  readonly column: string
  readonly row: ComparedRow
  readonly place: number
}): ReactElement {
  const isChanged = changedColumns.includes(column)
  const cellOf = (cells: readonly Cell[] | null): Cell => cells?.[place] ?? null
  return (
    <div className="min-w-0">
      <dt className={isChanged ? 'text-xs font-semibold text-warn' : 'text-xs text-muted'}>{column}</dt>
      <dd className="font-mono text-xs [overflow-wrap:anywhere]">
        {isChanged ? (
          <>
            <del className="rounded bg-bad-soft px-1 text-bad">
              <span className="sr-only">before: </span>
              <CellValue cell={cellOf(before)} />
            </del>{' '}
            <ins className="rounded bg-good-soft px-1 text-good no-underline">
              <span className="sr-only">after: </span>
              <CellValue cell={cellOf(after)} />
            </ins>
          </>
        ) : (
          <CellValue cell={cellOf(after ?? before)} />
        )}
      </dd>
    </div>
  )
}
