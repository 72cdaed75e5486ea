import { type Command, Option } from 'commander'
import type { JobsRun, RunOnceOptions, Scheduler } from '../index.ts'
import { defineCommand, examples } from './define-command.ts'
import { given } from './options.ts'
import { outWidth, paintOut } from './output.ts'
import { refuseAlone } from './refuse-unused.ts'
import { renderNextRuns, renderRuns, renderStatus, renderTested } from './render-scheduler.ts'
import { inSession, type Session } from './session.ts'

interface SchedulerCommandOptions {
  readonly test?: true
  readonly runOnce?: string
  readonly beside?: true
  readonly status?: true
  readonly dryRun?: true
}

export function schedulerCommand(): Command {
  const command = defineCommand(
    'scheduler',
    'Run the jobs of the configuration when they come due, until stopped.',
  )
    .addOption(
      new Option('--test', 'make a test backup, verify it, delete it, and report').conflicts([
        'runOnce',
        'status',
        'dryRun',
      ]),
    )
    .addOption(
      new Option('--run-once <job>', 'run a job now, such as daily, weekly or cleanup, and end').conflicts([
        'status',
        'dryRun',
      ]),
    )
    .addOption(
      new Option(
        '--beside',
        'with --run-once: also beside a scheduler that is at work, once and without retries',
      ).conflicts(['test', 'status', 'dryRun']),
    )
    .addOption(
      new Option('--status', 'show how the last runs went, and when the next ones come').conflicts('dryRun'),
    )
    .option('--dry-run', 'print the next runs; run nothing')
    .addHelpText(
      'after',
      `${examples([
        ['scheduler', 'run until stopped; so does chame-backup-scheduler'],
        ['scheduler --test', 'whether tonight would work'],
        ['scheduler --run-once daily', 'for a crontab or a timer'],
        ['scheduler --status', 'how it went'],
        ['scheduler --dry-run', 'when what will run'],
      ])}\n\nExits with 3 when --status finds a job that fails or a last good backup that is too old.`,
    )
    .action((options: SchedulerCommandOptions, called: Command) =>
      inSession(called, session => schedule(session, options)),
    )
  return refuseAlone(command, { beside: ['runOnce'] })
}

async function schedule(session: Session, options: SchedulerCommandOptions): Promise<number> {
  const { Scheduler } = await import('../index.ts')
  const { path, backupDir, database, config } = session.options
  const scheduler = new Scheduler(given({ path, backupDir, database, config }))
  if (options.test === true) return test(session, scheduler)
  if (options.runOnce !== undefined) {
    return runOnce(session, scheduler, options.runOnce, { beside: options.beside === true })
  }
  if (options.status === true) return showStatus(session, scheduler)
  if (options.dryRun === true) return showNextRuns(session, scheduler)
  const { runDaemon } = await import('../scheduler/run-daemon.ts')
  return session.show(await runDaemon(scheduler, session.cancellation.signal), () => '')
}

async function test(session: Session, scheduler: Scheduler): Promise<number> {
  const result = await scheduler.test({ signal: session.cancellation.signal })
  const exit = session.show(result, tested => renderTested(tested, paintOut))
  const failed = result.success ? result.databases.find(({ failure }) => failure !== null)?.failure : null
  return failed === null || failed === undefined ? exit : session.exitOf(failed.code)
}

async function runOnce(
  session: Session,
  scheduler: Scheduler,
  job: string,
  { beside }: { readonly beside: boolean },
): Promise<number> {
  const settings = await scheduler.logSettings()
  if (!settings.success) return session.show(settings, () => '')
  const { openLog } = await import('../scheduler/run-daemon.ts')
  // A run may wait for its next attempt: whoever looks sees why. The report itself is on stdout.
  await using log = openLog(settings, { isQuiet: session.options.quiet === true })
  const options: RunOnceOptions = { signal: session.cancellation.signal, onLog: log.write, beside }
  const result = await scheduler.runOnce(job, options)
  const exit = session.show(result, ran => (session.options.quiet ? '' : renderRuns(ran, paintOut)))
  return result.success && result.status === 'failed' ? exitOfRuns(session, result) : exit
}

/** The first failure's: with several databases the others' are in the report. */
function exitOfRuns(session: Session, { runs }: JobsRun): number {
  const failure = runs.find(({ lastRun }) => lastRun?.failure)?.lastRun?.failure
  return session.exitOf(failure?.code ?? 'CANCELLED')
}

async function showStatus(session: Session, scheduler: Scheduler): Promise<number> {
  const result = await scheduler.status()
  const view = { now: new Date(), width: outWidth(), paint: paintOut }
  const exit = session.show(result, status => renderStatus(status, view))
  // 3: done, and the news is bad.
  return result.success && result.status !== 'fine' ? session.exitOf('BACKUP_DAMAGED') : exit
}

async function showNextRuns(session: Session, scheduler: Scheduler): Promise<number> {
  const view = { now: new Date(), width: outWidth(), paint: paintOut }
  return session.show(await scheduler.nextRuns(), next => renderNextRuns(next, view))
}
