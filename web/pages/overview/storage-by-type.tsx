import type { ReactElement } from 'react'
import type { DatabaseView } from '../../api/types.ts'
import { counted, formatBytes } from '../../words/numbers.ts'

/** How much the backups of each type take, and the packs that some of them rely on, of whatever type. */
export function StorageByType({
  totals,
  packs,
}: {
  readonly totals: DatabaseView['backups']['byType']
  readonly packs: DatabaseView['store']
}): ReactElement {
  const rows = [
    ...totals.map(({ type, count, sizeBytes }) => ({
      name: type,
      sizeBytes,
      where: `in ${counted(count, 'backup')}`,
    })),
    ...(packs === null ? [] : [{ name: 'Packs', sizeBytes: packs.sizeBytes, where: 'of all databases' }]),
  ]
  const most = Math.max(1, ...rows.map(({ sizeBytes }) => sizeBytes))
  return (
    <div>
      <h3 className="mb-2">Storage by type</h3>
      {rows.length === 0 ? (
        <p className="text-sm text-muted">Nothing is stored yet.</p>
      ) : (
        <ul className="grid gap-2.5 text-sm">
          {rows.map(({ name, sizeBytes, where }) => (
            <li key={name}>
              <div className="flex justify-between gap-3">
                <span className="font-medium">{name}</span>
                <span className="text-muted">
                  {formatBytes(sizeBytes)} {where}
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
