import type { ReactElement } from 'react'
import { checkTarget } from '../../api/settings-calls.ts'
import type { TargetInfo } from '../../api/types.ts'
import { JobProgress } from '../../jobs/job-progress.tsx'
import { useJob } from '../../jobs/use-job.ts'
import { Badge, type Tone } from '../../parts/badge.tsx'
import { Button } from '../../parts/button.tsx'
import { Dialog } from '../../parts/dialog.tsx'
import { Notice } from '../../parts/states.tsx'

/** Tries a target, and shows what it really does. */
export function CheckTarget({
  target,
  onClose,
}: {
  readonly target: TargetInfo
  readonly onClose: () => void
}): ReactElement {
  const running = useJob<'check-target'>(async () => checkTarget(target.name))
  const check = running.result?.targets[0]?.check ?? target.check
  return (
    <Dialog
      open
      onClose={onClose}
      title={`Check ${target.name}`}
      about="Puts some objects there, reads them, and deletes them again. Backups stay as they are."
    >
      <div className="grid gap-4">
        <JobProgress job={running.job} error={running.error} onCancel={running.cancel} />
        {check !== null && !running.isBusy && <Seen check={check} />}
        {!running.isBusy && (
          <div className="flex justify-end gap-2">
            <Button onClick={onClose}>Close</Button>
            <Button look="primary" onClick={running.begin}>
              {check === null ? 'Check' : 'Check again'}
            </Button>
          </div>
        )}
      </div>
    </Dialog>
  )
}

const TONES = { yes: 'good', no: 'neutral', failed: 'bad', skipped: 'neutral' } as const satisfies Record<
  string,
  Tone
>

function Seen({ check }: { readonly check: NonNullable<TargetInfo['check']> }): ReactElement {
  return (
    <div className="grid gap-3">
      {check.warnings.length > 0 && (
        <Notice tone="warn">
          <ul className="grid gap-1.5">
            {check.warnings.map(warning => (
              <li key={warning}>{warning}</li>
            ))}
          </ul>
        </Notice>
      )}
      <ul className="grid gap-1.5 text-sm">
        {check.probes.map(({ probe, status, detail }) => (
          <li key={probe}>
            <Badge tone={TONES[status]}>{status}</Badge> {probe}: {detail}
          </li>
        ))}
      </ul>
    </div>
  )
}
