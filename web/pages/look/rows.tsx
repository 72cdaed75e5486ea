import { type ReactElement, useState } from 'react'
import { useRows } from '../../api/queries.ts'
import type { LookedTable } from '../../api/types.ts'
import { SelectField, ServerSearchField, SwitchField } from '../../parts/field.tsx'
import { Pager } from '../../parts/pager.tsx'
import { Panel } from '../../parts/panel.tsx'
import { Empty, Loaded } from '../../parts/states.tsx'
import { useMay } from '../../session/permissions.ts'
import { CellGrid } from './cell-grid.tsx'
import { MaskedNote } from './masked-note.tsx'

const PAGE_SIZE = 50

interface Order {
  /** Empty: the order of the table. */
  readonly column: string
  readonly descending: boolean
}

/** The rows of a table, a page at a time. */
export function Rows({
  database,
  name,
  table,
}: {
  readonly database: string
  readonly name: string
  readonly table: LookedTable
}): ReactElement {
  const [search, setSearch] = useState('')
  const [order, setOrder] = useState<Order>({ column: '', descending: false })
  const [offset, setOffset] = useState(0)
  const [reveal, setReveal] = useState(false)
  const maySeeSensitive = useMay('see-sensitive')
  const isSensitive = table.columns === null || table.columns.some(({ sensitive }) => sensitive !== null)
  // Other rows begin at the first page.
  const change = (set: () => void): void => {
    set()
    setOffset(0)
  }
  const query = useRows(
    database,
    { backup: name, table: table.name },
    {
      search,
      offset,
      limit: PAGE_SIZE,
      orderBy: order.column === '' ? null : order.column,
      descending: order.descending,
      reveal,
    },
  )
  return (
    <Panel
      title="Rows"
      flush
      aside={
        maySeeSensitive && isSensitive ? (
          <SwitchField label="Show sensitive values" checked={reveal} onChange={setReveal} />
        ) : undefined
      }
    >
      <RowFilters
        table={table}
        reveal={reveal}
        search={search}
        order={order}
        onSearch={text => change(() => setSearch(text))}
        onOrder={next => change(() => setOrder(next))}
      />
      <Loaded query={query} what="rows">
        {({ columns, rows, masked, total, hasMore, offset: shownOffset }) => (
          <>
            <MaskedNote masked={masked} />
            {rows.length === 0 ? (
              <Empty title={search === '' ? 'The table has no rows' : 'No row matches'} />
            ) : (
              <CellGrid
                caption={`Rows of ${table.name}`}
                columns={columns}
                rows={rows}
                firstRow={shownOffset + 1}
              />
            )}
            <Pager
              offset={shownOffset}
              shown={rows.length}
              total={total}
              pageSize={PAGE_SIZE}
              hasMore={hasMore}
              onOffset={setOffset}
            />
          </>
        )}
      </Loaded>
    </Panel>
  )
}

function RowFilters({
  table,
  reveal,
  search,
  order,
  onSearch,
  onOrder,
}: {
  readonly table: LookedTable
  readonly reveal: boolean
  readonly search: string
  readonly order: Order
  readonly onSearch: (text: string) => void
  readonly onOrder: (order: Order) => void
}): ReactElement {
  const columns = (table.columns ?? []).filter(({ sensitive }) => sensitive === null || reveal)
  return (
    <search className="grid gap-2 border-b border-line p-3 sm:grid-cols-[minmax(0,1fr)_12rem_9rem]">
      <ServerSearchField label="Search all columns" asked={search} onAsk={onSearch} />
      <SelectField
        label="Order by"
        isLabelHidden
        value={order.column}
        onChange={event => onOrder({ ...order, column: event.target.value })}
      >
        <option value="">Order of the table</option>
        {columns.map(({ name }) => (
          <option key={name} value={name}>
            By {name}
          </option>
        ))}
      </SelectField>
      <SelectField
        label="Direction"
        isLabelHidden
        value={order.descending ? 'desc' : 'asc'}
        onChange={event => onOrder({ ...order, descending: event.target.value === 'desc' })}
      >
        <option value="asc">Ascending</option>
        <option value="desc">Descending</option>
      </SelectField>
    </search>
  )
}
