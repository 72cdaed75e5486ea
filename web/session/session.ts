import { createContext, use } from 'react'
import type { Session } from '../api/types.ts'

export const SessionContext: React.Context<Session | null> = createContext<Session | null>(null)

/** Who is logged in, below the shell, where somebody is. */
export function useSession(): Session {
  const session = use(SessionContext)
  if (session === null) throw new Error('no session outside the shell')
  return session
}
