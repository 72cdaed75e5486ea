import type { DatabaseFacts, Info, JobState, KnownCopies, ScheduleSummary, TypeTotals } from '../index.ts'
import { describeBackup } from './describe-backup.ts'
import type { Paint } from './output.ts'
import { renderTable } from './table.ts'
import { padText, safeLines, safeText, textWidth } from './text.ts'
import { age, bytes, duration, number, plural } from './units.ts'

export interface InfoView {
  readonly now: Date
  readonly width: number
  readonly paint: Paint
}

type Fact = readonly [label: string, value: string]

/** More would push the rest off the page; `--json` has them all. */
const TABLES_SHOWN = 30

export function renderInfo(info: Info, view: InfoView): string {
  const sections = [
    section(`Database ${safeText(info.name)}`, facts(databaseFacts(info)), view),
    ...(info.database === null ? [] : [tablesSection(info.database, view)]),
    section('Backups', backupsBody(info, view), view),
    section('Next backup', [facts(nextFacts(info)), ...warningLines(info, view)].join('\n'), view),
    ...(info.schedule === null ? [] : [section('Schedule', facts(scheduleFacts(info.schedule, view)), view)]),
  ]
  return sections.join('\n\n')
}

function section(title: string, body: string, { paint }: InfoView): string {
  const indented = body.split('\n').map(line => (line === '' ? '' : `  ${line}`))
  return [paint('bold', title), ...indented].join('\n')
}

function facts(lines: readonly Fact[]): string {
  const width = Math.max(...lines.map(([label]) => textWidth(label)))
  return lines.map(([label, value]) => `${padText(label, width)}  ${value}`).join('\n')
}

function databaseFacts({ databasePath, database, databaseProblem }: Info): Fact[] {
  const path: Fact = ['Path', safeText(databasePath)]
  if (database === null) return [path, ['Problem', safeText(databaseProblem ?? 'It cannot be read.')]]
  const { sizeBytes, walBytes, pageCount, pageSize, freePages } = database
  const wal = walBytes > 0 ? ` + ${bytes(walBytes)} in the WAL` : ''
  const free = freePages > 0 ? `, ${number(freePages)} of them free` : ''
  return [
    path,
    ['Size', `${bytes(sizeBytes)}${wal}`],
    ['Pages', `${number(pageCount)} of ${bytes(pageSize)}${free}`],
    ['Journal mode', database.journalMode],
    ['Encoding', database.encoding],
    ['Version', `${database.userVersion} (user_version)`],
    ['SQLite', database.sqliteVersion],
  ]
}

function tablesSection({ tables }: DatabaseFacts, view: InfoView): string {
  const shown = tables.toSorted((a, b) => (b.rows ?? 0) - (a.rows ?? 0)).slice(0, TABLES_SHOWN)
  const lines = facts(
    shown.map(({ name, rows }) => [safeText(name), rows === null ? 'not counted' : plural(rows, 'row')]),
  )
  const rest = tables.length - shown.length
  const more = rest > 0 ? `\n… and ${number(rest)} more` : ''
  return section(`Tables (${number(tables.length)})`, tables.length === 0 ? 'none' : lines + more, view)
}

function backupsBody(info: Info, view: InfoView): string {
  const { backups, backupDir } = info
  const directory: Fact =
    info.target === null ? ['Directory', safeText(backupDir)] : ['Target', safeText(info.target)]
  const { newest, newestAgeMs, growthBytesPerDay, lastDrill } = backups
  if (newest === null || newestAgeMs === null) {
    return [
      facts([directory]),
      'No backups yet. Make one with: chame-backup create',
      ...overdueLines(info, view),
    ].join('\n')
  }
  const growth: readonly Fact[] =
    growthBytesPerDay === null ? [] : [['Growth', `${bytes(Math.round(growthBytesPerDay))} a day`]]
  return [
    facts([
      directory,
      ['Newest', `${age(newestAgeMs)}: ${safeText(newest.filename)}`],
      ['', describeBackup(newest, view.now)],
      ...growth,
      ...packsFact(info),
      ...info.targets.filter(({ target }) => target !== info.target).map(copiesFact(view)),
      ['Last drill', lastDrill === null ? 'never' : describeDrill(lastDrill, view)],
      ...signedFact(info, view),
    ]),
    ...overdueLines(info, view),
    '',
    typesTable(backups.byType, view),
    view.paint('dim', `${plural(backups.count, 'backup')}, ${bytes(backups.sizeBytes)}`),
  ].join('\n')
}

function packsFact({ store }: Info): Fact[] {
  if (store === null) return []
  return [['Packs', `${bytes(store.sizeBytes)} in ${plural(store.packs, 'file')} (blocks/, all databases)`]]
}

function copiesFact({ now, paint }: InfoView): (copies: KnownCopies) => Fact {
  return ({ target, count, lacking, damaged, verifiedAt, newest }) => {
    const read = verifiedAt === null ? '' : `, read again ${age(now.getTime() - Date.parse(verifiedAt))}`
    const bad = damaged === 0 ? '' : paint('red', `, ${number(damaged)} damaged`)
    const last = newest === null ? '' : `, the newest ${age(now.getTime() - Date.parse(newest))}`
    const missing = lacking === 0 ? '' : paint('yellow', `, ${plural(lacking, 'backup')} not there`)
    return [`At ${safeText(target)}`, `${plural(count, 'backup')}${last}${read}${missing}${bad}`]
  }
}

function signedFact({ backups: { untrusted, count } }: Info, { paint }: InfoView): Fact[] {
  if (untrusted === null) return []
  const others = untrusted === 0 ? '' : paint('yellow', `, ${number(untrusted)} not`)
  return [['Signed', `${number(count - untrusted)} by a trusted key${others}`]]
}

function describeDrill(
  { at, passed, duration_ms, filename }: NonNullable<Info['backups']['lastDrill']>,
  { now, paint }: InfoView,
): string {
  const verdict = passed ? 'passed' : paint('red', 'failed')
  return `${age(now.getTime() - Date.parse(at))}: ${verdict} in ${duration(duration_ms)}, ${safeText(filename)}`
}

/** A warning where the last good backup is older than the configuration allows. */
function overdueLines({ backups, isOverdue, maxBackupAgeMs }: Info, { paint }: InfoView): string[] {
  if (!isOverdue || maxBackupAgeMs === null) return []
  const { lastGoodAgeMs } = backups
  const last =
    lastGoodAgeMs === null ? 'There is no good backup' : `The last good backup was made ${age(lastGoodAgeMs)}`
  return [paint(['red', 'bold'], `✘ ${last}; none should be older than ${duration(maxBackupAgeMs)}.`)]
}

function warningLines({ warnings }: Info, { paint }: InfoView): string[] {
  return warnings.map(warning => paint('yellow', `! ${warning}`))
}

function scheduleFacts({ updatedAt, scheduler, jobs }: ScheduleSummary, { now, paint }: InfoView): Fact[] {
  const ageOf = (instant: string): string => age(now.getTime() - Date.parse(instant))
  const failing = jobs.filter(({ failingSince }) => failingSince !== null)
  const next = jobs.filter(hasNextRun).toSorted((a, b) => (a.nextRunAt < b.nextRunAt ? -1 : 1))[0]
  return [
    [
      'Scheduler',
      scheduler.stoppedAt === null
        ? `last seen ${ageOf(updatedAt)}`
        : `stopped ${ageOf(scheduler.stoppedAt)}`,
    ],
    ...(next === undefined ? [] : [['Next run', `${safeText(next.job)}, ${ageOf(next.nextRunAt)}`] as const]),
    ...failing.map(({ job, failingSince, lastRun }): Fact => [
      paint('red', 'Failing'),
      `${safeText(job)}, since ${ageOf(failingSince ?? updatedAt)}: ${safeLines(lastRun?.failure?.message ?? '')}`,
    ]),
  ]
}

function hasNextRun(job: JobState): job is JobState & { nextRunAt: string } {
  return job.nextRunAt !== null
}

function typesTable(byType: readonly TypeTotals[], { now, width, paint }: InfoView): string {
  return renderTable<TypeTotals>(
    [
      { title: 'Type', value: totals => safeText(totals.type) },
      { title: 'Count', value: totals => number(totals.count), align: 'right' },
      { title: 'Size', value: totals => bytes(totals.sizeBytes), align: 'right' },
      {
        title: 'Newest',
        value: ({ newest }) => (newest === null ? '' : age(now.getTime() - Date.parse(newest))),
        drop: 1,
      },
    ],
    byType.filter(totals => totals.count > 0),
    { width: width - 2, paintTitle: text => paint('bold', text) },
  )
}

function nextFacts({ database, disk }: Info): Fact[] {
  const free: Fact = ['Free space', bytes(disk.freeBytes)]
  if (database === null) return [free]
  const fits = disk.fits === 0 ? 'not enough for one more' : `enough for ${number(disk.fits)} more`
  return [
    ['Needs', bytes(disk.nextBackupBytes)],
    ['Free space', `${bytes(disk.freeBytes)}, ${fits}`],
  ]
}
