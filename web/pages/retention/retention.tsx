import { useMutation } from '@tanstack/react-query'
import { type ReactElement, useState } from 'react'
import { saveRetention } from '../../api/calls.ts'
import { Problem, problemAt } from '../../api/problem.ts'
import { useDatabase, useRetention } from '../../api/queries.ts'
import { queryClient } from '../../api/query-client.ts'
import type { RetentionPolicy, RetentionView } from '../../api/types.ts'
import { Button } from '../../parts/button.tsx'
import { PageHeader } from '../../parts/panel.tsx'
import { Loaded, Notice, ProblemNote } from '../../parts/states.tsx'
import { say } from '../../parts/toasts.tsx'
import { useMay } from '../../session/permissions.ts'
import { CleanUp } from './clean-up.tsx'
import { NextYear, useSimulation } from './next-year.tsx'
import { PolicyEditor } from './policy-editor.tsx'
import { PreviewNow, usePreview } from './preview-now.tsx'
import { isSamePolicy } from './rules.ts'
import { useSettled } from './use-settled.ts'

const SETTLED_MS = 400

/** Which backups stay, and what another policy would make of that. */
export function Retention({ database }: { readonly database: string }): ReactElement {
  const query = useRetention(database)
  return (
    <>
      <PageHeader
        title="Retention"
        about={`Which backups of ${database} a cleanup keeps. What is changed here is only looked at until it is saved.`}
      />
      <Loaded query={query} what="the retention policy">
        {view => <Policy database={database} view={view} />}
      </Loaded>
    </>
  )
}

/** What somebody is changing, and which configuration it is a change of. */
interface Edited {
  readonly policy: RetentionPolicy
  readonly version: string
}

function Policy({
  database,
  view,
}: {
  readonly database: string
  readonly view: RetentionView
}): ReactElement {
  // Null: as it is saved.
  const [edited, setEdited] = useState<Edited | null>(null)
  const policy = edited?.policy ?? view.policy
  const types = useDatabase(database).data?.backups.byType.map(({ type }) => type) ?? []
  const settled = useSettled(policy, SETTLED_MS)
  const mayEdit = useMay('edit-retention')
  const mayPlan = useMay('plan-cleanup')
  const preview = usePreview(database, settled, { isWanted: mayPlan })
  const simulation = useSimulation(database, settled)
  const change = (next: RetentionPolicy): void =>
    setEdited(
      isSamePolicy(next, view.policy)
        ? null
        : { policy: next, version: edited?.version ?? view.editable.version },
    )
  return (
    <div className="grid gap-5">
      <PolicyEditor
        policy={policy}
        types={types}
        problemOf={(type, rule) => problemAt(preview.error ?? simulation.error, 'policy', type, rule)}
        onChange={change}
      />
      {mayEdit ? (
        <SaveBar
          database={database}
          view={view}
          edited={edited}
          isSettled={settled === policy}
          onReset={() => setEdited(null)}
        />
      ) : (
        <Notice tone="info">
          Changing the policy is for admins. What you try out here is only looked at.
        </Notice>
      )}
      {mayPlan && <PreviewNow query={preview} />}
      <NextYear query={simulation} />
      {mayEdit && <CleanUp database={database} isChanged={edited !== null} />}
    </div>
  )
}

function SaveBar({
  database,
  view: { policy: saved, editable },
  edited,
  isSettled,
  onReset,
}: {
  readonly database: string
  readonly view: RetentionView
  readonly edited: Edited | null
  /** Whether nobody is typing any more. */
  readonly isSettled: boolean
  readonly onReset: () => void
}): ReactElement {
  const preview = usePreview(database, edited?.policy ?? saved, { isWanted: isSettled })
  const plan = preview.isFetching || preview.isPlaceholderData ? undefined : preview.data?.plan
  const saving = useMutation({
    mutationFn: async (request: Edited & { readonly plan: string }) => saveRetention(database, request),
    // It is used up, or no longer what would be deleted: what would be is shown anew.
    onError: () => void preview.refetch(),
    onSuccess: now => {
      say('The policy is saved', 'The next cleanup goes by it.')
      queryClient.setQueryData(['db', database, 'retention'], now)
      // The plan is used up.
      void queryClient.invalidateQueries({ queryKey: ['db', database, 'cleanup-plan'] })
      onReset()
    },
  })
  const isOutdated = saving.error instanceof Problem && saving.error.code === 'CATALOG_LOCKED'
  return (
    <div className="grid gap-3">
      {!editable.isEditable && (
        <Notice tone="info">The policy cannot be saved from here. {editable.why}</Notice>
      )}
      {saving.isError && (
        <ProblemNote
          error={saving.error}
          {...(isOutdated
            ? {
                retry: 'Show what it says now',
                onRetry: () => {
                  void queryClient.invalidateQueries({ queryKey: ['db', database, 'retention'] })
                  onReset()
                  saving.reset()
                },
              }
            : {})}
        />
      )}
      <div className="flex flex-wrap items-center gap-2">
        <Button
          look="primary"
          disabled={edited === null || !editable.isEditable || saving.isPending || plan === undefined}
          onClick={() => edited !== null && plan !== undefined && saving.mutate({ ...edited, plan })}
        >
          Save policy
        </Button>
        <Button disabled={edited === null} onClick={onReset}>
          Discard changes
        </Button>
        {edited !== null && <span className="text-sm text-muted">Not saved yet.</span>}
      </div>
    </div>
  )
}
