import { Argument, type Command } from 'commander'
import type { TargetCheck, TargetInfo, TargetProbe, TargetsChecked, TargetsListed } from '../index.ts'
import { defineCommand, examples } from './define-command.ts'
import { outWidth, type Paint, paintOut } from './output.ts'
import { refuseOfOthers } from './refuse-unused.ts'
import { inSession, type Session } from './session.ts'
import { renderTable } from './table.ts'
import { safeText } from './text.ts'
import { age } from './units.ts'

export function targetCommand(): Command {
  const command = defineCommand(
    'target',
    'Try what the targets of the configuration really do, or list them.',
  )
    .addArgument(new Argument('<action>', 'what to do').choices(['check', 'list']))
    .argument('[name]', 'check only this target (default: all of them)')
    .addHelpText(
      'after',
      `${examples([
        ['target check', 'every target: put, get, list, delete, locks, races'],
        ['target check s3', 'one of them'],
        ['target list', 'the targets, and what their last checks saw'],
      ])}\n\nExits with 3 when a target cannot be used as it is.`,
    )
    .action((action: 'check' | 'list', name: string | undefined, _options: object, called: Command) =>
      inSession(called, session => (action === 'check' ? check(session, name) : list(session))),
    )
  return refuseOfOthers(command, { check: ['name'], list: [] })
}

async function check(session: Session, name: string | undefined): Promise<number> {
  const result = await session.database.checkTarget(name, { signal: session.cancellation.signal })
  const exit = session.show(result, checked =>
    session.options.quiet === true && checked.status === 'usable' ? '' : describeChecked(checked, paintOut),
  )
  return result.success && result.status === 'failed' ? session.exitOf('BACKUP_DAMAGED') : exit
}

async function list(session: Session): Promise<number> {
  const now = new Date()
  return session.show(await session.database.listTargets(), listed => describeListed(listed, now, paintOut))
}

function describeChecked({ targets }: TargetsChecked, paint: Paint): string {
  return targets.map(({ check, ...target }) => describeTarget(target, check, paint)).join('\n\n')
}

function describeTarget(target: Omit<TargetInfo, 'check'>, found: TargetCheck, paint: Paint): string {
  const headline =
    found.status === 'usable' ? paint('green', '✔ Usable:') : paint(['red', 'bold'], '✘ Cannot be used:')
  return [
    `${headline} ${safeText(target.name)} (${target.kind}, ${safeText(target.place)})`,
    ...found.probes.flatMap(probe => describeProbe(probe, paint)),
    ...found.warnings.map(warning => paint('yellow', `  ! ${warning}`)),
    ...found.left.map(key => `  left there: ${safeText(key)}`),
  ].join('\n')
}

const MARKS = {
  yes: ['green', '✔'],
  no: ['yellow', '–'],
  failed: ['red', '✘'],
  skipped: ['dim', '·'],
} as const

function describeProbe({ probe, status, detail, hint }: TargetProbe, paint: Paint): string[] {
  const [colour, mark] = MARKS[status]
  const line = `  ${paint(colour, mark)} ${probe.padEnd(13)} ${safeText(detail)}`
  return hint === undefined ? [line] : [line, `    ${safeText(hint)}`]
}

function describeListed({ targets }: TargetsListed, now: Date, paint: Paint): string {
  if (targets.length === 0) return 'The configuration has no targets: see docs/targets.md.'
  return renderTable<TargetInfo>(
    [
      { title: 'Name', value: ({ name }) => safeText(name) },
      { title: 'Kind', value: ({ kind }) => kind },
      { title: 'Place', value: ({ place }) => safeText(place), shrinkTo: 20 },
      { title: 'Append-only', value: ({ appendOnly }) => (appendOnly ? 'yes' : ''), drop: 1 },
      {
        title: 'Last check',
        value: ({ check: last }) =>
          last === null ? 'never' : `${last.status}, ${age(now.getTime() - Date.parse(last.checkedAt))}`,
        paint: (text, { check: last }) => (last?.status === 'failed' ? paint('red', text) : text),
      },
      {
        title: 'Lacks',
        value: ({ check: last }) =>
          (last?.probes ?? [])
            .filter(({ status }) => status === 'no' || status === 'failed')
            .map(({ probe }) => probe)
            .join(', '),
        shrinkTo: 12,
        drop: 2,
      },
    ],
    targets,
    { width: outWidth(), paintTitle: text => paint('bold', text) },
  )
}
