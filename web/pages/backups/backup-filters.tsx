import type { ReactElement } from 'react'
import { useDatabase } from '../../api/queries.ts'
import { SearchField, SelectField } from '../../parts/field.tsx'

/** Empty text: all of them. */
export interface Filters {
  readonly search: string
  readonly type: string
  readonly state: string
}

export const NO_FILTERS: Filters = { search: '', type: '', state: '' }

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
  return (
    <search className="grid gap-2 border-b border-line p-3 sm:grid-cols-[minmax(0,1fr)_11rem_11rem]">
      <SearchField
        label="Search name, description or creator"
        value={filters.search}
        onChange={search => onChange({ ...filters, search })}
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
    </search>
  )
}
