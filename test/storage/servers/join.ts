import type { Socket } from 'node:net'
import { pipeline } from 'node:stream'

/** Passes on what comes from either to the other, its end and its failure as well. */
export function join(one: Socket, other: Socket): void {
  const end = (error: unknown): void => {
    if (error === null || error === undefined) return
    one.destroy()
    other.destroy()
  }
  pipeline(one, other, end)
  pipeline(other, one, end)
}
