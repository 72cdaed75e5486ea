import { useQuery, type UseQueryResult } from '@tanstack/react-query'
import { createContext, use } from 'react'
import { findSession } from '../api/calls.ts'
import { SESSION_KEY } from '../api/query-client.ts'
import type { Session } from '../api/types.ts'

export const SessionContext: React.Context<Session | null> = createContext<Session | null>(null)

/** Who is logged in; null when nobody is. */
export function useSessionQuery(): UseQueryResult<Session | null> {
  return useQuery({
    queryKey: SESSION_KEY,
    queryFn: findSession,
    staleTime: Infinity,
    refetchOnWindowFocus: 'always',
  })
}

/** Who is logged in, below the shell, where somebody is. */
export function useSession(): Session {
  const session = use(SessionContext)
  if (session === null) throw new Error('no session outside the shell')
  return session
}
