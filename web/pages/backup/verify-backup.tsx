import type { ReactElement } from 'react'
import { nameOf } from '../../api/backup-name.ts'
import { verifyBackup } from '../../api/calls.ts'
import type { BackupInfo, JobResults } from '../../api/types.ts'
import { JobProgress } from '../../jobs/job-progress.tsx'
import { useJobAtOnce } from '../../jobs/use-job.ts'
import { Button } from '../../parts/button.tsx'
import { Dialog } from '../../parts/dialog.tsx'
import { Notice } from '../../parts/states.tsx'
import { formatSpan } from '../../words/times.ts'
import { intactInWords } from './backup-words.ts'

/** Reads a stored backup back, and says what came of it. */
export function VerifyBackup({
  database,
  backup,
  onClose,
}: {
  readonly database: string
  readonly backup: BackupInfo
  readonly onClose: () => void
}): ReactElement {
  const verifying = useJobAtOnce<'verify'>(async () => verifyBackup(database, nameOf(backup)))
  return (
    <Dialog
      open
      onClose={onClose}
      title="Verify"
      about={<span className="break-all">{backup.filename}</span>}
    >
      <div className="grid gap-4">
        <JobProgress job={verifying.job} error={verifying.error} onCancel={verifying.cancel} />
        {verifying.result !== null && <Verified result={verifying.result} />}
        {!verifying.isBusy && (
          <Button className="justify-self-end" onClick={onClose}>
            Close
          </Button>
        )}
      </div>
    </Dialog>
  )
}

function Verified({ result }: { readonly result: JobResults['verify'] }): ReactElement {
  if (result.status === 'intact') {
    const { title, what } = intactInWords(result)
    return (
      <Notice tone={result.lookedAt === 'image' ? 'good' : 'info'}>
        <p className="font-semibold">{title}</p>
        <p>
          {what} It took {formatSpan(result.durationMs)}.
        </p>
        {result.unchecked.length > 0 && <p className="mt-1">Left out: {result.unchecked.join('; ')}</p>}
      </Notice>
    )
  }
  return (
    <Notice tone="warn">
      <p className="font-semibold">Damaged. Do not count on this backup.</p>
      <ul className="mt-1 list-disc pl-5">
        {result.problems.map(({ message }) => (
          <li key={message}>{message}</li>
        ))}
      </ul>
    </Notice>
  )
}
