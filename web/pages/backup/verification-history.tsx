import type { ReactElement, ReactNode } from 'react'
import type { BackupInfo } from '../../api/types.ts'
import { Badge } from '../../parts/badge.tsx'
import { Panel } from '../../parts/panel.tsx'
import { formatDistance, formatInstant, formatSpan } from '../../words/times.ts'
import { useNow } from '../../words/use-now.ts'

interface Check {
  readonly at: string
  readonly what: ReactNode
}

/** When the backup was made, last checked and last drilled, newest first, as its metadata tells. */
export function VerificationHistory({
  backup,
}: {
  readonly backup: BackupInfo
  readonly database: string
}): ReactElement {
  const now = useNow()
  return (
    <Panel title="Verification history">
      <ol className="grid gap-3 text-sm">
        {checksOf(backup).map(({ at, what }) => (
          <li key={at} className="flex flex-wrap items-baseline justify-between gap-x-4">
            <span>{what}</span>
            <time dateTime={at} title={formatInstant(at)} className="text-muted">
              {formatDistance(at, now)}
            </time>
          </li>
        ))}
      </ol>
    </Panel>
  )
}

function checksOf({ created, metadata }: BackupInfo): readonly Check[] {
  const { verified_at: verifiedAt, damaged_at: damagedAt, last_drill: drill, check } = metadata ?? {}
  const checks: Check[] = [{ at: created, what: 'Made' }]
  if (typeof verifiedAt === 'string') {
    checks.push({
      at: verifiedAt,
      what: (
        <>
          <Badge tone="good">intact</Badge> when last checked
          {check === undefined || check === 'none' ? '' : ` (made with a ${check} check)`}
        </>
      ),
    })
  }
  if (damagedAt !== undefined) checks.push({ at: damagedAt, what: <Badge tone="bad">damage found</Badge> })
  if (drill !== undefined) {
    checks.push({
      at: drill.at,
      what: (
        <>
          <Badge tone={drill.passed ? 'good' : 'bad'}>{drill.passed ? 'drill passed' : 'drill failed'}</Badge>{' '}
          in {formatSpan(drill.duration_ms)}
        </>
      ),
    })
  }
  return checks.toSorted((a, b) => Date.parse(b.at) - Date.parse(a.at))
}
