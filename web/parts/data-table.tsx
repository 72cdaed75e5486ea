/* oxlint-disable jsx-a11y/no-redundant-roles, jsx-a11y/no-interactive-element-to-noninteractive-role -- browsers forget
   what a table is once it is laid out as blocks, as it is on a narrow screen */
import type { ReactElement, ReactNode } from 'react'
import { cx } from './class-names.ts'

export interface Column<Row> {
  /** Name of the column for the program; unique in the table. */
  readonly key: string
  readonly header: string
  readonly cell: (row: Row) => ReactNode
  readonly numeric?: boolean
  readonly sortable?: boolean
  /** `lead`: what names the row, and heads its card. `actions`: buttons; `menu`: one small button. */
  readonly part?: 'lead' | 'actions' | 'menu'
}

export interface Sorting {
  readonly key: string
  readonly direction: 'ascending' | 'descending'
}

/**
 * A table with columns, whose rows become cards on a narrow screen.
 */
export function DataTable<Row>({
  caption,
  columns,
  rows,
  keyOf,
  sorting,
  onSort,
}: {
  /** For who cannot see it. */
  readonly caption: string
  readonly columns: readonly Column<Row>[]
  readonly rows: readonly Row[]
  readonly keyOf: (row: Row) => string
  readonly sorting?: Sorting
  readonly onSort?: (sorting: Sorting) => void
}): ReactElement {
  return (
    <table className="data-table" role="table" aria-label={caption}>
      <thead role="rowgroup">
        <tr role="row">
          {columns.map(column => (
            <th
              key={column.key}
              role="columnheader"
              scope="col"
              className={cx(column.numeric === true && 'numeric')}
              aria-sort={sorting?.key === column.key ? sorting.direction : undefined}
            >
              <Heading column={column} sorting={sorting} onSort={onSort} />
            </th>
          ))}
        </tr>
      </thead>
      <tbody role="rowgroup">
        {rows.map(row => (
          <tr key={keyOf(row)} role="row">
            {columns.map(({ key, header, cell, numeric, part }) => (
              <td
                key={key}
                role="cell"
                data-label={header}
                className={cx(numeric === true && 'numeric', part)}
              >
                <div className="min-w-0">{cell(row)}</div>
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  )
}

function Heading<Row>({
  column: { key, header, sortable, part },
  sorting,
  onSort,
}: {
  readonly column: Column<Row>
  readonly sorting: Sorting | undefined
  readonly onSort: ((sorting: Sorting) => void) | undefined
}): ReactElement {
  if (part === 'actions' || part === 'menu') return <span className="sr-only">{header}</span>
  if (sortable !== true || onSort === undefined) return <>{header}</>
  const isSorted = sorting?.key === key
  const isDescending = isSorted && sorting.direction === 'descending'
  return (
    <button
      type="button"
      className="inline-flex items-center gap-1 rounded hover:text-ink"
      onClick={() => onSort({ key, direction: isDescending ? 'ascending' : 'descending' })}
    >
      {header}
      <span aria-hidden="true" className={isSorted ? 'text-accent' : 'opacity-50'}>
        {isSorted ? (isDescending ? '↓' : '↑') : '↕'}
      </span>
    </button>
  )
}
