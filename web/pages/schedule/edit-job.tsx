import { useMutation } from '@tanstack/react-query'
import { type ReactElement, useState } from 'react'
import { saveSchedule } from '../../api/calls.ts'
import { Problem, problemAt } from '../../api/problem.ts'
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
  ['sync', 'Copy to the targets what they lack'],
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
  // As it was when it was opened: what others change meanwhile is not overwritten.
  const [seen] = useState(view)
  const saving = useMutation({
    mutationFn: async ({ job, change }: { readonly job: string; readonly change: JobChange }) =>
      saveSchedule(withJob(seen, job, change)),
    onSuccess: saved => {
      queryClient.setQueryData(['schedule'], saved)
      say(
        'The schedule is saved',
        'A scheduler that runs on this configuration takes it over within seconds.',
      )
      onClose()
    },
  })
  const look = (): void => {
    void queryClient.invalidateQueries({ queryKey: ['schedule'] })
    onClose()
  }
  return (
    <Dialog open onClose={onClose} title={name === '' ? 'Add a job' : `Edit ${name}`}>
      <JobForm
        view={seen}
        name={name}
        isBusy={saving.isPending}
        error={saving.error}
        onLook={look}
        onSave={(job, change) => saving.mutate({ job, change })}
      />
    </Dialog>
  )
}

function JobForm({
  view,
  name,
  isBusy,
  error,
  onLook,
  onSave,
}: {
  readonly view: ScheduleView
  readonly name: string
  readonly isBusy: boolean
  readonly error: unknown
  /** Shows what others have made of the schedule. */
  readonly onLook: () => void
  readonly onSave: (job: string, change: JobChange) => void
}): ReactElement {
  const known = view.jobs.find(job => job.name === name)
  const [newName, setNewName] = useState(name)
  const [kind, setKind] = useState<Kind>(KINDS.find(([each]) => each === known?.kind)?.[0] ?? 'backup')
  const [type, setType] = useState(view.types.includes('daily') ? 'daily' : (view.types[0] ?? ''))
  const [cron, setCron] = useState(known?.cron ?? '0 2 * * *')
  const job = newName.trim()
  const isTaken = name === '' && view.jobs.some(each => each.name === job)
  const wrongCron = problemAt(error, 'jobs', job, 'cron')
  const before = view.configured.jobs?.[name]
  const change: JobConfig = {
    ...(before === undefined || before === false ? {} : before),
    kind,
    ...(name === '' && kind === 'backup' ? { type } : {}),
    cron: cron.trim(),
  }
  return (
    <form
      className="grid gap-4"
      onSubmit={event => {
        event.preventDefault()
        onSave(job, change)
      }}
    >
      <TextField
        label="Name"
        required
        readOnly={name !== ''}
        value={newName}
        problem={isTaken ? 'There is a job of this name already.' : null}
        pattern="[A-Za-z0-9][A-Za-z0-9._\-]*"
        title="Letters, digits, “.”, “_” and “-”"
        maxLength={64}
        onChange={event => setNewName(event.target.value)}
      />
      <KindField kind={kind} isFixed={name !== ''} onChange={setKind} />
      {name === '' && kind === 'backup' && (
        <SelectField label="Of type" value={type} onChange={event => setType(event.target.value)}>
          {view.types.map(each => (
            <option key={each}>{each}</option>
          ))}
        </SelectField>
      )}
      <TextField
        label="When"
        hint="A cron expression: minute, hour, day of the month, month, day of the week."
        problem={wrongCron}
        required
        value={cron}
        isCode
        onChange={event => setCron(event.target.value)}
      />
      {error !== null && wrongCron === null && <NotSaved error={error} onLook={onLook} />}
      <div className="flex flex-wrap justify-between gap-2">
        <WaysOut view={view} name={name} isBusy={isBusy} onChange={next => onSave(name, next)} />
        <Button type="submit" look="primary" disabled={job === '' || isTaken || isBusy}>
          Save
        </Button>
      </div>
    </form>
  )
}

function KindField({
  kind,
  isFixed,
  onChange,
}: {
  readonly kind: Kind
  readonly isFixed: boolean
  readonly onChange: (kind: Kind) => void
}): ReactElement {
  return (
    <SelectField
      label="Does"
      value={kind}
      disabled={isFixed}
      onChange={event => onChange(KINDS.find(([each]) => each === event.target.value)?.[0] ?? 'backup')}
    >
      {KINDS.map(([value, words]) => (
        <option key={value} value={value}>
          {words}
        </option>
      ))}
    </SelectField>
  )
}

/** Why nothing was saved; where others were quicker, with what they have made of it. */
function NotSaved({ error, onLook }: { readonly error: unknown; readonly onLook: () => void }): ReactElement {
  const isOutdated = error instanceof Problem && error.code === 'CATALOG_LOCKED'
  return (
    <ProblemNote error={error} {...(isOutdated ? { retry: 'Show what it says now', onRetry: onLook } : {})} />
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
