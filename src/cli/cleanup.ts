import { type Command, InvalidArgumentError, Option } from 'commander'
import type { RetentionPolicy, RetentionRequest, RetentionRules, SimulateRetentionRequest } from '../index.ts'
import { defineCommand, examples } from './define-command.ts'
import { given, parseCount } from './options.ts'
import { outWidth, paintOut } from './output.ts'
import { refuseAlone } from './refuse-unused.ts'
import { inSession, type Session } from './session.ts'

interface CleanupOptions extends RetentionRules {
  readonly type?: string
  readonly dailyKeep?: number
  readonly weeklyKeep?: number
  readonly maxDeletions?: number
  readonly confirm?: true
  readonly simulate?: string
  readonly target?: string
  readonly ahead?: true
}

/** The types that rules without `--type` are for: those that a schedule makes. */
const SCHEDULED_TYPES = ['daily', 'weekly']

export function cleanupCommand(): Command {
  const command = defineCommand('cleanup', 'Delete the backups that the retention policy does not keep.')
    .option('--confirm', 'delete; without it the plan is printed and nothing deleted')
    .option('--daily-keep <count>', 'keep so many daily backups (default: 7)', parseKeep)
    .option('--weekly-keep <count>', 'keep so many weekly backups (default: 4)', parseKeep)
    .option('--type <type>', 'only backups of this type')
  for (const option of ruleOptions()) command.addOption(option)
  command
    .option(
      '--max-deletions <count>',
      'delete at most so many, the oldest (default: the configuration, else 100)',
      parseCount,
    )
    .option('--target <name>', 'only at this target of the configuration')
    .addOption(
      new Option(
        '--simulate <span>',
        'show what would be held over such a time, with a daily and a weekly backup',
      ).conflicts(['confirm', 'maxDeletions', 'target']),
    )
    .option('--ahead', 'with --simulate: into the future, from the backups that are there now')
    .addHelpText(
      'after',
      `${examples([
        ['cleanup', 'what would be deleted, what kept, and why'],
        ['cleanup --confirm', 'delete'],
        ['cleanup --daily-keep 14 --weekly-keep 8 --confirm', 'keep twice as many'],
        ['cleanup --type manual --keep-within 1y', 'rules for one type'],
        ['cleanup --keep-daily 7 --keep-weekly 4 --keep-monthly 12 --simulate 1y', 'try a policy out'],
      ])}\n\nThe keep, max and min rules are for daily and weekly backups, or for those of --type.\nCleans up at the targets, too, each by its own rules; with rules on the command line only in the backup directory, or at --target.\nExits with 3 when dates and clock contradict each other, or a backup could not be deleted.`,
    )
    .action(async (options: CleanupOptions, called: Command) => {
      await checkRules(options, called)
      await inSession(called, session => cleanup(session, options))
    })
  return refuseAlone(command, { ahead: ['simulate'] })
}

/** Before a request is made of them, which names an option by where it stands in a policy, once for each type. */
async function checkRules(options: CleanupOptions, command: Command): Promise<void> {
  const { isSize, isSpan } = await import('../index.ts')
  const refuse = (flags: string, value: string, expected: string): never =>
    command.error(`error: option '${flags}' argument '${value}' is invalid. Expected ${expected}.`)
  const { keepWithin, minAge, simulate, maxSize } = options
  const spans = {
    '--keep-within <span>': keepWithin,
    '--min-age <span>': minAge,
    '--simulate <span>': simulate,
  }
  for (const [flags, span] of Object.entries(spans))
    if (span !== undefined && !isSpan(span))
      refuse(flags, span, 'a span such as 12h, 30d, 8w, 6m (months) or 1y')
  if (maxSize !== undefined && !isSize(String(maxSize)))
    refuse('--max-size <size>', String(maxSize), 'bytes, or a size such as 10GiB or 512MiB')
}

/** The rules of a policy; those of the two short forms cannot stand beside them. */
function ruleOptions(): Option[] {
  const counted = [
    ['--keep-last <count>', 'keep the newest so many'],
    ['--keep-hourly <count>', 'keep the newest of each of so many hours'],
    ['--keep-daily <count>', 'keep the newest of each of so many days'],
    ['--keep-weekly <count>', 'keep the newest of each of so many weeks'],
    ['--keep-monthly <count>', 'keep the newest of each of so many months'],
    ['--keep-yearly <count>', 'keep the newest of each of so many years'],
  ].map(([flags = '', description]) => new Option(flags, description).argParser(parseKeep))
  return [
    ...counted,
    new Option('--keep-within <span>', 'keep all that are younger, such as 30d, 12h, 8w, 6m, 1y'),
    new Option('--max-size <size>', 'what they may take together, such as 10GiB; the oldest go first'),
    new Option('--min-count <count>', 'keep so many whatever their size').argParser(parseKeep),
    new Option('--min-age <span>', 'keep younger ones whatever their size'),
  ].map(option => option.conflicts(['dailyKeep', 'weeklyKeep']))
}

async function cleanup(session: Session, options: CleanupOptions): Promise<number> {
  const { simulate, ahead, confirm, maxDeletions, target, ...rules } = options
  const request = requestOf(rules)
  if (simulate !== undefined)
    return showSimulated(session, { ...request, ...given({ ahead }), span: simulate })
  const result = await session.run(run =>
    session.database.cleanupOldBackups({
      ...run,
      ...request,
      ...given({ maxDeletions, target }),
      dryRun: confirm !== true,
    }),
  )
  const { describeCleanup, describeCleanupQuietly } = await import('./describe-cleanup.ts')
  const exit = session.show(result, done =>
    session.options.quiet
      ? describeCleanupQuietly(done)
      : describeCleanup(done, { now: new Date(), width: outWidth(), paint: paintOut }),
  )
  return result.success && result.status !== 'done' ? session.exitOf('BACKUP_DAMAGED') : exit
}

async function showSimulated(session: Session, request: SimulateRetentionRequest): Promise<number> {
  const result = await session.run(run => session.database.simulateRetention({ ...run, ...request }))
  const { describeSimulated } = await import('./describe-simulated.ts')
  return session.show(result, simulated =>
    describeSimulated(simulated, { now: new Date(), width: outWidth(), paint: paintOut }),
  )
}

function requestOf({ type, dailyKeep, weeklyKeep, ...rules }: CleanupOptions): RetentionRequest {
  const said = given(rules)
  if (Object.keys(said).length === 0) return given({ type, dailyKeep, weeklyKeep })
  const types = type === undefined ? SCHEDULED_TYPES : [type]
  const policy: RetentionPolicy = Object.fromEntries(types.map(each => [each, said]))
  return { policy }
}

/** A whole number; 0 means no such rule. */
function parseKeep(text: string): number {
  const count = Number(text)
  if (/^\d{1,6}$/.test(text)) return count
  throw new InvalidArgumentError('Expected a whole number.')
}
