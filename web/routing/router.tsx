import { type AnchorHTMLAttributes, type ReactElement, useMemo, useSyncExternalStore } from 'react'
import { addressOf, parseRoute, type Route } from './routes.ts'

function subscribe(listener: () => void): () => void {
  window.addEventListener('hashchange', listener)
  return () => window.removeEventListener('hashchange', listener)
}

/** The route of the address as it is now. */
export function useRoute(): Route {
  const hash = useSyncExternalStore(subscribe, () => window.location.hash)
  return useMemo(() => parseRoute(hash), [hash])
}

/** Goes to a page; `replace` leaves no step to go back to. */
export function goTo(route: Route, { replace = false }: { readonly replace?: boolean } = {}): void {
  const address = addressOf(route)
  if (replace) window.location.replace(address)
  else window.location.hash = address
}

/** A link to a page of the console. */
export function Link({
  to,
  children,
  ...rest
}: { readonly to: Route } & AnchorHTMLAttributes<HTMLAnchorElement>): ReactElement {
  return (
    <a href={addressOf(to)} {...rest}>
      {children}
    </a>
  )
}
