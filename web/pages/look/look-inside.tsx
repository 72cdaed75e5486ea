import { type ReactElement, useState } from 'react'
import { parseName } from '../../api/backup-name.ts'
import { useTables } from '../../api/queries.ts'
import type { BackupLookedInside, LookedTable } from '../../api/types.ts'
import { cx } from '../../parts/class-names.ts'
import { SelectField } from '../../parts/field.tsx'
import { PageHeader } from '../../parts/panel.tsx'
import { Empty, Loaded, Notice } from '../../parts/states.tsx'
import { Tabs } from '../../parts/tabs.tsx'
import { goTo, Link } from '../../routing/router.tsx'
import { useMay } from '../../session/permissions.ts'
import { formatCount } from '../../words/numbers.ts'
import { formatInstant } from '../../words/times.ts'
import { QueryBox } from './query-box.tsx'
import { Rows } from './rows.tsx'
import { Schema } from './schema.tsx'

interface Place {
  readonly database: string
  /** Of the backup. */
  readonly name: string
}

/** What is in a stored backup, which is opened read-only. */
export function LookInside({
  database,
  name,
  table,
}: Place & { readonly table: string | null }): ReactElement {
  const query = useTables(database, name)
  return (
    <>
      <p className="mb-3 text-sm">
        <Link
          to={{ page: 'backup', database, backup: name }}
          className="break-all text-accent hover:underline"
        >
          ← {parseName(name).filename}
        </Link>
      </p>
      <Loaded query={query} what="what is in the backup">
        {inside => <Inside inside={inside} place={{ database, name }} table={table} />}
      </Loaded>
    </>
  )
}

function Inside({
  inside,
  place,
  table,
}: {
  readonly inside: BackupLookedInside
  readonly place: Place
  readonly table: string | null
}): ReactElement {
  const mayQuery = useMay('query-backup')
  // Whoever goes to another table wants to see it.
  const [tab, setTab] = useState({ name: 'Tables', table })
  const chosen =
    inside.tables.find(({ name }) => name === table) ?? (table === null ? inside.tables[0] : undefined)
  const browse =
    inside.tables.length === 0 ? (
      <Empty title="There are no tables">The database was empty when it was backed up.</Empty>
    ) : (
      <div className="grid gap-4 lg:grid-cols-[15rem_minmax(0,1fr)]">
        <TableList tables={inside.tables} chosen={chosen?.name ?? null} place={place} />
        {chosen === undefined ? (
          <Empty title="There is no such table in this backup" />
        ) : (
          <TableView key={chosen.name} table={chosen} place={place} />
        )}
      </div>
    )
  return (
    <>
      <PageHeader
        title="Look inside"
        about={`As of ${formatInstant(inside.backup.created)}. It is opened read-only: nothing here can change it.`}
      />
      {mayQuery ? (
        <Tabs
          label="Ways to look"
          chosen={tab.table === table ? tab.name : 'Tables'}
          onChoose={name => setTab({ name, table })}
          tabs={[
            { name: 'Tables', content: browse },
            { name: 'SQL', content: <QueryBox {...place} /> },
          ]}
        />
      ) : (
        browse
      )}
    </>
  )
}

const KINDS: Partial<Record<LookedTable['kind'], string>> = {
  view: 'view',
  virtual: 'virtual table',
  shadow: 'part of a virtual table',
  internal: 'of SQLite itself',
}

function TableList({
  tables,
  chosen,
  place: { database, name: backup },
}: {
  readonly tables: readonly LookedTable[]
  readonly chosen: string | null
  readonly place: Place
}): ReactElement {
  return (
    <>
      <SelectField
        label="Table"
        className="lg:hidden"
        value={chosen ?? ''}
        onChange={event => goTo({ page: 'look', database, backup, table: event.target.value })}
      >
        {tables.map(({ name }) => (
          <option key={name}>{name}</option>
        ))}
      </SelectField>
      <nav aria-label="Tables" className="hidden grid-cols-[minmax(0,1fr)] content-start gap-0.5 lg:grid">
        {tables.map(({ name, rows, kind }) => (
          <Link
            key={name}
            to={{ page: 'look', database, backup, table: name }}
            aria-current={name === chosen ? 'true' : undefined}
            className={cx(
              'flex items-baseline justify-between gap-3 rounded-md px-2.5 py-1.5 text-sm',
              name === chosen ? 'bg-accent-soft font-medium text-accent' : 'hover:bg-sunken',
            )}
          >
            <span className="min-w-0 [overflow-wrap:anywhere]">{name}</span>
            <span className="shrink-0 text-xs text-muted">
              {rows === null ? (KINDS[kind] ?? '') : formatCount(rows)}
            </span>
          </Link>
        ))}
      </nav>
    </>
  )
}

function TableView({ table, place }: { readonly table: LookedTable; readonly place: Place }): ReactElement {
  const mayRead = useMay('read-rows')
  return (
    <div className="grid min-w-0 content-start gap-4">
      <h2 className="text-lg [overflow-wrap:anywhere]">{table.name}</h2>
      {!mayRead && (
        <Notice tone="info">Your role sees tables and columns. Rows are for operators and admins.</Notice>
      )}
      {mayRead && !table.readable && (
        <Notice tone="info">
          {table.kind === 'view'
            ? 'It joins by sensitive columns, and would show them. Look at the tables that it reads instead.'
            : 'It holds the data of a virtual table, in a form of its own. Look at that table instead.'}
        </Notice>
      )}
      {mayRead && table.readable && <Rows {...place} table={table} />}
      <Schema table={table} />
    </div>
  )
}
