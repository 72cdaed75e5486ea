import { useMutation } from '@tanstack/react-query'
import { useCallback, useEffect, useEffectEvent, useRef, useState } from 'react'
import { cancelJob, jobEventsUrl, getJob } from '../api/calls.ts'
import { Problem } from '../api/problem.ts'
import { queryClient } from '../api/query-client.ts'
import type { Job, JobKind, JobOf, JobResults } from '../api/types.ts'

/** A piece of long work as a page sees it. */
export interface RunningJob<Kind extends JobKind> {
  readonly begin: () => void
  readonly cancel: () => void
  /** Forgets it; what it did stays done. */
  readonly reset: () => void
  readonly job: JobOf<Kind> | null
  readonly isBusy: boolean
  readonly result: JobResults[Kind] | null
  /** Why it could not be begun, or failed. */
  readonly error: unknown
}

/**
 * Begins long work and follows it to its end. It goes on when the page is left.
 *
 * @param request begins it
 */
export function useJob<Kind extends JobKind>(
  request: () => Promise<JobOf<Kind>>,
  { onDone }: { readonly onDone?: (result: JobResults[Kind]) => void } = {},
): RunningJob<Kind> {
  const [job, setJob] = useState<JobOf<Kind> | null>(null)
  const begin = useMutation({ mutationFn: request, onSuccess: setJob })
  const id = job?.id
  const isEnded = job !== null && hasEnded(job)
  const take = useEffectEvent((next: Job) => {
    // The id is the one that the request of this kind was answered with.
    const mine = next as JobOf<Kind>
    setJob(current => (current?.id === mine.id ? mine : current))
    if (!hasEnded(mine)) return
    void queryClient.invalidateQueries({ queryKey: ['db', mine.database] })
    if (mine.kind === 'run-scheduled') void queryClient.invalidateQueries({ queryKey: ['schedule'] })
    if (mine.result !== null) onDone?.(mine.result)
  })
  useEffect(() => (id === undefined ? undefined : followJob(id, next => take(next))), [id])
  const cancel = useCallback(() => {
    if (id !== undefined) void cancelJob(id).catch(() => {})
  }, [id])
  const { reset: resetBegin } = begin
  const reset = useCallback(() => {
    setJob(null)
    resetBegin()
  }, [resetBegin])
  return {
    begin: () => begin.mutate(),
    cancel,
    reset,
    job,
    isBusy: begin.isPending || (job !== null && !isEnded),
    result: job?.result ?? null,
    error: begin.error ?? problemOfJob(job),
  }
}

/** The same, begun as soon as the page shows it. */
export function useJobAtOnce<Kind extends JobKind>(request: () => Promise<JobOf<Kind>>): RunningJob<Kind> {
  const running = useJob(request)
  const { begin } = running
  const hasBegun = useRef(false)
  useEffect(() => {
    // Once, also where React runs effects twice to find bugs.
    if (hasBegun.current) return
    hasBegun.current = true
    begin()
  }, [begin])
  return running
}

function hasEnded({ status }: Pick<Job, 'status'>): boolean {
  return status === 'succeeded' || status === 'failed' || status === 'cancelled'
}

function problemOfJob(job: Pick<Job, 'problem'> | null): Problem | null {
  const problem = job?.problem
  return problem === null || problem === undefined
    ? null
    : new Problem(problem.status, problem.code, problem.detail, { hint: problem.hint ?? null })
}

/** Where no stream is to be had, it is asked for so often. */
const POLL_MS = 2000

/** Calls back with each state of a job until it has ended; returns how to stop. */
function followJob(id: string, onState: (job: Job) => void): () => void {
  const source = new EventSource(jobEventsUrl(id))
  let timer: number | undefined
  const take = (job: Job): void => {
    onState(job)
    if (hasEnded(job)) source.close()
  }
  const poll = (): void => {
    const again = (): void => {
      timer = window.setTimeout(poll, POLL_MS)
    }
    getJob(id).then(
      job => {
        take(job)
        if (!hasEnded(job)) again()
      },
      // A server that restarts comes back; what is refused stays refused.
      (error: unknown) => {
        if (error instanceof Problem && error.status === 0) again()
      },
    )
  }
  source.addEventListener('job', (event: MessageEvent<string>) => take(JSON.parse(event.data) as Job))
  // The browser connects again by itself, unless the answer was a refusal.
  source.addEventListener('error', () => {
    if (source.readyState === EventSource.CLOSED) poll()
  })
  return () => {
    source.close()
    window.clearTimeout(timer)
  }
}
