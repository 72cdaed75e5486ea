import { useMutation } from '@tanstack/react-query'
import { type ReactElement, useState } from 'react'
import { saveRetention } from '../../api/calls.ts'
import { useDatabase, useRetention } from '../../api/queries.ts'
import { queryClient } from '../../api/query-client.ts'
import type { RetentionPolicy, RetentionView } from '../../api/types.ts'
import { Button } from '../../parts/button.tsx'
import { PageHeader } from '../../parts/panel.tsx'
import { Loaded, Notice, ProblemNote } from '../../parts/states.tsx'
import { say } from '../../parts/toasts.tsx'
import { useMay } from '../../session/permissions.ts'
import { CleanUp } from './clean-up.tsx'
import { NextYear } from './next-year.tsx'
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
        {view => <Policy key={JSON.stringify(view.policy)} database={database} view={view} />}
      </Loaded>
    </>
  )
}

function Policy({
  database,
  view,
}: {
  readonly database: string
  readonly view: RetentionView
}): ReactElement {
  const [policy, setPolicy] = useState<RetentionPolicy>(view.policy)
  const types = useDatabase(database).data?.backups.byType.map(({ type }) => type) ?? []
  const isChanged = !isSamePolicy(policy, view.policy)
  const settled = useSettled(policy, SETTLED_MS)
  const mayEdit = useMay('edit-retention')
  const mayPlan = useMay('plan-cleanup')
  return (
    <div className="grid gap-5">
      <PolicyEditor policy={policy} types={types} onChange={setPolicy} />
      <SaveBar
        database={database}
        view={view}
        policy={policy}
        isSettled={settled === policy}
        isChanged={isChanged}
        onReset={() => setPolicy(view.policy)}
      />
      {mayPlan && <PreviewNow database={database} policy={settled} />}
      <NextYear database={database} policy={settled} />
      {mayEdit && <CleanUp database={database} isChanged={isChanged} />}
    </div>
  )
}

function SaveBar({
  database,
  view: { editable },
  policy,
  isSettled,
  isChanged,
  onReset,
}: {
  readonly database: string
  readonly view: RetentionView
  readonly policy: RetentionPolicy
  /** Whether nobody is typing any more. */
  readonly isSettled: boolean
  readonly isChanged: boolean
  readonly onReset: () => void
}): ReactElement | null {
  const mayEdit = useMay('edit-retention')
  const preview = usePreview(database, policy, { isWanted: isSettled && mayEdit })
  const plan = preview.isFetching || preview.isPlaceholderData ? undefined : preview.data?.plan
  const saving = useMutation({
    mutationFn: async (seen: string) => saveRetention(database, policy, seen),
    // It is used up, or no longer what would be deleted: what would be is shown anew.
    onError: () => void preview.refetch(),
    onSuccess: saved => {
      say('The policy is saved', 'The next cleanup goes by it.')
      queryClient.setQueryData(['db', database, 'retention'], saved)
      // The plan is used up.
      void queryClient.invalidateQueries({ queryKey: ['db', database, 'cleanup-plan'] })
    },
  })
  if (!mayEdit)
    return (
      <Notice tone="info">Changing the policy is for admins. What you try out here is only looked at.</Notice>
    )
  return (
    <div className="grid gap-3">
      {!editable.isEditable && (
        <Notice tone="info">
          The policy cannot be saved from here: {editable.why}{' '}
          {editable.file !== null && <>It stands in {editable.file}.</>}
        </Notice>
      )}
      {saving.isError && <ProblemNote error={saving.error} />}
      <div className="flex flex-wrap items-center gap-2">
        <Button
          look="primary"
          disabled={!isChanged || !editable.isEditable || saving.isPending || plan === undefined}
          onClick={() => plan !== undefined && saving.mutate(plan)}
        >
          Save policy
        </Button>
        <Button disabled={!isChanged} onClick={onReset}>
          Discard changes
        </Button>
        {isChanged && <span className="text-sm text-muted">Not saved yet.</span>}
      </div>
    </div>
  )
}
