import { type ReactElement, useState } from 'react'
import { nameOf, parseName } from '../../api/backup-name.ts'
import { useBackups } from '../../api/queries.ts'
import type { BackupInfo } from '../../api/types.ts'
import { Button } from '../../parts/button.tsx'
import { SelectField } from '../../parts/field.tsx'
import { PageHeader } from '../../parts/panel.tsx'
import { Empty, Loaded, Notice } from '../../parts/states.tsx'
import { goTo, Link } from '../../routing/router.tsx'
import { useMay } from '../../session/permissions.ts'
import { formatInstant } from '../../words/times.ts'
import { Comparison } from './comparison.tsx'

const LIVE = 'live'
const CHOICES_MAX = 500

/** What is different between two backups, or between a backup and the live database. */
export function Compare({
  database,
  left,
  right,
}: {
  readonly database: string
  readonly left: string | null
  readonly right: string | null
}): ReactElement {
  const mayCompare = useMay('compare-backups')
  const backups = useBackups(database, { limit: CHOICES_MAX })
  return (
    <>
      <PageHeader
        title="Compare"
        about="What was added, removed and changed, table by table and down to the cells."
      />
      {mayCompare ? (
        <Loaded query={backups} what="backups">
          {({ backups: list }) =>
            list.length === 0 ? (
              <Empty title="There is nothing to compare yet">
                A comparison needs a backup:{' '}
                <Link to={{ page: 'backups', database }} className="text-accent underline">
                  Backups
                </Link>
              </Empty>
            ) : (
              <Chosen key={`${left} ${right}`} database={database} backups={list} left={left} right={right} />
            )
          }
        </Loaded>
      ) : (
        <Notice tone="info">Comparing shows rows; that is for operators and admins.</Notice>
      )}
    </>
  )
}

function Chosen({
  database,
  backups,
  left,
  right,
}: {
  readonly database: string
  readonly backups: readonly BackupInfo[]
  readonly left: string | null
  readonly right: string | null
}): ReactElement {
  const [before, setBefore] = useState(left ?? (backups[0] === undefined ? LIVE : nameOf(backups[0])))
  const [after, setAfter] = useState(right ?? LIVE)
  const isSame = before === after
  return (
    <div className="grid gap-5">
      <form
        className="grid items-end gap-3 rounded-lg border border-line bg-surface p-4 sm:grid-cols-[minmax(0,1fr)_minmax(0,1fr)_auto]"
        onSubmit={event => {
          event.preventDefault()
          goTo({ page: 'compare', database, left: before, right: after })
        }}
      >
        <Side label="From" value={before} backups={backups} onChange={setBefore} />
        <Side label="To" value={after} backups={backups} onChange={setAfter} />
        <Button type="submit" look="primary" disabled={isSame}>
          Compare
        </Button>
        {isSame && <p className="text-sm text-muted sm:col-span-3">Choose two that are not the same.</p>}
      </form>
      {left !== null && right !== null && left !== right && (
        <Comparison key={`${left} ${right}`} database={database} from={orLive(left)} to={orLive(right)} />
      )}
    </div>
  )
}

function orLive(side: string): string | null {
  return side === LIVE ? null : side
}

function Side({
  label,
  value,
  backups,
  onChange,
}: {
  readonly label: string
  readonly value: string
  readonly backups: readonly BackupInfo[]
  readonly onChange: (value: string) => void
}): ReactElement {
  const isListed = value === LIVE || backups.some(backup => nameOf(backup) === value)
  return (
    <SelectField label={label} value={value} onChange={event => onChange(event.target.value)}>
      <option value={LIVE}>The live database, as it is now</option>
      {!isListed && <option value={value}>{inWords(value)}</option>}
      {backups.map(({ created, type, description, ...backup }) => (
        <option key={nameOf(backup)} value={nameOf(backup)}>
          {formatInstant(created)} · {type}
          {description === null || description === '' ? '' : ` · ${description.slice(0, 60)}`}
        </option>
      ))}
    </SelectField>
  )
}

/** A backup that is not among those to choose from, such as one at a target. */
function inWords(name: string): string {
  const { filename, target } = parseName(name)
  return target === null ? filename : `${filename} at ${target}`
}
