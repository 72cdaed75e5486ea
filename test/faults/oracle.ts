/**
 * Says what is wrong with a database and its backups after a crash. Looks at the files alone, with SQLite,
 * SHA-256 and what opens them by hand, and uses nothing of the product.
 */
import { basename, dirname } from 'node:path'
import type { Operation } from '../crash/operation.ts'
import { BACKED_UP, NOW, type Scene, treeOf } from '../restore/scene.ts'
import { assertIntact } from '../support/intact.ts'
import { filesBelow } from '../support/temporary.ts'
import {
  type Before,
  changedContent,
  CONTENT,
  DATA,
  dataOf,
  type Examiner,
  type Findings,
  lookBefore,
} from './oracle-before.ts'
import { KEY } from './oracle-image.ts'
import { OF_SCHEDULER, problemsOfState } from './oracle-scheduler.ts'
import {
  examineStored,
  firstLine,
  KEPT,
  OF_DIRECTORY,
  problemsUnless,
  publishedIn,
  STAGING,
  type Stored,
} from './oracle-stored.ts'
import { examineTarget } from './oracle-target.ts'
import { examineCleanup, examineConvert, examineDrill, keptOf } from './oracle-tended.ts'
import { writtenOut } from './oracle-written.ts'

/** Below a scene: a file that an operation adds as a backup. */
export const FOUND = 'found.db'

/** @param answer what the operation printed: `success`, `failure …`, or nothing when it was killed */
export function examine(scene: Scene, before: Before, operation: Operation, answer: string): Findings {
  const { notes } = before
  const stored = examineStored({
    directory: scene.backupDir,
    earlier: earlierOf(before, operation),
    notes,
    others: operation === 'schedule' ? [...OF_DIRECTORY, ...OF_SCHEDULER] : OF_DIRECTORY,
    keyPath: scene.path(KEY),
  })
  const rest = EXAMINERS[operation](scene, before, stored, answer)
  const violations = [
    ...stored.violations,
    ...strangersBeside(scene),
    ...rest.violations,
    ...examineTarget(scene, stored, { keyPath: scene.path(KEY), isDone: answer === 'success' }),
  ]
  return { state: rest.state, violations }
}

/** What must still be there, just as it was. */
function earlierOf({ stored }: Before, operation: Operation): Before['stored'] {
  if (operation === 'convert') return {}
  return operation === 'cleanup' ? keptOf(stored) : stored
}

const EXAMINERS: Readonly<Record<Operation, Examiner>> = {
  create: examineCreate,
  restore: examineRestore,
  verify: examineVerify,
  export: examineWritten,
  import: examineWritten,
  cleanup: examineCleanup,
  convert: examineConvert,
  drill: examineDrill,
  sync: examineSync,
  add: examineAdd,
  schedule: examineSchedule,
}

function examineCreate(scene: Scene, before: Before, stored: Stored, answer: string): Findings {
  const made = madeSince(before, stored)
  const complete = made.filter(stored.isDescribed)
  const violations = [
    ...made.filter(image => stored.images[image] !== NOW).map(image => `${image} is not of commit ${NOW}`),
    ...changedContent(scene, before),
    ...problemsUnless(holds(scene.databasePath, NOW), 'the source no longer holds its commit'),
    ...problemsUnless(answer !== 'success' || complete.length > 0, 'success was printed without a backup'),
    ...problemsUnless(made.length <= 1, `one run made ${made.length} images`),
  ]
  return { violations, state: complete.length > 0 ? 'complete' : made.length > 0 ? 'image alone' : 'absent' }
}

function madeSince(before: Before, stored: Stored): string[] {
  return Object.keys(stored.images).filter(image => !(image in before.stored))
}

/** Adding a file makes a backup of it, and leaves it where it is. */
function examineAdd(scene: Scene, before: Before, stored: Stored, answer: string): Findings {
  const { state, violations } = examineCreate(scene, before, stored, answer)
  const isThere = holds(scene.path(FOUND), NOW)
  return { state, violations: [...violations, ...problemsUnless(isThere, 'the added file has changed')] }
}

/** A run of a job that makes a backup: that, and what the scheduler has written down of it. */
function examineSchedule(scene: Scene, before: Before, stored: Stored, answer: string): Findings {
  const { state, violations } = examineCreate(scene, before, stored, answer)
  const facts = { stored, made: madeSince(before, stored), isDone: answer === 'success' }
  return { state, violations: [...violations, ...problemsOfState(scene, facts)] }
}

/** Copying changes nothing here but the note of it. What is at the target is looked at for every operation. */
function examineSync(scene: Scene, before: Before, stored: Stored): Findings {
  const isMade = madeSince(before, stored).length > 0
  return {
    state: 'same',
    violations: [...changedContent(scene, before), ...problemsUnless(!isMade, 'a sync made a backup')],
  }
}

function examineVerify(scene: Scene, before: Before): Findings {
  const now = lookBefore(scene, before)
  const isSame = JSON.stringify(now) === JSON.stringify(before)
  return { violations: problemsUnless(isSame, 'verify changed something'), state: 'same' }
}

/** An export, or a database that was made of one: nothing under its name, or the whole of it. */
function examineWritten(scene: Scene, before: Before, _: Stored, answer: string): Findings {
  const { isThere, problems } = writtenOut(scene)
  return {
    state: isThere ? 'complete' : 'absent',
    violations: [
      ...problems,
      ...changedContent(scene, before),
      ...problemsUnless(answer !== 'success' || isThere, 'success was printed, and nothing is there'),
    ],
  }
}

function examineRestore(scene: Scene, before: Before, stored: Stored, answer: string): Findings {
  const { state, violations } = targetState(scene, before)
  const isNew = state === 'new'
  const isUndone = /^failure (RESTORE_ROLLED_BACK|CANCELLED)/.test(answer)
  const oldImages = Object.keys(stored.images).filter(
    image => image.startsWith('pre_restore/') && stored.images[image] === NOW && stored.isDescribed(image),
  )
  return {
    state,
    violations: [
      ...violations,
      ...problemsUnless(answer !== 'success' || isNew, `success was printed, and the target is ${state}`),
      ...problemsUnless(!isUndone || !isNew || before.isNew, 'it was undone, and the target is new'),
      ...problemsUnless(!isNew || before.isUnreadable || oldImages.length > 0, 'the old state is not kept'),
      ...(before.isUnreadable ? lostContent(scene, before) : []),
    ],
  }
}

/** Old or new, and whole, as the next to open it sees it: with the side files that lie beside it. */
function targetState(scene: Scene, before: Before): Findings {
  const data = treeOf(dataOf(scene), { withTimes: true })
  const isAsItWas = contentAndMode(data['app.db']) === contentAndMode(before.data['app.db'])
  if (before.isUnreadable && isAsItWas) return { state: 'old', violations: [] }
  if (data['app.db'] === undefined) return { state: 'gone', violations: ['the target is gone'] }
  try {
    const { commits } = assertIntact(scene.databasePath)
    if (commits === BACKED_UP) return { state: 'new', violations: [] }
    if (commits === NOW && !before.isUnreadable) return { state: 'old', violations: [] }
    return { state: 'mixed', violations: [`the target is of commit ${commits}`] }
  } catch (error) {
    return { state: 'mixed', violations: [`the target is neither old nor new: ${firstLine(error)}`] }
  }
}

/** What lay there and could not be read is where it was, or kept beside the backups. */
function lostContent(scene: Scene, before: Before): string[] {
  const data = treeOf(dataOf(scene))
  const kept = Object.entries(publishedIn(scene.backupDir, [])).filter(([name]) => KEPT.test(name))
  return CONTENT.filter(name => name in before.data).flatMap(name => {
    const content = contentOf(before.data[name])
    const suffix = name.slice('app.db'.length)
    const isKept = kept.some(
      ([path, entry]) => path.endsWith(`.damaged${suffix}`) && contentOf(entry) === content,
    )
    return isKept || contentOf(data[name]) === content ? [] : [`${name} is lost`]
  })
}

function strangersBeside(scene: Scene): string[] {
  const names = filesBelow(dataOf(scene)).filter(name => !STAGING.test(basename(dirname(name))))
  return names
    .filter(name => !DATA.includes(name) && !STAGING.test(name))
    .map(name => `${name} does not belong beside a database`)
}

function holds(path: string, commits: number): boolean {
  try {
    return assertIntact(path).commits === commits
  } catch {
    return false
  }
}

/** An entry of a tree is "mode content time". */
function contentOf(entry: string | undefined): string | undefined {
  return entry?.split(' ')[1]
}

function contentAndMode(entry: string | undefined): string | undefined {
  return entry?.split(' ').slice(0, 2).join(' ')
}
