import { useMutation } from '@tanstack/react-query'
import type { ReactElement } from 'react'
import type { Job } from '../api/types.ts'
import { Button } from '../parts/button.tsx'
import { ProgressBar } from '../parts/progress-bar.tsx'
import { ProblemNote } from '../parts/states.tsx'
import { formatBytes, formatCount } from '../words/numbers.ts'
import { stepWords } from '../words/steps.ts'

/** What long work is doing now, and why it failed if it did; nothing before it begins. */
export function JobProgress({
  job,
  error,
  onCancel,
}: {
  readonly job: Pick<Job, 'status' | 'progress'> | null
  readonly error: unknown
  readonly onCancel?: () => Promise<void>
}): ReactElement | null {
  if (error !== null && error !== undefined) return <ProblemNote error={error} />
  if (job === null || (job.status !== 'queued' && job.status !== 'running')) return null
  const { label, share, extent } = describe(job)
  return (
    <div role="status" aria-label="Progress" className="rounded-md border border-line bg-sunken p-3">
      <ProgressBar label={label} value={share} />
      <div className="mt-2 flex min-h-9 items-center justify-between gap-3 text-sm text-muted">
        <span>{extent}</span>
        {onCancel !== undefined && <Cancel onCancel={onCancel} />}
      </div>
    </div>
  )
}

function Cancel({ onCancel }: { readonly onCancel: () => Promise<void> }): ReactElement {
  const cancelling = useMutation({ mutationFn: onCancel })
  return (
    <div className="grid gap-2 justify-items-end">
      {cancelling.isError && <ProblemNote error={cancelling.error} />}
      <Button disabled={cancelling.isPending} onClick={() => cancelling.mutate()}>
        Cancel
      </Button>
    </div>
  )
}

function describe({ status, progress }: Pick<Job, 'status' | 'progress'>): {
  readonly label: string
  readonly share: number | null
  readonly extent: string
} {
  if (status === 'queued') return { label: 'Waiting for its turn', share: null, extent: '' }
  if (progress === null) return { label: 'Starting', share: null, extent: '' }
  const { step, doneBytes, totalBytes, doneRows } = progress
  const label = stepWords(step)
  if (doneBytes !== undefined && totalBytes !== undefined && totalBytes > 0) {
    const share = Math.min(1, doneBytes / totalBytes)
    return { label, share, extent: `${formatBytes(doneBytes)} of ${formatBytes(totalBytes)}` }
  }
  return { label, share: null, extent: doneRows === undefined ? '' : `${formatCount(doneRows)} rows` }
}
