import type { Command } from 'commander'
import type { TargetsSynced, TargetSynced } from '../index.ts'
import { defineCommand, examples } from './define-command.ts'
import { given } from './options.ts'
import { type Paint, paintOut } from './output.ts'
import { inSession, type Session } from './session.ts'
import { safeText } from './text.ts'
import { bytes, duration, plural } from './units.ts'

interface SyncOptions {
  readonly target?: string
}

export function syncCommand(): Command {
  return defineCommand(
    'sync',
    'Copy to the targets what they lack, and complete copies that were interrupted.',
  )
    .option('--target <name>', 'only this target (default: all of the configuration)')
    .addHelpText(
      'after',
      `${examples([
        ['sync', 'all targets'],
        ['sync --target s3', 'one of them'],
      ])}\n\nExits with 3 when a target still lacks something.`,
    )
    .action((options: SyncOptions, command: Command) => inSession(command, session => sync(session, options)))
}

async function sync(session: Session, options: SyncOptions): Promise<number> {
  const result = await session.run(run => session.database.syncTargets({ ...run, ...given(options) }))
  const exit = session.show(result, synced =>
    describeSynced(synced, session.options.quiet === true, paintOut),
  )
  return result.success && result.status === 'incomplete' ? session.exitOf('BACKUP_DAMAGED') : exit
}

function describeSynced({ targets }: TargetsSynced, isQuiet: boolean, paint: Paint): string {
  if (targets.length === 0) return isQuiet ? '' : 'There are no targets: see docs/targets.md.'
  const shown = isQuiet
    ? targets.filter(({ status, anchorProblem }) => status !== 'synced' || anchorProblem !== null)
    : targets
  return shown.map(target => describeTarget(target, paint)).join('\n')
}

function describeTarget(synced: TargetSynced, paint: Paint): string {
  const { name, status, copied, failed, present, leftOut, failure, anchorProblem, durationMs } = synced
  const sent = `${plural(copied.length, 'backup')} copied, ${bytes(synced.bytes)}, ${duration(durationMs)}`
  const left = leftOut === 0 ? '' : `, ${leftOut} left out`
  const title = `${safeText(name)}:`
  return [
    status === 'synced'
      ? `${paint('green', `✔ ${title}`)} ${sent}; it has ${plural(present, 'backup')}${left}`
      : `${paint(['red', 'bold'], `✘ ${title}`)} ${sent}; not all of them`,
    ...(anchorProblem === null
      ? []
      : [`  ${paint('yellow', 'without an anchor of the audit log:')} ${safeText(anchorProblem)}`]),
    ...failed.map(({ filename, message }) => `  not copied: ${safeText(filename)}: ${safeText(message)}`),
    ...(failure === null
      ? []
      : [
          `  ${safeText(failure.message)}`,
          ...(failure.hint === undefined ? [] : [`  ${safeText(failure.hint)}`]),
        ]),
  ].join('\n')
}
