/** A job's progress as server-sent events, for as long as it goes on and its reader may have it. */
import type { SSEStreamingApi } from 'hono/streaming'
import type { Principal, Service } from './environment.ts'

/** Proxies cut what is silent for longer, and a revoked token is noticed within. */
const CHECK_MS = 1000
const SILENCE_MS = 15_000

export async function followJob(
  stream: SSEStreamingApi,
  {
    service: { jobs, stopping, log },
    principal,
    id,
    after,
  }: {
    readonly service: Service
    readonly principal: Principal
    readonly id: string
    /** The change that the reader has seen already; -1: none. */
    readonly after: number
  },
): Promise<void> {
  let seen = after
  let wake = (): void => {}
  const unfollow = jobs.follow(id, () => wake())
  const stop = (): void => wake()
  stream.onAbort(stop)
  stopping.addEventListener('abort', stop, { once: true })
  try {
    for (let silentSince = performance.now(); !stream.aborted && !stopping.aborted;) {
      const { job, version } = jobs.state(id, principal.role)
      if (version > seen) {
        await stream.writeSSE({ event: 'job', id: String(version), data: JSON.stringify(job) })
        seen = version
        silentSince = performance.now()
      }
      if (job.endedAt !== null) return
      if (performance.now() - silentSince > SILENCE_MS) {
        await stream.write(': still here\n\n')
        silentSince = performance.now()
      }
      await new Promise<void>(resolve => {
        const timer = setTimeout(resolve, CHECK_MS)
        wake = () => {
          clearTimeout(timer)
          resolve()
        }
        // What came while the last event was written.
        if (jobs.state(id, principal.role).version > seen) wake()
      })
      if (!(await principal.stillHolds())) {
        log.warn(
          { event: 'stream-refused', who: principal.name },
          'A stream was ended: its token was revoked',
        )
        return
      }
    }
  } finally {
    unfollow()
    stopping.removeEventListener('abort', stop)
  }
}
