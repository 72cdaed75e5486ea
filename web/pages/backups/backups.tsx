import { type ReactElement, useState } from 'react'
import { useBackups } from '../../api/queries.ts'
import type { BackupFilter } from '../../api/calls.ts'
import { Button } from '../../parts/button.tsx'
import type { Sorting } from '../../parts/data-table.tsx'
import { PageHeader } from '../../parts/panel.tsx'
import { Empty, Loaded } from '../../parts/states.tsx'
import { useMay } from '../../session/permissions.ts'
import { counted, formatBytes } from '../../words/numbers.ts'
import { BackupFilters, type Filters, NO_FILTERS } from './backup-filters.tsx'
import { BackupTable } from './backup-table.tsx'
import { CreateBackup } from './create-backup.tsx'
import { UploadBackup } from './upload-backup.tsx'

const PAGE_SIZE = 50

/** All backups of a database, and what can be done with each. */
export function Backups({ database }: { readonly database: string }): ReactElement {
  const [filters, setFilters] = useState<Filters>(NO_FILTERS)
  const [sorting, setSorting] = useState<Sorting>({ key: 'created', direction: 'descending' })
  // The cursors of the pages before this one; the first page has none.
  const [cursors, setCursors] = useState<readonly string[]>([])
  const filter = filterOf(filters, sorting, cursors.at(-1) ?? null)
  const query = useBackups(database, filter)
  return (
    <>
      <PageHeader
        title="Backups"
        about={`Every restore point of ${database}.`}
        actions={<Actions database={database} />}
      />
      <section aria-label="Backups" className="rounded-lg border border-line bg-surface">
        <BackupFilters
          database={database}
          filters={filters}
          onChange={next => {
            setFilters(next)
            setCursors([])
          }}
        />
        <Loaded query={query} what="backups">
          {({ backups, total, sizeBytes, nextCursor }) =>
            total === 0 ? (
              <None
                isFiltered={filters !== NO_FILTERS && Object.values(filters).some(value => value !== '')}
              />
            ) : (
              <>
                <p role="status" className="border-b border-line px-4 py-2 text-sm text-muted">
                  {counted(total, 'backup')}, {formatBytes(sizeBytes)}
                </p>
                {backups.length === 0 ? (
                  <Empty title="What was on this page is gone" />
                ) : (
                  <BackupTable
                    database={database}
                    backups={backups}
                    sorting={sorting}
                    onSort={next => {
                      setSorting(next)
                      setCursors([])
                    }}
                  />
                )}
                <Pages
                  page={cursors.length}
                  onPrevious={cursors.length === 0 ? null : () => setCursors(cursors.slice(0, -1))}
                  onNext={nextCursor === null ? null : () => setCursors([...cursors, nextCursor])}
                />
              </>
            )
          }
        </Loaded>
      </section>
    </>
  )
}

function Actions({ database }: { readonly database: string }): ReactElement {
  const mayCreate = useMay('create-backup')
  const mayUpload = useMay('upload-backup')
  return (
    <>
      {mayUpload && <UploadBackup database={database} />}
      {mayCreate && <CreateBackup database={database} />}
    </>
  )
}

function None({ isFiltered }: { readonly isFiltered: boolean }): ReactElement {
  if (isFiltered)
    return <Empty title="No backup matches">Search for less, or choose another type or state.</Empty>
  return (
    <Empty title="There are no backups yet">
      Make the first one now. The scheduler (chame-backup-scheduler) makes one every night by itself.
    </Empty>
  )
}

function Pages({
  page,
  onPrevious,
  onNext,
}: {
  readonly page: number
  readonly onPrevious: (() => void) | null
  readonly onNext: (() => void) | null
}): ReactElement | null {
  if (onPrevious === null && onNext === null) return null
  return (
    <nav
      aria-label="Pages of backups"
      className="flex items-center justify-between gap-3 border-t border-line px-4 py-2 text-sm"
    >
      <Button disabled={onPrevious === null} onClick={() => onPrevious?.()}>
        Previous
      </Button>
      <span className="text-muted">Page {page + 1}</span>
      <Button disabled={onNext === null} onClick={() => onNext?.()}>
        Next
      </Button>
    </nav>
  )
}

function filterOf(filters: Filters, { key, direction }: Sorting, cursor: string | null): BackupFilter {
  return {
    target: filters.target,
    q: filters.search,
    type: filters.type,
    state: filters.state,
    sort: key,
    order: direction === 'ascending' ? 'asc' : 'desc',
    limit: PAGE_SIZE,
    cursor,
  }
}
