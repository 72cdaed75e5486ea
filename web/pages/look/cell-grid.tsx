import type { ReactElement } from 'react'
import type { Cell } from '../../api/types.ts'
import { ScrollRegion } from '../../parts/scroll-region.tsx'
import { CellValue } from '../../words/cells.tsx'

/**
 * Rows of any table, as wide as it is: it scrolls within its own frame.
 */
export function CellGrid({
  caption,
  columns,
  rows,
  firstRow,
}: {
  readonly caption: string
  readonly columns: readonly string[]
  readonly rows: readonly (readonly Cell[])[]
  /** Number of the first of them. */
  readonly firstRow: number
}): ReactElement {
  return (
    <ScrollRegion label={caption} className="max-h-[34rem]">
      <table className="w-full border-collapse text-xs">
        <caption className="sr-only">{caption}</caption>
        <thead className="sticky top-0 bg-sunken">
          <tr>
            <th scope="col" className="border-b border-line px-2 py-1.5 text-end font-medium text-muted">
              <span className="sr-only">Row</span>#
            </th>
            {columns.map((column, index) => (
              <th
                // A query may give one name to several columns.
                key={`${index}-${column}`}
                scope="col"
                className="border-b border-line px-2 py-1.5 text-start font-semibold whitespace-nowrap"
              >
                {column}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, index) => (
            <tr key={firstRow + index} className="hover:bg-sunken">
              <td className="border-b border-line px-2 py-1 text-end align-top text-muted">
                {firstRow + index}
              </td>
              {row.map((cell, place) => (
                <td key={`${place}-${columns[place]}`} className="border-b border-line px-2 py-1 align-top">
                  <div className="line-clamp-3 max-w-80 min-w-16 font-mono [overflow-wrap:anywhere]">
                    <CellValue cell={cell} />
                  </div>
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </ScrollRegion>
  )
}
