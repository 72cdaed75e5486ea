import { MutationCache, QueryCache, QueryClient } from '@tanstack/react-query'
import { mayPass, Problem } from './problem.ts'
import type { Session } from './types.ts'

export const SESSION_KEY = ['session'] as const

/** What the log-in page says when a session ended by itself. */
export let endedBy: 'expiry' | null = null

/** For whatever failed: shows the log-in page where that was because the session is over. */
export function noteExpiry(error: unknown): void {
  if (error instanceof Problem && error.status === 401 && knownSession() !== null) endSession('expiry')
}

/** For what the server says of the session now: it may have ended meanwhile, or in another tab have become another one. */
export function noteSession(session: Session | null): void {
  const known = knownSession()
  if (known === null || known.csrfToken === session?.csrfToken) return
  if (session === null) endSession('expiry')
  else forgetShown()
}

function knownSession(): Session | null {
  return queryClient.getQueryData<Session | null>(SESSION_KEY) ?? null
}

export function endSession(by: 'expiry' | null): void {
  endedBy = by
  queryClient.setQueryData(SESSION_KEY, null)
  forgetShown()
}

/** Forgets everything that was shown: the next reader may be another one. */
function forgetShown(): void {
  queryClient.removeQueries({ predicate: ({ queryKey }) => queryKey[0] !== SESSION_KEY[0] })
}

export const queryClient: QueryClient = new QueryClient({
  queryCache: new QueryCache({ onError: noteExpiry }),
  mutationCache: new MutationCache({ onError: noteExpiry }),
  defaultOptions: {
    queries: {
      staleTime: 5_000,
      retry: (failures, error) => failures < 2 && mayPass(error),
    },
  },
})
