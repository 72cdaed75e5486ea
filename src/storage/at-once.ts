/**
 * Small calls: of looking at what is there, and of changing names and modes, a backup makes some eighty. To hand one to a
 * thread and back takes ten times as long as the call itself.
 */
let isAtOnce = false

/**
 * For a process whose events nobody waits for: from now on it makes these calls itself. A disk that does not answer then
 * holds up all of it, which whoever watches it notices as before.
 */
export function callAtOnce(): void {
  isAtOnce = true
}

/** The call made here, or handed to a thread. */
export function either<T>(atOnce: () => T, handedOver: () => Promise<T>): T | Promise<T> {
  return isAtOnce ? atOnce() : handedOver()
}
