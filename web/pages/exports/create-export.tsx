import { type ReactElement, useState } from 'react'
import { nameOf } from '../../api/backup-name.ts'
import { exportData, exportUrl } from '../../api/calls.ts'
import { useBackups } from '../../api/queries.ts'
import type { ExportRequest, JobResults } from '../../api/types.ts'
import { JobProgress } from '../../jobs/job-progress.tsx'
import { useJob } from '../../jobs/use-job.ts'
import { Button, buttonClass } from '../../parts/button.tsx'
import { SelectField, SwitchField } from '../../parts/field.tsx'
import { Panel } from '../../parts/panel.tsx'
import { Notice } from '../../parts/states.tsx'
import { useMay } from '../../session/permissions.ts'
import { counted, formatBytes } from '../../words/numbers.ts'
import { formatInstant } from '../../words/times.ts'

const FORMATS = [
  ['json', 'JSON'],
  ['ndjson', 'NDJSON, a line a row'],
  ['csv', 'CSV, a file a table, in a ZIP'],
  ['sql', 'SQL script'],
  ['parquet', 'Parquet, a file a table, in a ZIP'],
] as const satisfies readonly (readonly [ExportRequest['format'], string])[]

const LIVE = ''
const CHOICES_MAX = 100

/** Makes an export of the live database or of a backup. */
export function CreateExport({ database }: { readonly database: string }): ReactElement {
  const [format, setFormat] = useState<ExportRequest['format']>('json')
  const [from, setFrom] = useState(LIVE)
  const [includeSensitive, setIncludeSensitive] = useState(false)
  const maySeeSensitive = useMay('see-sensitive')
  const backups = useBackups(database, { limit: CHOICES_MAX }).data?.backups ?? []
  const exporting = useJob<'export'>(async () =>
    exportData(database, {
      format,
      ...(from === LIVE ? {} : { from }),
      ...(includeSensitive ? { includeSensitive } : {}),
    }),
  )
  return (
    <Panel title="New export">
      <form
        className="grid gap-4"
        onSubmit={event => {
          event.preventDefault()
          exporting.begin()
        }}
      >
        <SelectField label="Of" value={from} onChange={event => setFrom(event.target.value)}>
          <option value={LIVE}>The live database, as it is now</option>
          {backups.map(backup => (
            <option key={nameOf(backup)} value={nameOf(backup)}>
              {formatInstant(backup.created)} · {backup.type}
            </option>
          ))}
        </SelectField>
        <SelectField
          label="Format"
          value={format}
          onChange={event => setFormat(FORMATS.find(([each]) => each === event.target.value)?.[0] ?? 'json')}
        >
          {FORMATS.map(([value, words]) => (
            <option key={value} value={value}>
              {words}
            </option>
          ))}
        </SelectField>
        {maySeeSensitive && (
          <SwitchField
            label="With sensitive columns as they are"
            hint="Passwords, tokens and the like. Whoever has the file has them."
            checked={includeSensitive}
            onChange={setIncludeSensitive}
          />
        )}
        <JobProgress job={exporting.job} error={exporting.error} onCancel={exporting.cancel} />
        {exporting.result !== null && <Exported database={database} result={exporting.result} />}
        <Button type="submit" look="primary" className="justify-self-start" disabled={exporting.isBusy}>
          Export
        </Button>
      </form>
    </Panel>
  )
}

function Exported({
  database,
  result,
}: {
  readonly database: string
  readonly result: JobResults['export']
}): ReactElement {
  const name = result.exportPath.split(/[/\\]/).at(-1) ?? result.exportPath
  return (
    <Notice tone="good">
      <p className="font-semibold">
        {counted(result.rows, 'row')} exported, {formatBytes(result.bytes)}.
      </p>
      {result.redacted.length > 0 && (
        <p>
          Left out or made harmless:{' '}
          {result.redacted.map(({ table, column, how }) => `${table}.${column} (${how})`).join(', ')}.
        </p>
      )}
      <a className={buttonClass('plain', 'mt-2')} href={exportUrl(database, name)} download={name}>
        Download
      </a>
    </Notice>
  )
}
