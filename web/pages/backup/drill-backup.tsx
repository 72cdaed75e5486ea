import type { ReactElement } from 'react'
import { nameOf } from '../../api/backup-name.ts'
import { drillBackup } from '../../api/calls.ts'
import type { BackupInfo, JobResults } from '../../api/types.ts'
import { JobProgress } from '../../jobs/job-progress.tsx'
import { useJobAtOnce } from '../../jobs/use-job.ts'
import { Badge, type Tone } from '../../parts/badge.tsx'
import { Button } from '../../parts/button.tsx'
import { Dialog } from '../../parts/dialog.tsx'
import { Notice } from '../../parts/states.tsx'
import { formatSpan } from '../../words/times.ts'

/** Restores a backup somewhere else, and says whether that worked. */
export function DrillBackup({
  database,
  backup,
  onClose,
}: {
  readonly database: string
  readonly backup: BackupInfo
  readonly onClose: () => void
}): ReactElement {
  const drilling = useJobAtOnce<'drill'>(async () => drillBackup(database, nameOf(backup)))
  return (
    <Dialog
      open
      onClose={onClose}
      title="Drill"
      about="The backup is restored into a private directory and checked there. The database is not touched."
    >
      <div className="grid gap-4">
        <JobProgress job={drilling.job} error={drilling.error} onCancel={drilling.cancel} />
        {drilling.result !== null && <Drilled result={drilling.result} />}
        {!drilling.isBusy && (
          <Button className="justify-self-end" onClick={onClose}>
            Close
          </Button>
        )}
      </div>
    </Dialog>
  )
}

const TONES: Record<'passed' | 'failed' | 'skipped', Tone> = {
  passed: 'good',
  failed: 'bad',
  skipped: 'neutral',
}

function Drilled({ result }: { readonly result: JobResults['drill'] }): ReactElement {
  return (
    <Notice tone={result.status === 'passed' ? 'good' : 'warn'}>
      <p className="font-semibold">
        {result.status === 'passed'
          ? `Proven: it can be restored${result.restoreMs === null ? '' : `, in ${formatSpan(result.restoreMs)}`}.`
          : 'It could not be restored as it should be.'}
      </p>
      <ul className="mt-2 grid gap-1.5">
        {result.checks.map(({ name, status, message }) => (
          <li key={name}>
            <Badge tone={TONES[status]}>{status}</Badge> {message}
          </li>
        ))}
      </ul>
    </Notice>
  )
}
