import { MutationCache, QueryCache, QueryClient } from '@tanstack/react-query'
import { Problem } from './problem.ts'

export const SESSION_KEY = ['session'] as const

/** What the log-in page says when a session ended by itself. */
export let endedBy: 'expiry' | null = null

function noteExpiry(error: unknown): void {
  const hadSession =
    queryClient.getQueryData(SESSION_KEY) !== undefined && queryClient.getQueryData(SESSION_KEY) !== null
  if (!(error instanceof Problem) || error.status !== 401 || !hadSession) return
  endSession('expiry')
}

/** Forgets everything that was shown: the next reader may be another one. */
export function endSession(by: 'expiry' | null): void {
  endedBy = by
  queryClient.setQueryData(SESSION_KEY, null)
  queryClient.removeQueries({ predicate: ({ queryKey }) => queryKey[0] !== SESSION_KEY[0] })
}

export const queryClient: QueryClient = new QueryClient({
  queryCache: new QueryCache({ onError: noteExpiry }),
  mutationCache: new MutationCache({ onError: noteExpiry }),
  defaultOptions: {
    queries: {
      staleTime: 5_000,
      // What was refused stays refused; a server that restarts is back in a moment.
      retry: (failures, error) =>
        failures < 2 && error instanceof Problem && (error.status === 0 || error.status === 503),
    },
  },
})
