import type { ReactElement } from 'react'
import { scanSensitive } from '../../api/calls.ts'
import type { JobResults } from '../../api/types.ts'
import { JobProgress } from '../../jobs/job-progress.tsx'
import { useJob } from '../../jobs/use-job.ts'
import { Badge } from '../../parts/badge.tsx'
import { Button } from '../../parts/button.tsx'
import { DataTable } from '../../parts/data-table.tsx'
import { Panel } from '../../parts/panel.tsx'
import { Empty } from '../../parts/states.tsx'
import { counted } from '../../words/numbers.ts'

/** Which columns an export would leave out by itself, and why. */
export function SensitiveScan({ database }: { readonly database: string }): ReactElement {
  const scanning = useJob<'scan'>(async () => scanSensitive(database))
  return (
    <Panel
      title="Sensitive columns"
      flush
      aside={
        <Button onClick={scanning.begin} disabled={scanning.isBusy}>
          {scanning.result === null ? 'Scan' : 'Scan again'}
        </Button>
      }
    >
      {scanning.result === null ? (
        <div className="grid gap-3 p-4 text-sm text-muted">
          <p>Names and contents of all columns are looked at. No value is shown.</p>
          <JobProgress job={scanning.job} error={scanning.error} onCancel={scanning.cancel} />
        </div>
      ) : (
        <Findings result={scanning.result} />
      )}
    </Panel>
  )
}

function Findings({
  result: { findings, tables, columns },
}: {
  readonly result: JobResults['scan']
}): ReactElement {
  const looked = `${counted(columns, 'column')} of ${counted(tables, 'table')} looked at`
  if (findings.length === 0) return <Empty title="Nothing sensitive was found">{looked}.</Empty>
  return (
    <>
      <p role="status" className="border-b border-line px-4 py-2 text-sm text-muted">
        {counted(findings.length, 'sensitive column')}; {looked}.
      </p>
      <DataTable
        caption="Sensitive columns"
        rows={findings}
        keyOf={({ table, column }) => `${table}.${column}`}
        columns={[
          {
            key: 'column',
            header: 'Column',
            part: 'lead',
            cell: ({ table, column }) => (
              <span className="wrap-anywhere">
                {table}.<wbr />
                {column}
              </span>
            ),
          },
          { key: 'why', header: 'Why', cell: ({ why }) => why },
          {
            key: 'confidence',
            header: 'How sure',
            cell: ({ confidence }) => (
              <Badge tone={confidence === 'certain' ? 'warn' : 'neutral'}>{confidence}</Badge>
            ),
          },
        ]}
      />
    </>
  )
}
