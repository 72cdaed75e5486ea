import { useSyncExternalStore } from 'react'

const TICK_MS = 15_000

let now = Date.now()
const listeners = new Set<() => void>()
let timer: number | undefined

function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  // Nobody has looked at it for a while, perhaps.
  if (timer === undefined) now = Date.now()
  timer ??= window.setInterval(() => {
    now = Date.now()
    for (const each of listeners) each()
  }, TICK_MS)
  return () => {
    listeners.delete(listener)
    if (listeners.size > 0) return
    window.clearInterval(timer)
    timer = undefined
  }
}

/** The time now, kept up to date often enough for ages in minutes. */
export function useNow(): number {
  return useSyncExternalStore(subscribe, () => now)
}
