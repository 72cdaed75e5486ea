import type { UseQueryResult } from '@tanstack/react-query'
import type { ReactElement, ReactNode } from 'react'
import { problemOf } from '../api/problem.ts'
import { inConsole } from '../words/hints.ts'
import { Button } from './button.tsx'

/** Holds the place of what is on its way. */
export function Loading({ what }: { readonly what: string }): ReactElement {
  return (
    <div role="status" className="flex items-center gap-3 p-4 text-sm text-muted">
      <span aria-hidden="true" className="size-3 animate-pulse rounded-full bg-accent" />
      Loading {what} …
    </div>
  )
}

/** Says that what is shown is of what was asked before. */
export function Working(): ReactElement {
  return (
    <span role="status" className="flex items-center gap-2 text-sm text-muted">
      <span aria-hidden="true" className="size-3 animate-pulse rounded-full bg-accent" />
      Working it out anew …
    </span>
  )
}

/** Nothing there, and what to do about it. */
export function Empty({
  title,
  children,
}: {
  readonly title: string
  readonly children?: ReactNode
}): ReactElement {
  return (
    <div className="px-4 py-8 text-center">
      <p className="font-semibold">{title}</p>
      {children !== undefined && <div className="mx-auto mt-1 max-w-md text-sm text-muted">{children}</div>}
    </div>
  )
}

/** What failed, with its code and what to do next, as every door says it. */
export function ProblemNote({
  error,
  onRetry,
  retry = 'Try again',
}: {
  readonly error: unknown
  readonly onRetry?: () => void
  /** What `onRetry` does. */
  readonly retry?: string
}): ReactElement {
  const { code, message, hint } = problemOf(error)
  return (
    <div role="alert" className="rounded-md border border-bad/40 bg-bad-soft p-3 text-sm">
      <p className="font-semibold whitespace-pre-line text-bad [overflow-wrap:anywhere]">{message}</p>
      {hint !== null && (
        <p className="mt-1 whitespace-pre-line [overflow-wrap:anywhere]">{inConsole(hint)}</p>
      )}
      <div className="mt-2 flex flex-wrap items-center gap-3">
        <code className="text-xs text-muted">{code}</code>
        {onRetry !== undefined && <Button onClick={onRetry}>{retry}</Button>}
      </div>
    </div>
  )
}

/** A notice that is no failure. */
export function Notice({
  tone,
  children,
}: {
  readonly tone: 'info' | 'warn' | 'good'
  readonly children: ReactNode
}): ReactElement {
  const looks = {
    info: 'border-info/30 bg-info-soft',
    warn: 'border-warn/40 bg-warn-soft',
    good: 'border-good/40 bg-good-soft',
  }
  return <div className={`rounded-md border p-3 text-sm ${looks[tone]}`}>{children}</div>
}

/** Shows a query: what it waits for, what failed, or what came. */
export function Loaded<Data>({
  query,
  what,
  children,
}: {
  readonly query: UseQueryResult<Data>
  /** "backups", as in "Loading backups". */
  readonly what: string
  readonly children: (data: Data) => ReactNode
}): ReactElement {
  if (query.data !== undefined) {
    return (
      <>
        {query.isError && (
          <div className="mb-3">
            <ProblemNote error={query.error} onRetry={() => void query.refetch()} />
          </div>
        )}
        {children(query.data)}
      </>
    )
  }
  if (query.isError) {
    return (
      <div className="p-4">
        <ProblemNote error={query.error} onRetry={() => void query.refetch()} />
      </div>
    )
  }
  return <Loading what={what} />
}
