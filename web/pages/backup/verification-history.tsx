import { useQuery } from '@tanstack/react-query'
import type { ReactElement, ReactNode } from 'react'
import { readAudit } from '../../api/calls.ts'
import type { AuditEntry, BackupInfo } from '../../api/types.ts'
import { Badge } from '../../parts/badge.tsx'
import { Panel } from '../../parts/panel.tsx'
import { ProblemNote } from '../../parts/states.tsx'
import { useMay } from '../../session/permissions.ts'
import { formatAge, formatInstant, formatSpan } from '../../words/times.ts'
import { useNow } from '../../words/use-now.ts'

interface Check {
  readonly at: string
  readonly what: ReactNode
}

/** So many of the newest lines of the audit log are looked through. */
const LINES_MAX = 1000

/** When the backup was made, checked and drilled, newest first: what its metadata tells, and the audit log. */
export function VerificationHistory({
  database,
  backup,
}: {
  readonly database: string
  readonly backup: BackupInfo
}): ReactElement {
  const now = useNow()
  const mayReadAudit = useMay('read-audit')
  const audit = useQuery({
    queryKey: ['db', database, 'audit', 'checks'],
    queryFn: async ({ signal }) => readAudit(database, { before: null, limit: LINES_MAX }, signal),
    enabled: mayReadAudit,
  })
  const checks = [...checksOf(backup), ...askedFor(backup, audit.data?.entries ?? [])]
  return (
    <Panel title="Verification history">
      {audit.isError && (
        <div className="mb-3">
          <ProblemNote error={audit.error} onRetry={() => void audit.refetch()} />
        </div>
      )}
      <ol className="grid gap-3 text-sm">
        {checks
          .toSorted((a, b) => Date.parse(b.at) - Date.parse(a.at))
          .map(({ at, what }, index) => (
            <li key={`${at} ${index}`} className="flex flex-wrap items-baseline justify-between gap-x-4">
              <span>{what}</span>
              <time dateTime={at} title={formatInstant(at)} className="text-muted">
                {formatAge(at, now)}
              </time>
            </li>
          ))}
      </ol>
    </Panel>
  )
}

function checksOf({ created, metadata }: BackupInfo): readonly Check[] {
  const { verified_at: verifiedAt, damaged_at: damagedAt, last_drill: drill, check } = metadata ?? {}
  const checks: Check[] = [
    { at: created, what: check === undefined || check === 'none' ? 'Made' : `Made, with a ${check} check` },
  ]
  if (typeof verifiedAt === 'string') {
    checks.push({
      at: verifiedAt,
      what: (
        <>
          <Badge tone="good">intact</Badge> when last checked
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
  return checks
}

/** Who asked for a check of this backup, as the audit log has it. */
function askedFor({ filename }: BackupInfo, entries: readonly AuditEntry[]): readonly Check[] {
  return entries
    .filter(
      ({ action, on }) => (action === 'verify' || action === 'drill') && on !== null && on.endsWith(filename),
    )
    .map(({ time, action, actor, result }) => ({
      at: time,
      what: (
        <>
          {action === 'verify' ? 'Verification' : 'Drill'} asked for by {actor.who}
          {result === 'success' ? '' : `: ${result}`}
        </>
      ),
    }))
}
