import { CSPProvider } from '@base-ui/react/csp-provider'
import { QueryClientProvider } from '@tanstack/react-query'
import type { ReactElement } from 'react'
import { useSessionQuery } from './api/queries.ts'
import { queryClient } from './api/query-client.ts'
import { Toasts } from './parts/toasts.tsx'
import { LogIn } from './session/log-in.tsx'
import { SessionContext } from './session/session.ts'
import { Loaded } from './parts/states.tsx'
import { Shell } from './shell/shell.tsx'

/** The console: the log-in page, or the shell with a page in it. */
export function Console(): ReactElement {
  return (
    // The content security policy allows no style elements.
    <CSPProvider disableStyleElements>
      <QueryClientProvider client={queryClient}>
        <Door />
        <Toasts />
      </QueryClientProvider>
    </CSPProvider>
  )
}

function Door(): ReactElement {
  const query = useSessionQuery()
  return (
    <Loaded query={query} what="the console">
      {session =>
        session === null ? (
          <LogIn />
        ) : (
          // Another session is somebody else's, perhaps: nothing of the last one is left.
          <SessionContext key={session.csrfToken} value={session}>
            <Shell />
          </SessionContext>
        )
      }
    </Loaded>
  )
}
