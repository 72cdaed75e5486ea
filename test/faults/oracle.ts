/**
 * Says what is wrong with a database and its backups after a crash. Looks at the files alone, with SQLite
 * and SHA-256, and uses nothing of the product.
 */
import { existsSync, lstatSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { Operation } from '../crash/operation.ts'
import { BACKED_UP, NOW, type Scene, treeOf } from '../restore/scene.ts'
import { assertIntact } from '../support/intact.ts'
import { writtenOut } from './oracle-written.ts'
import { filesBelow } from '../support/temporary.ts'
import {
  examineStored,
  firstLine,
  KEPT,
  marksIn,
  problemsUnless,
  publishedIn,
  STAGING,
  type Stored,
} from './oracle-stored.ts'

/** What was there before the crash. */
export interface Before {
  /** The content, mode and times of each file beside the database. */
  readonly data: Readonly<Record<string, string>>
  /** The same of each stored image and metadata, without times. */
  readonly stored: Readonly<Record<string, string>>
  /** SQLite cannot read what is there, or nothing is: so its files themselves have to be kept. */
  readonly isUnreadable: boolean
  /** An earlier restore has already got as far as the new state. */
  readonly isNew: boolean
}

export interface Findings {
  readonly violations: readonly string[]
  /** What became of it: `absent`, `image alone`, `complete`; `old`, `new`; `same`; of what is written out: `absent`, `complete`. */
  readonly state: string
}

const DATA: readonly string[] = ['app.db', 'app.db-wal', 'app.db-shm', 'app.db-journal']
/** What holds content; a WAL index is made anew from its WAL. */
const CONTENT: readonly string[] = ['app.db', 'app.db-wal', 'app.db-journal']

export function lookBefore(scene: Scene, { isUnreadable }: { readonly isUnreadable: boolean }): Before {
  const data = treeOf(dataOf(scene), { withTimes: true })
  return { data, stored: publishedIn(scene), isUnreadable, isNew: false }
}

/** What a run finds that follows a crash: the database's files as they were before both, and what is stored by now. */
export function lookBetween(scene: Scene, before: Before, state: string): Before {
  return { ...before, stored: publishedIn(scene), isNew: state === 'new' }
}

/** @param answer what the operation printed: `success`, `failure …`, or nothing when it was killed */
export function examine(scene: Scene, before: Before, operation: Operation, answer: string): Findings {
  const stored = examineStored(scene, operation === 'cleanup' ? keptOf(before.stored) : before.stored)
  const rest = EXAMINERS[operation](scene, before, stored, answer)
  const violations = [...stored.violations, ...strangersBeside(scene), ...rest.violations]
  return { state: rest.state, violations }
}

type Examiner = (scene: Scene, before: Before, stored: Stored, answer: string) => Findings

const EXAMINERS: Readonly<Record<Operation, Examiner>> = {
  create: examineCreate,
  restore: examineRestore,
  verify: examineVerify,
  export: examineWritten,
  import: examineWritten,
  cleanup: examineCleanup,
}

function examineCreate(scene: Scene, before: Before, stored: Stored, answer: string): Findings {
  const made = Object.keys(stored.images).filter(image => !(image in before.stored))
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

function examineVerify(scene: Scene, before: Before): Findings {
  const now = lookBefore(scene, before)
  const isSame = JSON.stringify(now) === JSON.stringify(before)
  return { violations: problemsUnless(isSame, 'verify changed something'), state: 'same' }
}

/** The newest image, and what describes it, stay as they are. The others go as a whole; what is half gone says so. */
function examineCleanup(scene: Scene, before: Before, stored: Stored, answer: string): Findings {
  const [newest = ''] = Object.keys(keptOf(before.stored))
  const left = Object.keys(stored.images).filter(image => image !== newest)
  const marks = marksIn(scene)
  return {
    state: left.length === 0 ? 'done' : left.length === 1 ? 'half done' : 'nothing done',
    violations: [
      ...changedContent(scene, before),
      ...problemsUnless(stored.images[newest] === NOW, `${newest}, the newest, does not hold its commit`),
      ...left
        .filter(image => !stored.isDescribed(image) && !marks.some(mark => mark.startsWith(basename(image))))
        .map(image => `${image} has neither metadata nor the mark of its deletion`),
      ...problemsUnless(
        answer !== 'success' || left.length === 0,
        'success was printed, and old ones are there',
      ),
      ...problemsUnless(
        answer !== 'success' || marks.length === 0,
        'success was printed, and a mark is left',
      ),
    ],
  }
}

/** The newest of what is stored, by its name, and its metadata: first the image. */
function keptOf(stored: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const newest = Object.keys(stored)
    .filter(name => name.startsWith('manual/'))
    .toSorted()
    .at(-1)
  const kept = [newest ?? '', `metadata/${basename(newest ?? '')}.json`]
  return Object.fromEntries(kept.flatMap(name => (name in stored ? [[name, stored[name] ?? '']] : [])))
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

/** What nobody may change: the source's bytes, modes and times. An empty WAL beside it is no content. */
function changedContent(scene: Scene, before: Before): string[] {
  const data = treeOf(dataOf(scene), { withTimes: true })
  return CONTENT.flatMap(name => {
    if (before.data[name] === data[name]) return []
    const isEmptyWal = name === 'app.db-wal' && before.data[name] === undefined && sizeOf(scene, name) === 0
    return isEmptyWal ? [] : [`the source's ${name} was changed`]
  })
}

/** What lay there and could not be read is where it was, or kept beside the backups. */
function lostContent(scene: Scene, before: Before): string[] {
  const data = treeOf(dataOf(scene))
  const kept = Object.entries(publishedIn(scene)).filter(([name]) => KEPT.test(name))
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

function dataOf(scene: Scene): string {
  return dirname(scene.databasePath)
}

function sizeOf(scene: Scene, name: string): number {
  const path = join(dataOf(scene), name)
  return existsSync(path) ? lstatSync(path).size : 0
}

/** An entry of a tree is "mode content time". */
function contentOf(entry: string | undefined): string | undefined {
  return entry?.split(' ')[1]
}

function contentAndMode(entry: string | undefined): string | undefined {
  return entry?.split(' ').slice(0, 2).join(' ')
}
