import { useMutation } from '@tanstack/react-query'
import { type ReactElement, useEffect, useRef, useState } from 'react'
import { logIn } from '../api/calls.ts'
import { endedBy, queryClient, SESSION_KEY } from '../api/query-client.ts'
import mark from '../mark.svg'
import { Button } from '../parts/button.tsx'
import { TextField } from '../parts/field.tsx'
import { Notice, ProblemNote } from '../parts/states.tsx'
import { takeLink } from './link.ts'

/** The way in: an API token, or the link that the first start prints. */
export function LogIn(): ReactElement {
  const [token, setToken] = useState('')
  const entering = useMutation({
    mutationFn: logIn,
    onSuccess: session => queryClient.setQueryData(SESSION_KEY, session),
  })
  const { mutate } = entering
  const hasTried = useRef(false)
  useEffect(() => {
    document.title = 'Log in · Chame Backup'
    // A link works once, so it is used once, also where React runs effects twice.
    if (hasTried.current) return
    hasTried.current = true
    const link = takeLink()
    if (link !== null) mutate({ link })
  }, [mutate])
  return (
    <main className="mx-auto grid min-h-dvh w-full max-w-sm content-center gap-6 p-4">
      <header className="flex items-center gap-3">
        <img src={mark} alt="" className="size-10" />
        <h1>Chame Backup</h1>
      </header>
      {endedBy === 'expiry' && !entering.isError && (
        <Notice tone="info">
          <p role="status">Your session has ended. Log in again; you come back to the page where you were.</p>
        </Notice>
      )}
      <form
        className="grid gap-4 rounded-lg border border-line bg-surface p-5"
        onSubmit={event => {
          event.preventDefault()
          mutate({ token: token.trim() })
        }}
      >
        <TextField
          label="API token"
          type="password"
          autoComplete="current-password"
          required
          value={token}
          onChange={event => setToken(event.target.value)}
        />
        {entering.isError && <ProblemNote error={entering.error} />}
        <Button type="submit" look="primary" disabled={token.trim() === '' || entering.isPending}>
          {entering.isPending ? 'Logging in …' : 'Log in'}
        </Button>
      </form>
      <p className="text-sm text-muted">
        Make a token with <code className="rounded bg-sunken px-1">chame-backup token create</code>, or open
        the link that the server printed when it first started.
      </p>
    </main>
  )
}
