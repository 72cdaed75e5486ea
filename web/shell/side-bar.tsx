import { Dialog } from '@base-ui/react/dialog'
import type { ReactElement } from 'react'
import mark from '../mark.svg'
import { buttonClass } from '../parts/button.tsx'
import { cx } from '../parts/class-names.ts'
import { SelectField } from '../parts/field.tsx'
import { chooseTheme, THEMES, type Theme, useTheme } from '../parts/theme.ts'
import { useDatabases } from '../api/queries.ts'
import { goTo, Link } from '../routing/router.tsx'
import type { Route } from '../routing/routes.ts'
import { LogOut } from '../session/log-out.tsx'
import {
  databaseEntries,
  databaseOf,
  GLOBAL_ENTRIES,
  inDatabase,
  type NavigationEntry,
} from './navigation.ts'

/** Beside the page, where there is room. */
export function SideBar({ route }: { readonly route: Route }): ReactElement {
  return (
    <div className="sticky top-0 hidden h-dvh flex-col overflow-y-auto border-r border-line bg-surface p-4 lg:flex">
      <Brand />
      <Navigation route={route} />
    </div>
  )
}

/** Above the page, where there is not: the same behind a button. */
export function TopBar({
  route,
  address,
}: {
  readonly route: Route
  readonly address: string
}): ReactElement {
  return (
    <header className="sticky top-0 z-10 flex items-center justify-between border-b border-line bg-surface px-4 py-2 lg:hidden">
      <Brand />
      {/* Another one for another address: whoever went there has used it. */}
      <Dialog.Root key={address}>
        <Dialog.Trigger className={buttonClass()}>Menu</Dialog.Trigger>
        <Dialog.Portal>
          <Dialog.Backdrop className="fixed inset-0 z-10 bg-shade" />
          <Dialog.Popup className="fixed inset-y-0 right-0 z-10 flex w-[min(18rem,85vw)] flex-col overflow-y-auto border-l border-line bg-surface p-4">
            <div className="mb-2 flex items-center justify-between">
              <Dialog.Title>Menu</Dialog.Title>
              <Dialog.Close className={buttonClass()}>Close</Dialog.Close>
            </div>
            <Navigation route={route} />
          </Dialog.Popup>
        </Dialog.Portal>
      </Dialog.Root>
    </header>
  )
}

function Brand(): ReactElement {
  return (
    <Link to={{ page: 'overview' }} className="flex items-center gap-2.5 font-semibold tracking-tight">
      <img src={mark} alt="" className="size-7" />
      Chame Backup
    </Link>
  )
}

function Navigation({ route }: { readonly route: Route }): ReactElement {
  const databases = useDatabases()
  const names = databases.data?.map(({ name }) => name) ?? []
  const database = databaseOf(route) ?? names[0]
  return (
    <>
      <nav aria-label="Pages" className="mt-5 grid gap-0.5">
        <Entry
          entry={{ label: 'Overview', route: { page: 'overview' }, pages: ['overview'] }}
          route={route}
        />
        {database !== undefined && (
          <>
            <DatabaseChoice names={names} database={database} route={route} />
            {databaseEntries(database).map(entry => (
              <Entry key={entry.label} entry={entry} route={route} />
            ))}
          </>
        )}
        <p className="mt-4 mb-1 px-2.5 text-xs font-semibold text-muted">All databases</p>
        {GLOBAL_ENTRIES.map(entry => (
          <Entry key={entry.label} entry={entry} route={route} />
        ))}
      </nav>
      <div className="mt-auto grid gap-3 pt-6">
        <ThemeChoice />
        <LogOut />
      </div>
    </>
  )
}

function DatabaseChoice({
  names,
  database,
  route,
}: {
  readonly names: readonly string[]
  readonly database: string
  readonly route: Route
}): ReactElement {
  if (names.length < 2)
    return <p className="mt-4 mb-1 truncate px-2.5 text-xs font-semibold text-muted">{database}</p>
  return (
    <SelectField
      label="Database"
      isLabelHidden
      className="mt-4 mb-1"
      value={database}
      onChange={event => goTo(inDatabase(route, event.target.value))}
    >
      {names.map(name => (
        <option key={name}>{name}</option>
      ))}
    </SelectField>
  )
}

function Entry({ entry, route }: { readonly entry: NavigationEntry; readonly route: Route }): ReactElement {
  const isCurrent = entry.pages.includes(route.page)
  return (
    <Link
      to={entry.route}
      aria-current={isCurrent ? 'page' : undefined}
      className={cx(
        'rounded-md px-2.5 py-1.5 text-sm font-medium',
        isCurrent ? 'bg-accent-soft text-accent' : 'hover:bg-sunken',
      )}
    >
      {entry.label}
    </Link>
  )
}

const THEME_WORDS: Record<Theme, string> = { system: 'System colours', light: 'Light', dark: 'Dark' }

function ThemeChoice(): ReactElement {
  const theme = useTheme()
  return (
    <SelectField
      label="Colours"
      isLabelHidden
      value={theme}
      onChange={event => chooseTheme(THEMES.find(each => each === event.target.value) ?? 'system')}
    >
      {THEMES.map(each => (
        <option key={each} value={each}>
          {THEME_WORDS[each]}
        </option>
      ))}
    </SelectField>
  )
}
