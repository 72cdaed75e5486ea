import { useMutation } from '@tanstack/react-query'
import { type ReactElement, useState } from 'react'
import { saveSchedule } from '../../api/calls.ts'
import { queryClient } from '../../api/query-client.ts'
import type { JobConfig, ScheduleView } from '../../api/types.ts'
import { Button } from '../../parts/button.tsx'
import { Dialog } from '../../parts/dialog.tsx'
import { SelectField, TextField } from '../../parts/field.tsx'
import { ProblemNote } from '../../parts/states.tsx'
import { say } from '../../parts/toasts.tsx'
import { DEFAULT_JOBS, type JobChange, withJob } from './jobs.ts'

type Kind = NonNullable<JobConfig['kind']>

const KINDS: readonly (readonly [Kind, string])[] = [
  ['backup', 'Make a backup'],
  ['cleanup', 'Clean up'],
  ['verify', 'Verify old backups'],
  ['drill', 'Drill the newest backup'],
]

/** Changes a job of the schedule, or adds one where `name` is empty. */
export function EditJob({
  view,
  name,
  onClose,
}: {
  readonly view: ScheduleView
  readonly name: string
  readonly onClose: () => void
}): ReactElement {
  const known = view.jobs.find(job => job.name === name)
  const [newName, setNewName] = useState(name)
  const [kind, setKind] = useState<Kind>(KINDS.find(([each]) => each === known?.kind)?.[0] ?? 'backup')
  const [cron, setCron] = useState(known?.cron ?? '0 2 * * *')
  const saving = useMutation({
    mutationFn: async (job: JobChange) => saveSchedule(withJob(view, newName.trim(), job)),
    onSuccess: saved => {
      queryClient.setQueryData(['schedule'], saved)
      say(
        'The schedule is saved',
        'A scheduler that runs on this configuration takes it over within seconds.',
      )
      onClose()
    },
  })
  const before = view.configured.jobs?.[name]
  const job: JobConfig = {
    ...(before === undefined || before === false ? {} : before),
    kind,
    cron: cron.trim(),
  }
  return (
    <Dialog open onClose={onClose} title={name === '' ? 'Add a job' : `Edit ${name}`}>
      <form
        className="grid gap-4"
        onSubmit={event => {
          event.preventDefault()
          saving.mutate(job)
        }}
      >
        <TextField
          label="Name"
          required
          readOnly={name !== ''}
          value={newName}
          pattern="[A-Za-z0-9][A-Za-z0-9._\-]*"
          maxLength={64}
          onChange={event => setNewName(event.target.value)}
        />
        <SelectField
          label="Does"
          value={kind}
          disabled={name !== ''}
          onChange={event => setKind(KINDS.find(([each]) => each === event.target.value)?.[0] ?? 'backup')}
        >
          {KINDS.map(([value, words]) => (
            <option key={value} value={value}>
              {words}
            </option>
          ))}
        </SelectField>
        <TextField
          label="When"
          hint="A cron expression: minute, hour, day of the month, month, day of the week."
          required
          value={cron}
          className="font-mono"
          onChange={event => setCron(event.target.value)}
        />
        {saving.isError && <ProblemNote error={saving.error} />}
        <div className="flex flex-wrap justify-between gap-2">
          <WaysOut view={view} name={name} isBusy={saving.isPending} onChange={saving.mutate} />
          <Button type="submit" look="primary" disabled={newName.trim() === '' || saving.isPending}>
            Save
          </Button>
        </div>
      </form>
    </Dialog>
  )
}

/** How to be rid of a job, or of what was changed of it. */
function WaysOut({
  view: { configured, jobs },
  name,
  isBusy,
  onChange,
}: {
  readonly view: ScheduleView
  readonly name: string
  readonly isBusy: boolean
  readonly onChange: (change: JobChange) => void
}): ReactElement {
  const isDefault = DEFAULT_JOBS.includes(name)
  const isKnown = jobs.some(job => job.name === name)
  const isChanged = Object.hasOwn(configured.jobs ?? {}, name)
  return (
    <span className="flex gap-2">
      {isKnown && isDefault && (
        <Button look="quiet" className="text-bad" disabled={isBusy} onClick={() => onChange(false)}>
          Turn off
        </Button>
      )}
      {isKnown && isChanged && (
        <Button look="quiet" className="text-bad" disabled={isBusy} onClick={() => onChange(null)}>
          {isDefault ? 'Back to the default' : 'Remove'}
        </Button>
      )}
    </span>
  )
}
