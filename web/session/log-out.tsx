import { useMutation } from '@tanstack/react-query'
import type { ReactElement } from 'react'
import { logOut } from '../api/calls.ts'
import { endSession } from '../api/query-client.ts'
import { Button } from '../parts/button.tsx'
import { ProblemNote } from '../parts/states.tsx'
import { formatInstant } from '../words/times.ts'
import { useSession } from './session.ts'

/** Who one is, until when, and the way out. */
export function LogOut(): ReactElement {
  const { name, role, expiresAt } = useSession()
  const leave = useMutation({ mutationFn: logOut, onSuccess: () => endSession(null) })
  return (
    <div className="grid gap-2 border-t border-line pt-3 text-sm">
      <div className="min-w-0">
        <p className="truncate font-medium">{name}</p>
        <p className="text-xs text-muted">
          {role}
          {expiresAt !== null && <>, until {formatInstant(expiresAt)}</>}
        </p>
      </div>
      {leave.isError && <ProblemNote error={leave.error} />}
      <Button onClick={() => leave.mutate()} disabled={leave.isPending}>
        Log out
      </Button>
    </div>
  )
}
