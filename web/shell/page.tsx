import { lazy, type ReactElement } from 'react'
import { Link } from '../routing/router.tsx'
import type { Route } from '../routing/routes.ts'
import { Overview } from '../pages/overview/overview.tsx'
import { Empty } from '../parts/states.tsx'

// Loaded when they are first shown, so that the overview is there at once.
const Backups = lazy(async () =>
  import('../pages/backups/backups.tsx').then(({ Backups: page }) => ({ default: page })),
)
const BackupPage = lazy(async () =>
  import('../pages/backup/backup-page.tsx').then(({ BackupPage: page }) => ({ default: page })),
)
const LookInside = lazy(async () =>
  import('../pages/look/look-inside.tsx').then(({ LookInside: page }) => ({ default: page })),
)
const Compare = lazy(async () =>
  import('../pages/compare/compare.tsx').then(({ Compare: page }) => ({ default: page })),
)
const Restore = lazy(async () =>
  import('../pages/restore/restore.tsx').then(({ Restore: page }) => ({ default: page })),
)
const Retention = lazy(async () =>
  import('../pages/retention/retention.tsx').then(({ Retention: page }) => ({ default: page })),
)
const Exports = lazy(async () =>
  import('../pages/exports/exports.tsx').then(({ Exports: page }) => ({ default: page })),
)
const Schedule = lazy(async () =>
  import('../pages/schedule/schedule.tsx').then(({ Schedule: page }) => ({ default: page })),
)
const Activity = lazy(async () =>
  import('../pages/activity/activity.tsx').then(({ Activity: page }) => ({ default: page })),
)
const Settings = lazy(async () =>
  import('../pages/settings/settings.tsx').then(({ Settings: page }) => ({ default: page })),
)

/** The page of a route. A page about a database is another one for another database: no state of one is left in the other. */
export function Page({ route }: { readonly route: Route }): ReactElement {
  switch (route.page) {
    case 'overview':
      return <Overview />
    case 'backups':
      return <Backups key={route.database} database={route.database} />
    case 'backup':
      return (
        <BackupPage key={`${route.database}/${route.backup}`} database={route.database} name={route.backup} />
      )
    case 'look':
      return (
        <LookInside
          key={`${route.database}/${route.backup}`}
          database={route.database}
          name={route.backup}
          table={route.table}
        />
      )
    case 'compare':
      return <Compare key={route.database} database={route.database} left={route.left} right={route.right} />
    case 'restore':
      return (
        <Restore key={`${route.database}/${route.backup}`} database={route.database} name={route.backup} />
      )
    case 'retention':
      return <Retention key={route.database} database={route.database} />
    case 'exports':
      return <Exports key={route.database} database={route.database} />
    case 'schedule':
      return <Schedule />
    case 'activity':
      return <Activity />
    case 'settings':
      return <Settings />
    case 'unknown':
      return (
        <Empty title="There is no such page">
          <Link to={{ page: 'overview' }} className="text-accent underline">
            Go to the overview
          </Link>
        </Empty>
      )
  }
}
