import type { ReactElement } from 'react'
import type { DatabaseView } from '../../api/types.ts'
import { counted, formatBytes } from '../../words/numbers.ts'

/** How much the backups of each type take. */
export function StorageByType({
  totals,
}: {
  readonly totals: DatabaseView['backups']['byType']
}): ReactElement {
  const most = Math.max(1, ...totals.map(({ sizeBytes }) => sizeBytes))
  return (
    <div>
      <h3 className="mb-2">Storage by type</h3>
      {totals.length === 0 ? (
        <p className="text-sm text-muted">Nothing is stored yet.</p>
      ) : (
        <ul className="grid gap-2.5 text-sm">
          {totals.map(({ type, count, sizeBytes }) => (
            <li key={type}>
              <div className="flex justify-between gap-3">
                <span className="font-medium">{type}</span>
                <span className="text-muted">
                  {formatBytes(sizeBytes)} in {counted(count, 'backup')}
                </span>
              </div>
              <div aria-hidden="true" className="mt-1 h-1.5 rounded-full bg-sunken">
                <div
                  className="h-full rounded-full bg-accent"
                  style={{ width: `${Math.max(1, (sizeBytes / most) * 100)}%` }}
                />
              </div>
            </li>
          ))}
        </ul>
      )}
    </div>
  )
}
