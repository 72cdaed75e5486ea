import type { ReactElement } from 'react'
import { nameOf } from '../../api/backup-name.ts'
import type { JobResults } from '../../api/types.ts'
import { ButtonLink } from '../../parts/button.tsx'
import { Facts, Panel } from '../../parts/panel.tsx'
import { Notice } from '../../parts/states.tsx'
import { Link } from '../../routing/router.tsx'
import { formatSpan } from '../../words/times.ts'

const COMPARISONS = {
  equal: 'The database is the backup now, page for page.',
  'changed-since': 'It was restored; the application has committed something since.',
  'not-compared': 'It was restored.',
}

/** What was done, and how to undo it. */
export function RestoreResult({
  database,
  result,
}: {
  readonly database: string
  readonly result: JobResults['restore']
}): ReactElement {
  const { preRestoreBackup, keptFiles, notes } = result
  return (
    <>
      <Notice tone="good">
        <p role="status" className="font-semibold">
          {database} is restored.
        </p>
        <p>
          {COMPARISONS[result.comparison]} It took {formatSpan(result.durationMs)}.
        </p>
      </Notice>
      <Panel title="The way back">
        {preRestoreBackup === null ? (
          <p className="text-sm">
            There was nothing that could be backed up.
            {keptFiles.length > 0 && ` What could not be read is kept: ${keptFiles.join(', ')}`}
          </p>
        ) : (
          <div className="grid gap-3 text-sm">
            <p>
              What was there before is kept as{' '}
              <Link
                to={{ page: 'backup', database, backup: nameOf(preRestoreBackup) }}
                className="break-all text-accent underline"
              >
                {preRestoreBackup.filename}
              </Link>
              . Restore it to undo this.
            </p>
            <div className="flex flex-wrap gap-2">
              <ButtonLink to={{ page: 'restore', database, backup: nameOf(preRestoreBackup) }}>
                Undo this restore
              </ButtonLink>
              <ButtonLink to={{ page: 'compare', database, left: nameOf(preRestoreBackup), right: 'live' }}>
                Compare before and after
              </ButtonLink>
            </div>
          </div>
        )}
      </Panel>
      <Panel title="Details">
        <Facts
          facts={[
            ['Database', result.targetPath],
            ['Way', result.way],
            ['Journal mode', result.journalMode],
            ...notes.map((note, index) => [index === 0 ? 'Notes' : `Note ${index + 1}`, note] as const),
          ]}
        />
      </Panel>
    </>
  )
}
