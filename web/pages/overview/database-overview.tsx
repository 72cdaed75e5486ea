import { type ReactElement, useId } from 'react'
import { nameOf } from '../../api/backup-name.ts'
import { useDatabase, useHistory } from '../../api/queries.ts'
import type { DatabaseView } from '../../api/types.ts'
import { ButtonLink } from '../../parts/button.tsx'
import { Loaded, Notice } from '../../parts/states.tsx'
import { Link } from '../../routing/router.tsx'
import { counted, formatBytes, formatCount } from '../../words/numbers.ts'
import { formatAge, formatInstant, formatSpan } from '../../words/times.ts'
import { useNow } from '../../words/use-now.ts'
import { BackupCalendar } from './backup-calendar.tsx'
import { NextRuns } from './next-runs.tsx'
import { SizeHistory } from './size-history.tsx'
import { StorageByType } from './storage-by-type.tsx'
import { VerdictBadge } from './verdict-badge.tsx'

/** One database: the verdict first, then what it rests on. */
export function DatabaseOverview({ database }: { readonly database: string }): ReactElement {
  const query = useDatabase(database)
  const id = useId()
  return (
    <section aria-labelledby={id} className="rounded-lg border border-line bg-surface">
      <header className="flex flex-wrap items-center gap-3 border-b border-line px-4 py-3 sm:px-5">
        <h2 id={id} className="text-lg">
          {database}
        </h2>
        {query.data !== undefined && <VerdictBadge status={query.data.verdict.status} />}
        <ButtonLink
          to={{ page: 'backups', database }}
          className="ml-auto"
          aria-label={`Backups of ${database}`}
        >
          Backups
        </ButtonLink>
      </header>
      <Loaded query={query} what={`the state of ${database}`}>
        {view => <Body view={view} />}
      </Loaded>
    </section>
  )
}

function Body({ view }: { readonly view: DatabaseView }): ReactElement {
  const history = useHistory(view.name)
  return (
    <div className="grid gap-6 p-4 sm:p-5">
      <ul className="grid gap-1">
        {view.verdict.reasons.map(reason => (
          <li key={reason}>{reason}</li>
        ))}
      </ul>
      {view.warnings.length > 0 && (
        <Notice tone="warn">
          <ul className="grid gap-1.5">
            {view.warnings.map(warning => (
              <li key={warning}>{warning}</li>
            ))}
          </ul>
        </Notice>
      )}
      <Figures view={view} />
      <div className="grid gap-x-8 gap-y-6 lg:grid-cols-2">
        <Loaded query={history} what="its history">
          {days => <SizeHistory database={view.name} days={days} />}
        </Loaded>
        <div className="grid content-start gap-6 sm:grid-cols-2">
          <NextRuns schedule={view.schedule} />
          <StorageByType totals={view.backups.byType} packs={view.store} />
        </div>
      </div>
      <Loaded query={history} what="its history">
        {days => <BackupCalendar database={view.name} days={days} />}
      </Loaded>
    </div>
  )
}

function Figures({
  view: { name, backups, database, databaseProblem, disk, store },
}: {
  readonly view: DatabaseView
}): ReactElement {
  const now = useNow()
  const { newest, lastDrill } = backups
  return (
    <dl className="grid grid-cols-2 gap-px overflow-hidden rounded-md border border-line sm:grid-cols-3 xl:grid-cols-5">
      <Figure name="Newest backup" value={newest === null ? 'None' : formatAge(newest.created, now)}>
        {newest !== null && (
          <Link to={{ page: 'backup', database: name, backup: nameOf(newest) }} className="underline">
            {newest.type}, {formatInstant(newest.created)}
          </Link>
        )}
      </Figure>
      <Figure
        name="Last drill"
        value={
          lastDrill === null
            ? 'Never'
            : lastDrill.passed
              ? `Passed ${formatAge(lastDrill.at, now)}`
              : 'Failed'
        }
      >
        {lastDrill === null
          ? 'No backup was restored to prove it'
          : `in ${formatSpan(lastDrill.duration_ms)}`}
      </Figure>
      <Figure name="Database" value={database === null ? 'Not readable' : formatBytes(database.sizeBytes)}>
        {database === null
          ? databaseProblem
          : `${counted(database.tables.length, 'table')}, ${database.journalMode} journal`}
      </Figure>
      <Figure name="Backups" value={formatCount(backups.count)}>
        {formatBytes(backups.sizeBytes)} stored
        {store !== null && `, and ${formatBytes(store.sizeBytes)} in packs`}
      </Figure>
      <Figure name="Free space" value={formatBytes(disk.freeBytes)}>
        {disk.nextBackupBytes > 0 &&
          `${disk.fits > 9999 ? 'more than 9,999 more backups' : counted(disk.fits, 'more backup')} fit`}
      </Figure>
    </dl>
  )
}

function Figure({
  name,
  value,
  children,
}: {
  readonly name: string
  readonly value: string
  readonly children: React.ReactNode
}): ReactElement {
  return (
    <div className="min-w-0 p-3 max-sm:last:odd:col-span-2 shadow-[0_0_0_1px_var(--line)]">
      <dt className="text-xs font-medium text-muted">{name}</dt>
      <dd className="text-lg font-semibold tracking-tight">{value}</dd>
      <dd className="text-xs text-muted">{children}</dd>
    </div>
  )
}
