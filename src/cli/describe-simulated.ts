import type { HeldBackup, LeavingBackup, RetentionSimulated, SimulatedDay } from '../index.ts'
import type { CleanupView } from './describe-cleanup.ts'
import { renderTable } from './table.ts'
import { safeText } from './text.ts'
import { age, bytes, plural } from './units.ts'

/** More lines than this would not fit on a screen; the days between them look alike. */
const DAYS_SHOWN = 16
const BAR_WIDTH = 40

export function describeSimulated(simulated: RetentionSimulated, view: CleanupView): string {
  const { days, held, leaving, backupBytes, sharedBytes } = simulated
  const { paint } = view
  const shared = sharedBytes === 0 ? '' : ` beside ${bytes(sharedBytes)} that they have in common`
  const size = backupBytes === 0 ? '' : ` of ${bytes(backupBytes)} each${shared}`
  const some = days.length <= DAYS_SHOWN ? '' : ` (${DAYS_SHOWN} of ${days.length} days)`
  return [
    paint('bold', `What would be there each evening, with a daily and a weekly backup${size}${some}`),
    indent(chart(days, simulated, view)),
    '',
    paint('bold', `Held in the end: ${plural(held.length, 'backup')}`),
    indent(heldTable(held, view)),
    ...(leaving.length === 0
      ? []
      : [
          '',
          paint('bold', `Of the backups there are now ${plural(leaving.length, 'goes', 'go')}`),
          indent(leavingTable(leaving, view)),
        ]),
  ].join('\n')
}

function chart(
  days: readonly SimulatedDay[],
  { backupBytes }: RetentionSimulated,
  { width, paint }: CleanupView,
): string {
  const most = Math.max(1, ...days.map(({ count }) => count))
  const types = [...new Set(days.flatMap(({ counts }) => Object.keys(counts)))].toSorted()
  return renderTable<SimulatedDay>(
    [
      { title: 'Day', value: ({ date }) => date },
      ...types.map(type => ({
        title: safeText(type),
        value: ({ counts }: SimulatedDay) => String(counts[type] ?? 0),
        align: 'right' as const,
      })),
      {
        title: 'Size',
        value: ({ sizeBytes }) => (backupBytes === 0 ? '' : bytes(sizeBytes)),
        align: 'right',
        drop: 1,
      },
      { title: '', value: ({ count }) => '█'.repeat(Math.round((count / most) * BAR_WIDTH)), drop: 2 },
    ],
    sample(days, DAYS_SHOWN),
    { width: width - 2, paintTitle: text => paint('dim', text) },
  )
}

/** Spread evenly, the first and the last among them. */
function sample<T>(items: readonly T[], count: number): T[] {
  if (items.length <= count) return [...items]
  const step = (items.length - 1) / (count - 1)
  return Array.from({ length: count }, (_, index) => items[Math.round(index * step)] as T)
}

function heldTable(held: readonly HeldBackup[], { now, width, paint }: CleanupView): string {
  return renderTable<HeldBackup>(
    [
      {
        title: 'Created (UTC)',
        value: ({ created }) => created.slice(0, 'YYYY-MM-DDTHH:MM'.length).replace('T', ' '),
      },
      { title: 'Type', value: ({ type }) => safeText(type) },
      { title: 'Age', value: ({ created }) => age(now.getTime() - Date.parse(created)) },
      { title: 'Kept by', value: ({ keptBy }) => keptBy.join(', '), shrinkTo: 12, wraps: true },
    ],
    held,
    { width: width - 2, paintTitle: text => paint('dim', text) },
  )
}

function leavingTable(leaving: readonly LeavingBackup[], { width, paint }: CleanupView): string {
  return renderTable<LeavingBackup>(
    [
      { title: 'On', value: ({ date }) => date },
      { title: 'Type', value: ({ type }) => safeText(type) },
      { title: 'Backup', value: ({ filename }) => safeText(filename), shrinkTo: 20 },
    ],
    leaving,
    { width: width - 2, paintTitle: text => paint('dim', text) },
  )
}

function indent(text: string): string {
  return text
    .split('\n')
    .map(line => `  ${line}`)
    .join('\n')
}
