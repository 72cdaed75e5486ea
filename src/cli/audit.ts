import { Argument, type Command, Option } from 'commander'
import type { AuditEntry, AuditLogRead, AuditLogVerified, TargetAnchors } from '../index.ts'
import { defineCommand, examples } from './define-command.ts'
import { given, parseCount } from './options.ts'
import { outWidth, type Paint, paintOut } from './output.ts'
import { refuseOfOthers } from './refuse-unused.ts'
import { inSession, type Session } from './session.ts'
import { type Column, renderTable } from './table.ts'
import { safeText } from './text.ts'
import { duration, plural } from './units.ts'

interface AuditOptions {
  readonly limit?: number
  readonly before?: number
  readonly target?: string[]
  readonly targets?: true
}

const ACTIONS = ['show', 'verify'] as const
type Action = (typeof ACTIONS)[number]

const TAKES: Readonly<Record<Action, readonly (keyof AuditOptions)[]>> = {
  show: ['limit', 'before'],
  verify: ['target', 'targets'],
}

export function auditCommand(): Command {
  const command = defineCommand(
    'audit',
    'Show what was done through any door, or check that nobody changed the log of it.',
  )
    .addArgument(new Argument('<action>', 'what to do').choices(ACTIONS))
    .option('--limit <n>', 'show: entries at most, up to 1,000 (default: 50)', parseCount)
    .option('--before <seq>', 'show: only entries before this one', parseCount)
    .option(
      '--target <name>',
      'verify: compare the log with the anchors at this target (repeatable)',
      (name: string, names: string[] | undefined) => [...(names ?? []), name],
    )
    .addOption(
      new Option('--targets', 'verify: compare it with those at all targets of the configuration').conflicts(
        'target',
      ),
    )
    .addHelpText(
      'after',
      `${examples([
        ['audit show', 'what was done last'],
        ['audit show --limit 200 --json', 'the same for a program'],
        ['audit verify', 'follow the chain of the log from its first line to its last'],
        ['audit verify --targets', 'see also whether its tail was cut off, or all of it written anew'],
      ])}\n\nExits with 3 when audit verify finds a line that was changed, removed or put elsewhere, and when a target\nthat the log is to be compared with is away or has no anchor of it.`,
    )
    .action((action: Action, options: AuditOptions, called: Command) =>
      inSession(called, session => (action === 'show' ? show(session, options) : verify(session, options))),
    )
  return refuseOfOthers(command, TAKES)
}

async function show(session: Session, options: AuditOptions): Promise<number> {
  const { limit, before } = options
  const read = await session.database.auditLog(given({ limit, before }))
  return session.show(read, log => renderLog(log, paintOut))
}

function renderLog({ entries, hasMore }: AuditLogRead, paint: Paint): string {
  if (entries.length === 0) return 'Nothing was noted yet.'
  const columns: readonly Column<AuditEntry>[] = [
    { title: '#', value: ({ seq }) => String(seq), align: 'right' },
    { title: 'Time', value: ({ time }) => safeText(time.replace('T', ' ').replace(/\.\d+Z$/, ' UTC')) },
    { title: 'Who', value: ({ actor }) => safeText(`${actor.who} (${actor.door})`), shrinkTo: 8 },
    { title: 'Action', value: ({ action }) => safeText(action) },
    { title: 'On', value: ({ on }) => safeText(on ?? ''), shrinkTo: 12 },
    {
      title: 'Result',
      value: ({ result }) => safeText(result),
      paint: (text, { result }) => paint(result === 'success' ? 'green' : 'red', text),
    },
    { title: 'Took', value: ({ durationMs }) => duration(durationMs), align: 'right', drop: 2 },
    { title: 'Database', value: ({ database }) => safeText(database ?? ''), drop: 3 },
    { title: 'Parameters', value: parametersOf, shrinkTo: 12, drop: 1 },
  ]
  const table = renderTable(columns, entries, { width: outWidth(), paintTitle: text => paint('bold', text) })
  const last = entries.at(-1)?.seq ?? 0
  return hasMore ? `${table}\n${paint('dim', `Older ones with --before ${last}`)}` : table
}

function parametersOf({ parameters, gap }: AuditEntry): string {
  const shown = Object.entries(parameters).map(([key, value]) => `${key}=${JSON.stringify(value)}`)
  return safeText([...shown, ...(gap === undefined ? [] : [`gap=${JSON.stringify(gap)}`])].join(' '))
}

async function verify(session: Session, options: AuditOptions): Promise<number> {
  const targets = options.targets === true ? ('all' as const) : options.target
  const result = await session.run(run => session.database.verifyAuditLog({ ...run, ...given({ targets }) }))
  const exit = session.show(result, verified =>
    session.options.quiet && verified.status === 'intact' ? '' : describeVerified(verified, paintOut),
  )
  return result.success && result.status !== 'intact' ? session.exitOf('BACKUP_DAMAGED') : exit
}

const VERDICTS = {
  intact: ['green', '✔ Intact:'],
  incomplete: ['yellow', '– Intact as far as it could be compared:'],
  damaged: ['red', '✘ Not intact:'],
} as const

function describeVerified(
  { status, path, entries, problems, notes, head, anchors }: AuditLogVerified,
  paint: Paint,
): string {
  const [colour, verdict] = VERDICTS[status]
  return [
    `${paint([colour, 'bold'], verdict)} ${safeText(path)}`,
    ...problems.map(problem => `  ${paint('red', safeText(problem.message))}`),
    ...notes.map(note => `  ${safeText(note)}`),
    `  ${plural(entries, 'entry', 'entries')}${head === null ? '' : `, the newest ${head.seq} ${safeText(head.hash)}`}`,
    ...anchors.map(each => `  ${safeText(each.target)}: ${describeAnchors(each)}`),
  ].join('\n')
}

function describeAnchors({ status, agreeing, earlier, others, newest, failure }: TargetAnchors): string {
  if (failure !== null) return `could not be asked: ${safeText(failure.message)}`
  const agree = newest === null ? '' : `, the newest of entry ${newest.seq} (${safeText(newest.time)})`
  const words = `${plural(agreeing, 'anchor')} that ${agreeing === 1 ? 'agrees' : 'agree'}${agree}`
  return [
    status === 'none' ? 'it has no anchor of this log' : words,
    ...(earlier === 0 ? [] : [`${earlier} of lines that were put away`]),
    ...(others === 0 ? [] : [`${others} of other logs`]),
  ].join('; ')
}
