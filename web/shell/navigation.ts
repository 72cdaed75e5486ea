import type { PageName, Route } from '../routing/routes.ts'

export interface NavigationEntry {
  readonly label: string
  readonly route: Route
  /** The pages that stand below it. */
  readonly pages: readonly PageName[]
}

/** Where one can go, about one database. */
export function databaseEntries(database: string): readonly NavigationEntry[] {
  return [
    {
      label: 'Backups',
      route: { page: 'backups', database },
      pages: ['backups', 'backup', 'look', 'restore'],
    },
    { label: 'Compare', route: { page: 'compare', database, left: null, right: null }, pages: ['compare'] },
    { label: 'Retention', route: { page: 'retention', database }, pages: ['retention'] },
    { label: 'Exports', route: { page: 'exports', database }, pages: ['exports'] },
  ]
}

/** Where one can go, about all of them. */
export const GLOBAL_ENTRIES: readonly NavigationEntry[] = [
  { label: 'Schedule', route: { page: 'schedule' }, pages: ['schedule'] },
  { label: 'Activity', route: { page: 'activity' }, pages: ['activity'] },
  { label: 'Settings', route: { page: 'settings' }, pages: ['settings'] },
]

/** The database that a route is about; null for those about all. */
export function databaseOf(route: Route): string | null {
  return 'database' in route ? route.database : null
}

/** The same page of another database, as far as it has one. */
export function inDatabase(route: Route, database: string): Route {
  if (route.page === 'retention' || route.page === 'exports') return { page: route.page, database }
  if (route.page === 'compare') return { page: 'compare', database, left: null, right: null }
  return { page: 'backups', database }
}

const TITLES: Record<PageName, string> = {
  overview: 'Overview',
  backups: 'Backups',
  backup: 'Backup',
  look: 'Look inside',
  compare: 'Compare',
  restore: 'Restore',
  retention: 'Retention',
  exports: 'Exports',
  schedule: 'Schedule',
  activity: 'Activity',
  settings: 'Settings',
  unknown: 'Not found',
}

/** What the tab of the browser says. */
export function titleOf(route: Route): string {
  const database = databaseOf(route)
  return `${TITLES[route.page]}${database === null ? '' : ` · ${database}`} · Chame Backup`
}
