import { type ReactElement, Suspense, useEffect, useRef } from 'react'
import { Loading } from '../parts/states.tsx'
import { useRoute } from '../routing/router.tsx'
import { addressOf } from '../routing/routes.ts'
import { ErrorBoundary } from './error-boundary.tsx'
import { keepFocus } from './keep-focus.ts'
import { titleOf } from './navigation.ts'
import { Page } from './page.tsx'
import { SideBar, TopBar } from './side-bar.tsx'

/** What is around every page: a way past it, where one can go, who one is. */
export function Shell(): ReactElement {
  const route = useRoute()
  const main = useRef<HTMLElement>(null)
  const address = addressOf(route)
  // Another table of the same backup is the same place.
  const place = address.replace(/\?.*/, '')
  const title = titleOf(route)
  const isFirst = useRef(true)
  useEffect(() => {
    document.title = title
    // Another page begins at its top, for readers and keyboards too; the first one is where they are already.
    if (!isFirst.current) {
      main.current?.focus({ preventScroll: true })
      window.scrollTo(0, 0)
    }
    isFirst.current = false
  }, [place, title])
  useEffect(() => (main.current === null ? undefined : keepFocus(main.current)), [])
  return (
    <div className="lg:grid lg:min-h-dvh lg:grid-cols-[14.5rem_minmax(0,1fr)]">
      <a
        href={address}
        className="sr-only focus:not-sr-only focus:fixed focus:top-2 focus:left-2 focus:z-30 focus:rounded-md focus:bg-accent focus:px-3 focus:py-2 focus:text-accent-ink"
        onClick={event => {
          event.preventDefault()
          main.current?.focus()
        }}
      >
        Skip to content
      </a>
      <TopBar route={route} address={address} />
      <SideBar route={route} />
      <main ref={main} tabIndex={-1} className="mx-auto w-full max-w-[76rem] min-w-0 p-4 outline-none sm:p-6">
        <ErrorBoundary key={place}>
          <Suspense fallback={<Loading what="the page" />}>
            <Page route={route} />
          </Suspense>
        </ErrorBoundary>
      </main>
    </div>
  )
}
