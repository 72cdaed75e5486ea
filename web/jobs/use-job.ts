import { useMutation } from '@tanstack/react-query'
import { useCallback, useEffect, useEffectEvent, useRef, useState } from 'react'
import { cancelJob, jobEventsUrl, getJob } from '../api/calls.ts'
import { mayPass, Problem } from '../api/problem.ts'
import { noteExpiry, queryClient } from '../api/query-client.ts'
import type { Job, JobKind, JobOf, JobResults } from '../api/types.ts'

/** A piece of long work as a page sees it. */
export interface RunningJob<Kind extends JobKind> {
  readonly begin: () => void
  /** Asks it to end, which it does in a moment. */
  readonly cancel: () => Promise<void>
  /** Forgets it; what it did stays done. */
  readonly reset: () => void
  readonly job: JobOf<Kind> | null
  readonly isBusy: boolean
  readonly result: JobResults[Kind] | null
  /** Why it could not be begun, or failed, or why nobody can say any more how it goes on. */
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
  const [lost, setLost] = useState<unknown>(null)
  const forget = useCallback(() => {
    setJob(null)
    setLost(null)
  }, [])
  // What came of the last one is not shown for what is begun now, nor beside why it could not be.
  const begin = useMutation({ mutationFn: request, onMutate: forget })
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
  const lose = useEffectEvent((error: unknown) => {
    setLost(error)
    noteExpiry(error)
    // It may have done something all the same.
    void queryClient.invalidateQueries({ queryKey: ['db', job?.database] })
  })
  useEffect(() => {
    if (id === undefined) return undefined
    return followJob(id, { onState: next => take(next), onLost: error => lose(error) })
  }, [id])
  const cancel = useCallback(async () => {
    if (id !== undefined) await cancelJob(id)
  }, [id])
  const { reset: resetBegin } = begin
  const reset = useCallback(() => {
    forget()
    resetBegin()
  }, [forget, resetBegin])
  return {
    // Of several that were begun the last one is meant: what the others are answered with comes too late.
    begin: () => begin.mutate(undefined, { onSuccess: setJob }),
    cancel,
    reset,
    job,
    isBusy: begin.isPending || (job !== null && !isEnded && lost === null),
    result: job?.result ?? null,
    error: begin.error ?? lost ?? problemOfJob(job),
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

interface JobListeners {
  readonly onState: (job: Job) => void
  /** It goes on, or has ended, and nobody says how. */
  readonly onLost: (error: unknown) => void
}

/** Calls back with each state of a job until it has ended; returns how to stop. */
function followJob(id: string, { onState, onLost }: JobListeners): () => void {
  const source = new EventSource(jobEventsUrl(id))
  const stopping = new AbortController()
  let timer: number | undefined
  const take = (job: Job): void => {
    onState(job)
    if (hasEnded(job)) source.close()
  }
  const poll = (): void => {
    const again = (): void => {
      timer = window.setTimeout(poll, POLL_MS)
    }
    getJob(id, stopping.signal).then(
      job => {
        if (stopping.signal.aborted) return
        take(job)
        if (!hasEnded(job)) again()
      },
      (error: unknown) => {
        if (stopping.signal.aborted) return
        if (mayPass(error)) again()
        else onLost(error)
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
    stopping.abort()
    window.clearTimeout(timer)
  }
}
