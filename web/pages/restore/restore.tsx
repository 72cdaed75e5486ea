import { type ReactElement, useState } from 'react'
import { nameOf, parseName } from '../../api/backup-name.ts'
import { planRestore, restoreBackup } from '../../api/calls.ts'
import { useBackup } from '../../api/queries.ts'
import type { BackupInfo, JobResults } from '../../api/types.ts'
import { JobProgress } from '../../jobs/job-progress.tsx'
import { useJob } from '../../jobs/use-job.ts'
import { Button } from '../../parts/button.tsx'
import { PageHeader, Panel } from '../../parts/panel.tsx'
import { Loaded, Notice } from '../../parts/states.tsx'
import { Link } from '../../routing/router.tsx'
import { useMay } from '../../session/permissions.ts'
import { formatInstant } from '../../words/times.ts'
import { Comparison } from '../compare/comparison.tsx'
import { ConfirmRestore } from './confirm-restore.tsx'
import { Plan } from './plan.tsx'
import { RestoreResult } from './restore-result.tsx'
import { type Step, Steps } from './steps.tsx'
import { UnsignedNote } from './unsigned-note.tsx'

/** Brings a database back to a backup, a step at a time; the last one is the way back. */
export function Restore({
  database,
  name,
}: {
  readonly database: string
  readonly name: string
}): ReactElement {
  const query = useBackup(database, name)
  const mayRestore = useMay('restore-backup')
  return (
    <>
      <p className="mb-3 text-sm">
        <Link
          to={{ page: 'backup', database, backup: name }}
          className="break-all text-accent hover:underline"
        >
          ← {parseName(name).filename}
        </Link>
      </p>
      {mayRestore ? (
        <Loaded query={query} what="the backup">
          {backup => <Wizard database={database} backup={backup} />}
        </Loaded>
      ) : (
        <>
          <PageHeader title={`Restore ${database}`} />
          <Notice tone="info">Restoring is for admins.</Notice>
        </>
      )}
    </>
  )
}

function Wizard({
  database,
  backup,
}: {
  readonly database: string
  readonly backup: BackupInfo
}): ReactElement {
  const [step, setStep] = useState<Step>('review')
  const [acceptUnsigned, setAcceptUnsigned] = useState(false)
  const planning = useJob<'restore-plan'>(
    async () => planRestore(database, nameOf(backup), { acceptUnsigned }),
    { onDone: () => setStep('confirm') },
  )
  const [typed, setTyped] = useState('')
  const restoring = useJob<'restore'>(
    async () => {
      const plan = planning.result?.plan ?? ''
      return restoreBackup(database, nameOf(backup), { plan, confirm: typed, acceptUnsigned })
    },
    { onDone: () => setStep('result') },
  )
  const shown = restoring.isBusy ? 'restore' : step
  return (
    <>
      <PageHeader
        title={`Restore ${database}`}
        about={`To the backup of ${formatInstant(backup.created)}.`}
      />
      <Steps current={shown} />
      {/* Where the focus goes when a step is done. */}
      <div tabIndex={-1} className="grid gap-5 outline-none">
        {step === 'review' && (
          <Review
            database={database}
            backup={backup}
            planning={planning}
            acceptUnsigned={acceptUnsigned}
            onAcceptUnsigned={setAcceptUnsigned}
          />
        )}
        {step === 'confirm' && planning.result !== null && (
          <Confirming
            database={database}
            plan={planning.result}
            typed={typed}
            onType={setTyped}
            restoring={restoring}
            onBack={() => {
              planning.reset()
              restoring.reset()
              setTyped('')
              setStep('review')
            }}
          />
        )}
        {step === 'result' && restoring.result !== null && (
          <RestoreResult database={database} result={restoring.result} />
        )}
      </div>
    </>
  )
}

function Review({
  database,
  backup,
  planning,
  acceptUnsigned,
  onAcceptUnsigned,
}: {
  readonly database: string
  readonly backup: BackupInfo
  readonly planning: ReturnType<typeof useJob<'restore-plan'>>
  readonly acceptUnsigned: boolean
  readonly onAcceptUnsigned: (acceptUnsigned: boolean) => void
}): ReactElement {
  return (
    <>
      <section aria-labelledby="changes" className="grid gap-3">
        <h2 id="changes">What will change</h2>
        <p className="text-sm text-muted">
          From the database as it is now to the backup: rows that are removed here are lost from the database,
          and are kept in the backup that is made first.
        </p>
        <Comparison database={database} from={null} to={nameOf(backup)} />
      </section>
      <Panel title="Next">
        <p className="mb-3 text-sm">
          The backup is verified, and it is checked that there is room. Nothing is changed yet.
        </p>
        {backup.signature === 'missing' && (
          <div className="mb-3">
            <UnsignedNote isAccepted={acceptUnsigned} onAccept={onAcceptUnsigned} />
          </div>
        )}
        <JobProgress job={planning.job} error={planning.error} onCancel={planning.cancel} />
        <Button look="primary" className="mt-3" disabled={planning.isBusy} onClick={planning.begin}>
          {planning.isBusy ? 'Verifying …' : 'Verify and go on'}
        </Button>
      </Panel>
    </>
  )
}

function Confirming({
  database,
  plan,
  typed,
  onType,
  restoring,
  onBack,
}: {
  readonly database: string
  readonly plan: JobResults['restore-plan']
  readonly typed: string
  readonly onType: (typed: string) => void
  readonly restoring: ReturnType<typeof useJob<'restore'>>
  readonly onBack: () => void
}): ReactElement {
  return (
    <>
      <Plan plan={plan} />
      <JobProgress job={restoring.job} error={restoring.error} onCancel={restoring.cancel} />
      {!restoring.isBusy && (
        <ConfirmRestore
          database={database}
          typed={typed}
          onType={onType}
          onConfirm={restoring.begin}
          onBack={onBack}
        />
      )}
    </>
  )
}
