import type { CopiesAtTarget, CopiesVerified } from '../index.ts'
import { type Paint, paintOut } from './output.ts'
import type { Session } from './session.ts'
import { safeText } from './text.ts'
import { age, bytes, duration, number, plural } from './units.ts'

export interface CopiesOptions {
  readonly target?: string
  readonly within?: string
  readonly sample?: string
  readonly time?: string
}

export async function verifyCopies(session: Session, options: CopiesOptions): Promise<number> {
  const result = await session.run(run => session.database.verifyCopies({ ...run, ...options }))
  const exit = session.show(result, verified =>
    describeCopies(verified, session.options.quiet === true, { paint: paintOut, now: new Date() }),
  )
  return result.success && result.status !== 'intact' ? session.exitOf('BACKUP_DAMAGED') : exit
}

interface CopiesView {
  readonly paint: Paint
  readonly now: Date
}

function describeCopies({ targets }: CopiesVerified, isQuiet: boolean, view: CopiesView): string {
  if (targets.length === 0) return isQuiet ? '' : 'There are no targets: see docs/targets.md.'
  const shown = isQuiet ? targets.filter(({ status }) => status !== 'intact') : targets
  return shown.map(target => describeTarget(target, view)).join('\n')
}

function describeTarget(found: CopiesAtTarget, { paint, now }: CopiesView): string {
  const { name, status, problems, failure, backups, objects, readObjects, readBytes, unreadSince } = found
  const title = `${safeText(name)}:`
  const verdict = { intact: 'intact', damaged: 'damaged', failed: 'could not be read' }[status]
  const share = readObjects === objects ? 'all' : `${number(readObjects)} of ${number(objects)}`
  const unread =
    unreadSince === null
      ? []
      : [`the oldest of the others read, or put there, ${age(now.getTime() - Date.parse(unreadSince))}`]
  const figures = [
    `${plural(backups, 'backup')}, ${share} objects read`,
    bytes(readBytes),
    duration(found.durationMs),
    ...unread,
  ]
  return [
    status === 'intact'
      ? `${paint('green', `✔ ${title}`)} ${verdict}`
      : `${paint(['red', 'bold'], `✘ ${title}`)} ${verdict}`,
    ...problems.flatMap(({ path, message, hurts }) => [
      `  ${safeText(path)}: ${paint('red', safeText(message))}`,
      ...hurts.filter(hurt => !path.endsWith(hurt)).map(hurt => `    hurts ${safeText(hurt)}`),
    ]),
    ...(failure === null
      ? []
      : [
          `  ${safeText(failure.message)}`,
          ...(failure.hint === undefined ? [] : [`  ${safeText(failure.hint)}`]),
        ]),
    // Of one that could not be asked nothing is known, and "all objects read" would be false.
    ...(objects === 0 && failure !== null ? [] : [`  ${figures.join(', ')}`]),
    ...(problems.length === 0
      ? []
      : ['  What is whole here, or at another target, replaces it with the next: chame-backup sync']),
  ].join('\n')
}
