import type { ReactElement } from 'react'
import type { LookedTable } from '../../api/types.ts'
import { Badge } from '../../parts/badge.tsx'
import { DataTable } from '../../parts/data-table.tsx'
import { Panel } from '../../parts/panel.tsx'

/** How a table is made. */
export function Schema({ table }: { readonly table: LookedTable }): ReactElement {
  return (
    <Panel title="Schema" flush>
      {table.columns !== null && (
        <DataTable
          caption={`Columns of ${table.name}`}
          rows={table.columns}
          keyOf={({ name }) => name}
          columns={[
            {
              key: 'name',
              header: 'Column',
              part: 'lead',
              cell: ({ name }) => <span className="break-all">{name}</span>,
            },
            { key: 'type', header: 'Type', cell: ({ type }) => (type === '' ? '–' : type) },
            {
              key: 'rules',
              header: 'Rules',
              cell: ({ primaryKey, notNull, generated, sensitive }) => (
                <span className="inline-flex flex-wrap items-center gap-1">
                  {primaryKey > 0 && <Badge tone="info">primary key</Badge>}
                  {notNull && <Badge>not null</Badge>}
                  {generated && <Badge>generated</Badge>}
                  {sensitive !== null && (
                    <>
                      <Badge tone="warn">sensitive</Badge>{' '}
                      <span className="text-xs text-muted">{sensitive.why}</span>
                    </>
                  )}
                </span>
              ),
            },
          ]}
        />
      )}
      <div className="grid gap-3 border-t border-line p-4 text-sm">
        {table.indexes.length > 0 && (
          <p>
            <span className="text-muted">Indexes: </span>
            {table.indexes
              .map(
                ({ name, unique, columns }) =>
                  `${name} (${unique ? 'unique: ' : ''}${columns.map(each => each ?? 'an expression').join(', ')})`,
              )
              .join('; ')}
          </p>
        )}
        {table.triggers.length > 0 && (
          <p>
            <span className="text-muted">Triggers: </span>
            {table.triggers.join(', ')}
          </p>
        )}
        <details>
          <summary className="text-muted">The statement that made it</summary>
          <pre className="mt-2 rounded-md bg-sunken p-3 text-xs whitespace-pre-wrap [overflow-wrap:anywhere]">
            {table.sql}
          </pre>
        </details>
      </div>
    </Panel>
  )
}
