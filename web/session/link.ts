/** What routes look like; whatever else stands behind `#` is the secret of a log-in link. */
const ROUTE = /^#?(\/.*)?$/

/** Takes the secret of a log-in link out of the address, so that it stays in no history; null when there is none. */
export function takeLink(): string | null {
  const { hash } = window.location
  if (ROUTE.test(hash)) return null
  window.history.replaceState(null, '', './#/')
  return hash.slice(1)
}
