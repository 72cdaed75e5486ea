/** What routes look like; whatever else stands behind `#` is the secret of a log-in link. */
const ROUTE = /^#?(\/.*)?$/

let secret: string | null = null

/** Takes the secret of a log-in link out of the address before anything is shown, so that it stays in no history. */
export function keepLink(): void {
  const { hash } = window.location
  if (ROUTE.test(hash)) return
  secret = hash.slice(1)
  window.history.replaceState(null, '', './#/')
}

/** A link that is opened where the console is open changes only what stands behind `#`: it is opened anew, for the link. */
export function openLinks(): void {
  window.addEventListener('hashchange', () => {
    if (!ROUTE.test(window.location.hash)) window.location.reload()
  })
}

/** The secret of the link that the console was opened with, once: it works no second time. */
export function takeLink(): string | null {
  const taken = secret
  secret = null
  return taken
}
