import type { RequestContext } from './environment.ts'

/**
 * Does what may take longer than a silent connection is kept, while nothing moves on it: a database is being put together, or
 * checked.
 */
export async function inSilence<Result>(c: RequestContext, work: () => Promise<Result>): Promise<Result> {
  const { socket } = c.env.incoming
  const { timeout = 0 } = socket
  socket.setTimeout(0)
  try {
    return await work()
  } finally {
    socket.setTimeout(timeout)
  }
}
