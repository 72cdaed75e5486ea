import { type ReactElement, useState } from 'react'
import { createBackup } from '../../api/calls.ts'
import { JobProgress } from '../../jobs/job-progress.tsx'
import { useJob } from '../../jobs/use-job.ts'
import { Button } from '../../parts/button.tsx'
import { Dialog } from '../../parts/dialog.tsx'
import { TextField } from '../../parts/field.tsx'
import { Notice } from '../../parts/states.tsx'
import { Link } from '../../routing/router.tsx'
import { formatBytes } from '../../words/numbers.ts'
import { formatSpan } from '../../words/times.ts'

/** The button that makes a backup, and the dialog in which it is watched. */
export function CreateBackup({ database }: { readonly database: string }): ReactElement {
  const [isOpen, setOpen] = useState(false)
  return (
    <>
      <Button look="primary" onClick={() => setOpen(true)}>
        Create backup
      </Button>
      <Dialog
        open={isOpen}
        onClose={() => setOpen(false)}
        title={`Back up ${database}`}
        about="A consistent copy as of one commit, checked after it was written. The application goes on meanwhile."
      >
        <Making database={database} onClose={() => setOpen(false)} />
      </Dialog>
    </>
  )
}

function Making({
  database,
  onClose,
}: {
  readonly database: string
  readonly onClose: () => void
}): ReactElement {
  const [description, setDescription] = useState('')
  const making = useJob<'create'>(async () => createBackup(database, description.trim()))
  const { result } = making
  if (result !== null) {
    return (
      <div className="grid gap-4">
        <Notice tone="good">
          <p className="font-semibold">The backup is made and checked.</p>
          <p className="break-all">
            <Link to={{ page: 'backup', database, backup: result.filename }} className="underline">
              {result.filename}
            </Link>
            , {formatBytes(result.metadata.file_size)} in {formatSpan(result.durationMs)}
          </p>
        </Notice>
        <Button className="justify-self-end" onClick={onClose}>
          Done
        </Button>
      </div>
    )
  }
  return (
    <form
      className="grid gap-4"
      onSubmit={event => {
        event.preventDefault()
        making.begin()
      }}
    >
      <TextField
        label="Description"
        hint="Why it is made, such as “before the update”. It may stay empty."
        value={description}
        disabled={making.isBusy}
        maxLength={1000}
        onChange={event => setDescription(event.target.value)}
      />
      <JobProgress job={making.job} error={making.error} onCancel={making.cancel} />
      {!making.isBusy && (
        <Button type="submit" look="primary" className="justify-self-end">
          {making.error === null ? 'Make the backup' : 'Try again'}
        </Button>
      )}
    </form>
  )
}
