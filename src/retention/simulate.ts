/** What a policy would hold over time, played through with made-up backups of a schedule. */
import { backupFilename } from '../catalog/names.ts'
import { Calendar } from './calendar.ts'
import { decideRetention } from './decide.ts'
import type { RetentionPolicy } from './policy.ts'
import type { Candidate } from './standing.ts'
import { before } from './units.ts'

/** When backups of a type are made, by the clocks of the time zone. */
export interface ScheduledType {
  readonly type: string
  /** 0 to 23. */
  readonly hour: number
  /** Only on this day of the week, 0 being Sunday. Default: every day. */
  readonly weekday?: number
}

export const DEFAULT_SCHEDULE: readonly ScheduledType[] = [
  { type: 'daily', hour: 2 },
  { type: 'weekly', hour: 3, weekday: 0 },
]

export interface Simulation {
  /** How long to go on, as policies write spans. */
  readonly span: string
  readonly schedule: readonly ScheduledType[]
  /** Bytes of each backup. */
  readonly sizeBytes: number
  readonly timeZone: string | undefined
  /** Ends at this instant. */
  readonly end: Date
}

export interface HeldBackup {
  readonly type: string
  /** UTC, ISO 8601. */
  readonly created: string
  /** The rules that keep it in the end. */
  readonly keptBy: readonly string[]
}

/** What is there in the evening of a day, after its cleanup. */
export interface SimulatedDay {
  /** "2025-06-27" */
  readonly date: string
  /** Backups by type. */
  readonly counts: Readonly<Record<string, number>>
  readonly count: number
  readonly sizeBytes: number
}

export interface SimulatedRetention {
  readonly days: readonly SimulatedDay[]
  /** What is there in the end, newest first. */
  readonly held: readonly HeldBackup[]
}

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

/** Plays a schedule through day by day, each with a cleanup in the end. Backups are all good. */
export function simulateRetention(policy: RetentionPolicy, simulation: Simulation): SimulatedRetention {
  const { end, span, timeZone } = simulation
  const calendar = new Calendar(timeZone)
  const days: SimulatedDay[] = []
  let held: Candidate[] = []
  let keptBy = new Map<Candidate, readonly string[]>()
  for (const date of datesBetween(calendar.local(before(end, span)), calendar.local(end))) {
    const made = backupsOf(date, simulation, calendar).filter(({ created }) => new Date(created) <= end)
    const evening = calendar.instantOf(`${date}T23:59:59`) ?? end
    const decisions = decideRetention([...held, ...made], policy, evening < end ? evening : end, timeZone)
    const kept = decisions.filter(decision => decision.keptBy.length > 0)
    held = kept.map(({ backup }) => backup)
    keptBy = new Map(kept.map(decision => [decision.backup, decision.keptBy]))
    days.push(summary(date, held))
  }
  return {
    days,
    held: held.map(backup => ({
      type: backup.type,
      created: backup.created,
      keptBy: keptBy.get(backup) ?? [],
    })),
  }
}

/** @param from, to what clocks show, as {@link Calendar.local} says it */
function datesBetween(from: number, to: number): string[] {
  const first = Math.floor(from / DAY_MS)
  const last = Math.floor(to / DAY_MS)
  return Array.from({ length: last - first + 1 }, (_, day) =>
    new Date((first + day) * DAY_MS).toISOString().slice(0, 'YYYY-MM-DD'.length),
  )
}

function backupsOf(date: string, { schedule, sizeBytes }: Simulation, calendar: Calendar): Candidate[] {
  const weekday = new Date(date).getUTCDay()
  const due = schedule.filter(each => each.weekday === undefined || each.weekday === weekday)
  return due.map(({ type, hour }) => {
    const timestamp = `${date}T${String(hour).padStart(2, '0')}:00:00`
    return madeUpBackup(type, timestamp, { sizeBytes, at: calendar.instantOf(timestamp) ?? new Date(date) })
  })
}

function madeUpBackup(
  type: string,
  timestamp: string,
  { sizeBytes, at }: { readonly sizeBytes: number; readonly at: Date },
): Candidate {
  const compact = timestamp.replaceAll(/[-:]/g, '').replace('T', '_')
  const created = at.toISOString()
  return {
    filename: backupFilename('simulated', type, { compact, timestamp }, 1),
    type,
    database: 'simulated',
    created,
    size: sizeBytes,
    pinned: null,
    metadataState: 'ok',
    metadata: {
      timestamp,
      backup_type: type,
      database_version: '0',
      file_size: sizeBytes,
      checksum: '',
      description: '',
      created_by: '',
      created_at: created,
      verified_at: created,
    },
  }
}

function summary(date: string, held: readonly Candidate[]): SimulatedDay {
  const byType = [...Map.groupBy(held, ({ type }) => type)].toSorted(([a], [b]) => (a < b ? -1 : 1))
  return {
    date,
    counts: Object.fromEntries(byType.map(([type, list]) => [type, list.length])),
    count: held.length,
    sizeBytes: held.reduce((sum, { size }) => sum + size, 0),
  }
}
