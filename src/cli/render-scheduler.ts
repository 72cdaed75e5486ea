import type {
  DirectoryStatus,
  JobState,
  JobsRun,
  NextRuns,
  SchedulerStatus,
  SchedulerTested,
} from '../index.ts'
import type { Paint } from './output.ts'
import { renderTable } from './table.ts'
import { safeLines, safeText } from './text.ts'
import { age, duration } from './units.ts'

/** What is more than this is counted as this: see the state file. */
const MISSED_MAX = 1000

export interface SchedulerView {
  readonly now: Date
  readonly width: number
  readonly paint: Paint
}

export function renderStatus({ directories }: SchedulerStatus, view: SchedulerView): string {
  if (directories.length === 0) return 'The configuration schedules no job.'
  return directories.map(directory => renderDirectory(directory, view)).join('\n\n')
}

function renderDirectory(directory: DirectoryStatus, view: SchedulerView): string {
  const { backupDir, databases, jobs } = directory
  const overdue = Object.entries(databases).filter(([, { isOverdue }]) => isOverdue)
  return [
    view.paint('bold', safeText(backupDir)),
    `  ${describeScheduler(directory, view)}`,
    ...overdue.map(([name, { lastGoodAt }]) =>
      view.paint('red', `  ✘ ${safeText(name)}: ${describeLastGood(lastGoodAt, view)}, which is too old`),
    ),
    ...(jobs.length === 0 ? [] : ['', jobsTable(jobs, view)]),
    ...jobs.flatMap(job => describeTrouble(job, view)),
  ].join('\n')
}

function describeScheduler(
  { isRunning, stateFile, scheduler }: DirectoryStatus,
  { paint, now }: SchedulerView,
): string {
  if (isRunning && scheduler !== null) {
    const since = age(now.getTime() - Date.parse(scheduler.startedAt))
    return `${paint('green', 'Running:')} process ${scheduler.pid} on ${safeText(scheduler.host)}, started ${since}`
  }
  if (isRunning) return paint('green', 'Running')
  const never = stateFile === 'missing' ? ', and has never run here' : ''
  const damaged =
    stateFile === 'damaged' ? '; its state file is damaged, and is rebuilt at the next start' : ''
  return `${paint('yellow', 'Not running')}${never}${damaged}`
}

function describeLastGood(lastGoodAt: string | null, { now }: SchedulerView): string {
  return lastGoodAt === null
    ? 'there is no good backup'
    : `the last good backup was made ${age(now.getTime() - Date.parse(lastGoodAt))}`
}

function jobsTable(jobs: readonly JobState[], { now, width, paint }: SchedulerView): string {
  const isSeveral = new Set(jobs.map(({ database }) => database)).size > 1
  return renderTable<JobState>(
    [
      { title: 'Job', value: ({ job }) => safeText(job) },
      { title: 'Database', value: ({ database }) => (isSeveral ? safeText(database) : ''), drop: 1 },
      {
        title: 'Last run',
        value: ({ lastRun }) => (lastRun === null ? '-' : age(now.getTime() - Date.parse(lastRun.endedAt))),
      },
      {
        title: 'Outcome',
        value: outcome,
        paint: (text, { failingSince }) => (failingSince === null ? text : paint('red', text)),
      },
      { title: 'Next run', value: ({ nextRunAt }) => (nextRunAt === null ? '-' : localTime(nextRunAt)) },
    ],
    jobs,
    { width, paintTitle: text => paint('bold', text) },
  )
}

function outcome({ running, lastRun }: JobState): string {
  if (running !== null) return 'running'
  return lastRun?.outcome ?? ''
}

function describeTrouble(
  { job, lastRun, failingSince, lastGap }: JobState,
  { now, paint }: SchedulerView,
): string[] {
  const gap =
    lastGap === null || now.getTime() - Date.parse(lastGap.to) > GAP_SHOWN_MS
      ? []
      : [
          paint(
            'yellow',
            `${safeText(job)}: ${lastGap.missedRuns}${lastGap.missedRuns === MISSED_MAX ? ' or more' : ''} missed between ${localTime(lastGap.from)} and ${localTime(lastGap.to)}, made up for by one`,
          ),
        ]
  const failure = lastRun?.failure
  if (failure === null || failure === undefined) return gap
  const since = failingSince === null ? '' : `, failing since ${localTime(failingSince)}`
  const hint = failure.hint === undefined ? [] : [`  ${safeLines(failure.hint)}`]
  return [...gap, paint('red', `${safeText(job)}${since}: ${safeLines(failure.message)}`), ...hint]
}

/** A gap of longer ago is history. */
const GAP_SHOWN_MS = 7 * 86_400_000

export function renderNextRuns({ runs }: NextRuns, { now, width, paint }: SchedulerView): string {
  if (runs.length === 0) return 'No job will ever run.'
  const isSeveral = new Set(runs.map(({ database }) => database)).size > 1
  return renderTable<NextRuns['runs'][number]>(
    [
      { title: 'When', value: ({ at }) => localTime(at) },
      { title: '', value: ({ at }) => age(now.getTime() - Date.parse(at)), drop: 0 },
      { title: 'Job', value: ({ job }) => safeText(job) },
      { title: 'Kind', value: ({ kind, type }) => (type === null ? kind : `${kind} (${safeText(type)})`) },
      { title: 'Database', value: ({ database }) => (isSeveral ? safeText(database) : ''), drop: 1 },
    ],
    runs,
    { width, paintTitle: text => paint('bold', text) },
  )
}

export function renderRuns({ runs }: JobsRun, paint: Paint): string {
  return runs
    .map(({ job, database, lastRun }) => {
      const name = `${safeText(job)} of ${safeText(database)}`
      if (lastRun === null) return `${name}: not run`
      const ms = Date.parse(lastRun.endedAt) - Date.parse(lastRun.startedAt)
      if (lastRun.outcome === 'succeeded') {
        return `${paint('green', `✔ ${name}:`)} ${safeText(lastRun.summary ?? '')} (${duration(ms)})`
      }
      const { message = lastRun.outcome, hint } = lastRun.failure ?? {}
      return [
        paint('red', `✘ ${name}: ${safeLines(message)}`),
        ...(hint === undefined ? [] : [`  ${safeLines(hint)}`]),
      ].join('\n')
    })
    .join('\n')
}

export function renderTested({ databases }: SchedulerTested, paint: Paint): string {
  return databases
    .map(({ database, failure, backupPath, isDeleted, durationMs }) => {
      const kept =
        backupPath === null || isDeleted ? '' : `; the test backup was kept: ${safeText(backupPath)}`
      if (failure === null) {
        return `${paint('green', `✔ ${safeText(database)}:`)} a backup was made and verified${isDeleted ? ' and deleted' : ''} (${duration(durationMs)})${kept}`
      }
      const hint = failure.hint === undefined ? [] : [`  ${safeLines(failure.hint)}`]
      return [paint('red', `✘ ${safeText(database)}: ${safeLines(failure.message)}${kept}`), ...hint].join(
        '\n',
      )
    })
    .join('\n')
}

/** In the system's time zone; Swedish dates are ISO 8601 dates. */
function localTime(instant: string): string {
  return new Date(instant).toLocaleString('sv-SE')
}
