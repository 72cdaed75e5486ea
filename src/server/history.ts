import type { BackupInfo } from '../index.ts'
import type { DayView } from './schemas/databases.ts'

const DAY_MS = 86_400_000

/** The backups of each of the last so many days that has any, oldest first. Pure. */
export function historyOf(
  backups: readonly BackupInfo[],
  { days, timeZone, now }: { readonly days: number; readonly timeZone: string | null; readonly now: Date },
): DayView[] {
  const format = new Intl.DateTimeFormat('sv-SE', {
    ...(timeZone === null ? {} : { timeZone }),
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
  })
  const first = now.getTime() - days * DAY_MS
  const recent = backups.filter(({ created }) => Date.parse(created) >= first)
  const byDay = Map.groupBy(recent, ({ created }) => format.format(new Date(created)))
  return [...byDay].map(([date, ofDay]) => viewOf(date, ofDay)).toSorted((a, b) => (a.date < b.date ? -1 : 1))
}

function viewOf(date: string, ofDay: readonly BackupInfo[]): DayView {
  const sized = ofDay.filter(({ metadata }) => metadata?.image_size !== undefined)
  const last = sized.toSorted((a, b) => (a.created < b.created ? 1 : -1))[0]
  return {
    date,
    backups: ofDay.length,
    sizeBytes: ofDay.reduce((sum, { size }) => sum + size, 0),
    imageBytes: last?.metadata?.image_size ?? null,
    damaged: ofDay.filter(({ metadata }) => metadata?.damaged_at !== undefined).length,
  }
}
