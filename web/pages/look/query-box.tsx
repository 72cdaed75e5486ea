import { useMutation } from '@tanstack/react-query'
import { type ReactElement, useState } from 'react'
import { queryBackup } from '../../api/calls.ts'
import type { BackupQueried } from '../../api/types.ts'
import { Button } from '../../parts/button.tsx'
import { SwitchField, TextArea } from '../../parts/field.tsx'
import { Panel } from '../../parts/panel.tsx'
import { Empty, ProblemNote } from '../../parts/states.tsx'
import { useMay } from '../../session/permissions.ts'
import { counted } from '../../words/numbers.ts'
import { formatSpan } from '../../words/times.ts'
import { CellGrid } from './cell-grid.tsx'
import { MaskedNote } from './masked-note.tsx'

/** One statement that reads, and its rows. */
export function QueryBox({
  database,
  name,
}: {
  readonly database: string
  readonly name: string
}): ReactElement {
  const [sql, setSql] = useState('SELECT name, sql FROM sqlite_schema')
  const [reveal, setReveal] = useState(false)
  const maySeeSensitive = useMay('see-sensitive')
  const asking = useMutation({ mutationFn: async () => queryBackup(database, name, { sql, reveal }) })
  return (
    <div className="grid gap-4">
      <form
        className="grid gap-3"
        onSubmit={event => {
          event.preventDefault()
          asking.mutate()
        }}
      >
        <TextArea label="One statement that reads" isCode value={sql} onChange={setSql} />
        <div className="flex flex-wrap items-center justify-between gap-3">
          {maySeeSensitive ? (
            <SwitchField label="Read sensitive columns as they are" checked={reveal} onChange={setReveal} />
          ) : (
            <p className="text-sm text-muted">Sensitive columns read as NULL.</p>
          )}
          <Button type="submit" look="primary" disabled={sql.trim() === '' || asking.isPending}>
            {asking.isPending ? 'Running …' : 'Run'}
          </Button>
        </div>
      </form>
      {asking.isError && <ProblemNote error={asking.error} />}
      {asking.data !== undefined && <Answer answer={asking.data} />}
    </div>
  )
}

const TRUNCATED = { rows: 'there are more', bytes: 'the rest is too large to show' }

function Answer({ answer }: { readonly answer: BackupQueried }): ReactElement {
  const { columns, rows, masked, truncated, durationMs } = answer
  return (
    <Panel
      title="Result"
      flush
      aside={
        <span role="status" className="text-sm text-muted">
          {counted(rows.length, 'row')} in {formatSpan(durationMs)}
          {truncated !== null && `; ${TRUNCATED[truncated]}`}
        </span>
      }
    >
      <MaskedNote masked={masked} />
      {rows.length === 0 ? (
        <Empty title="No rows" />
      ) : (
        <CellGrid caption="Rows of the result" columns={columns} rows={rows} firstRow={1} />
      )}
    </Panel>
  )
}
