import type { ReactElement } from 'react'
import { useDatabase, useDatabases } from '../../api/queries.ts'
import { cx } from '../../parts/class-names.ts'
import { SelectField, ServerSearchField } from '../../parts/field.tsx'

/** Empty text: all of them. */
export interface Filters {
  /** Name of the target that they are at; empty: where they are by default. */
  readonly target: string
  readonly search: string
  readonly type: string
  readonly state: string
}

export const NO_FILTERS: Filters = { target: '', search: '', type: '', state: '' }

const STATES = [
  ['', 'Any state'],
  ['verified', 'Verified'],
  ['unverified', 'Never verified'],
  ['damaged', 'Damaged'],
  ['pinned', 'Pinned'],
  ['no-metadata', 'Without metadata'],
] as const

export function BackupFilters({
  database,
  filters,
  onChange,
}: {
  readonly database: string
  readonly filters: Filters
  readonly onChange: (filters: Filters) => void
}): ReactElement {
  const types = useDatabase(database).data?.backups.byType ?? []
  const places = usePlaces(database)
  return (
    <search
      className={cx(
        'grid gap-2 border-b border-line p-3',
        places.length > 1
          ? 'sm:grid-cols-[minmax(0,1fr)_11rem_11rem_13rem]'
          : 'sm:grid-cols-[minmax(0,1fr)_11rem_11rem]',
      )}
    >
      <ServerSearchField
        label="Search name, description or creator"
        asked={filters.search}
        onAsk={search => onChange({ ...filters, search })}
      />
      <SelectField
        label="Type"
        isLabelHidden
        value={filters.type}
        onChange={event => onChange({ ...filters, type: event.target.value })}
      >
        <option value="">All types</option>
        {types.map(({ type, count }) => (
          <option key={type} value={type}>
            {type} ({count})
          </option>
        ))}
      </SelectField>
      <SelectField
        label="State"
        isLabelHidden
        value={filters.state}
        onChange={event => onChange({ ...filters, state: event.target.value })}
      >
        {STATES.map(([value, words]) => (
          <option key={value} value={value}>
            {words}
          </option>
        ))}
      </SelectField>
      {places.length > 1 && (
        <SelectField
          label="Where"
          isLabelHidden
          value={filters.target}
          onChange={event => onChange({ ...filters, target: event.target.value })}
        >
          {places.map(([value, words]) => (
            <option key={value} value={value}>
              {words}
            </option>
          ))}
        </SelectField>
      )}
    </search>
  )
}

/** Where backups may be: by default first, then at the targets. */
function usePlaces(database: string): readonly (readonly [value: string, words: string])[] {
  const targets = useDatabase(database).data?.targets ?? []
  const summary = useDatabases().data?.find(({ name }) => name === database)
  const primary = summary?.primaryTarget ?? null
  const others = targets.filter(({ target }) => target !== primary)
  return [
    ['', primary === null ? 'In the backup directory' : `At ${primary}`],
    ...others.map(({ target }) => [target, `At ${target}`] as const),
  ]
}
