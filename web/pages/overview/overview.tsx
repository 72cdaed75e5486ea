import type { ReactElement } from 'react'
import { useDatabases } from '../../api/queries.ts'
import { PageHeader } from '../../parts/panel.tsx'
import { Empty, Loaded } from '../../parts/states.tsx'
import { counted } from '../../words/numbers.ts'
import { DatabaseOverview } from './database-overview.tsx'

/** Whether everything is safe, and if not, why. */
export function Overview(): ReactElement {
  const databases = useDatabases()
  return (
    <>
      <PageHeader title="Overview" about="Whether every database could be restored today, and from when." />
      <Loaded query={databases} what="databases">
        {list =>
          list.length === 0 ? (
            <Empty title="No database is configured">
              Name one in chame-backup.config.json and restart the server.
            </Empty>
          ) : (
            <div className="grid gap-8">
              <p className="sr-only">{counted(list.length, 'database')}</p>
              {list.map(({ name }) => (
                <DatabaseOverview key={name} database={name} />
              ))}
            </div>
          )
        }
      </Loaded>
    </>
  )
}
