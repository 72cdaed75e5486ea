/** What a policy would hold over time, played through with made-up backups of a schedule. */
import { type Encoding, SUFFIXES } from '../catalog/encodings.ts'
import { backupFilename } from '../catalog/names.ts'
import { Calendar } from './calendar.ts'
import { decideRetention } from './decide.ts'
import type { RetentionPolicy } from './policy.ts'
import type { SizeQuestion } from './sizes.ts'
import type { Candidate } from './standing.ts'
import { after, before } from './units.ts'

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
  /** Name of the database that the backups are of. */
  readonly database: string
  /** Bytes of each backup; of those that are stored by their pages what each takes beside the others. */
  readonly sizeBytes: number
  /** How backups that are made are stored. */
  readonly encoding: Encoding
  /** Bytes that those have in common that are stored by their pages, if that is how they are made. */
  readonly sharedBytes: number
  readonly timeZone: string | undefined
  /** The simulation ends here, or begins here with {@link there}. */
  readonly now: Date
  /** What is there now: the simulation goes on from it, into the future. Null: it begins with nothing and ends now. */
  readonly there: readonly Candidate[] | null
}

export interface HeldBackup {
  readonly type: string
  /** UTC, ISO 8601. */
  readonly created: string
  /** The rules that keep it in the end. */
  readonly keptBy: readonly string[]
}

/** A backup of now that goes in the course of a simulation. */
export interface LeavingBackup {
  readonly filename: string
  readonly type: string
  /** With the cleanup of this day: "2025-06-27". */
  readonly date: string
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
  /** Which of the backups of now go, in the order in which they do. */
  readonly leaving: readonly LeavingBackup[]
}

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

/** Plays a schedule through day by day, each with a cleanup in the end. Backups that it makes are all good. */
export function simulateRetention(policy: RetentionPolicy, simulation: Simulation): SimulatedRetention {
  const { now, there, span, timeZone } = simulation
  const calendar = new Calendar(timeZone)
  const [begin, end] = there === null ? [before(now, span), now] : [now, after(now, span)]
  const days: SimulatedDay[] = []
  const leaving: LeavingBackup[] = []
  let held: readonly Candidate[] = there ?? []
  let keptBy = new Map<Candidate, readonly string[]>()
  const today = new Set(held)
  for (const date of datesBetween(calendar.local(begin), calendar.local(end))) {
    const made = backupsOf(date, simulation, calendar).filter(({ created }) => new Date(created) <= end)
    // What was due today already is there, or was missed.
    const due = there === null ? made : made.filter(({ created }) => new Date(created) > now)
    const evening = calendar.instantOf(`${date}T23:59:59`) ?? end
    const at = evening < end ? evening : end
    const decisions = decideRetention([...held, ...due], policy, at, timeZone, question =>
      sizeOf(question, simulation),
    )
    const kept = decisions.filter(decision => decision.keptBy.length > 0)
    for (const { backup, keptBy: reasons } of decisions) {
      const { filename, type } = backup
      if (reasons.length === 0 && today.has(backup)) leaving.push({ filename, type, date })
    }
    held = kept.map(({ backup }) => backup)
    keptBy = new Map(kept.map(decision => [decision.backup, decision.keptBy]))
    days.push(summary(date, held, simulation))
  }
  return {
    days,
    held: held.map(backup => ({
      type: backup.type,
      created: backup.created,
      keptBy: keptBy.get(backup) ?? [],
    })),
    leaving,
  }
}

/** The first of those that have something in common takes that, too. */
function sizeOf({ backup, staying }: SizeQuestion<Candidate>, simulation: Simulation): number {
  const { sizeBytes, sharedBytes } = simulation
  if (!isSharing(backup, simulation)) return backup.size
  return staying.some(each => isSharing(each, simulation)) ? sizeBytes : sharedBytes + sizeBytes
}

/** Whether it is stored by its pages, as those are that are made. */
function isSharing({ filename }: Candidate, { encoding }: Simulation): boolean {
  return encoding === 'blocks' && filename.endsWith(SUFFIXES.blocks)
}

/** @param from, to what clocks show, as {@link Calendar.local} says it */
function datesBetween(from: number, to: number): string[] {
  const first = Math.floor(from / DAY_MS)
  const last = Math.floor(to / DAY_MS)
  return Array.from({ length: last - first + 1 }, (_, day) =>
    new Date((first + day) * DAY_MS).toISOString().slice(0, 'YYYY-MM-DD'.length),
  )
}

function backupsOf(date: string, { schedule, ...of }: Simulation, calendar: Calendar): Candidate[] {
  const weekday = new Date(date).getUTCDay()
  const due = schedule.filter(each => each.weekday === undefined || each.weekday === weekday)
  return due.map(({ type, hour }) => {
    const timestamp = `${date}T${String(hour).padStart(2, '0')}:00:00`
    return madeUpBackup(type, timestamp, { ...of, at: calendar.instantOf(timestamp) ?? new Date(date) })
  })
}

function madeUpBackup(
  type: string,
  timestamp: string,
  {
    database,
    sizeBytes,
    encoding,
    at,
  }: Pick<Simulation, 'database' | 'sizeBytes' | 'encoding'> & { readonly at: Date },
): Candidate {
  const compact = timestamp.replaceAll(/[-:]/g, '').replace('T', '_')
  const created = at.toISOString()
  return {
    filename: backupFilename(database, type, { compact, timestamp }, 1, encoding),
    type,
    database,
    created,
    size: sizeBytes,
    pinned: null,
    signature: null,
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

function summary(date: string, held: readonly Candidate[], simulation: Simulation): SimulatedDay {
  const { sizeBytes, sharedBytes } = simulation
  const byType = [...Map.groupBy(held, ({ type }) => type)].toSorted(([a], [b]) => (a < b ? -1 : 1))
  const sharing = held.filter(backup => isSharing(backup, simulation)).length
  const others = held.filter(backup => !isSharing(backup, simulation))
  const sharedTotal = sharing === 0 ? 0 : sharedBytes + sharing * sizeBytes
  return {
    date,
    counts: Object.fromEntries(byType.map(([type, list]) => [type, list.length])),
    count: held.length,
    sizeBytes: others.reduce((sum, { size }) => sum + size, sharedTotal),
  }
}
