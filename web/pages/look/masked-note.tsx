import type { ReactElement } from 'react'
import type { RowsRead } from '../../api/types.ts'
import { counted } from '../../words/numbers.ts'

/** Which columns are not shown, and why. */
export function MaskedNote({ masked }: { readonly masked: RowsRead['masked'] }): ReactElement | null {
  if (masked.length === 0) return null
  return (
    <details className="border-b border-line bg-warn-soft px-4 py-2 text-sm">
      <summary>{counted(masked.length, 'sensitive column')} masked</summary>
      <ul className="mt-1 list-disc pl-5">
        {masked.map(({ table, column, why }) => (
          <li key={`${table}.${column}`}>
            <span className="font-medium">
              {table}.{column}
            </span>
            : {why}
          </li>
        ))}
      </ul>
    </details>
  )
}
