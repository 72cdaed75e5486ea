/** Says what is wrong with an answer that was given while calls failed, and with what it left behind. */
import { dirname } from 'node:path'
import { leftoversIn, type Scene } from '../restore/scene.ts'
import type { Failing, Outcome } from './failing-product.ts'
import { codesFor } from './failing-table.ts'
import type { Answer, Job } from './failing-worker.ts'
import type { Before, Findings } from './oracle-before.ts'
import { examine } from './oracle.ts'
import type { SeenCall } from './shim.ts'

export interface Judgement {
  /** The code, or `success`. */
  readonly result: string
  /** What became of the target or of the backup, as the oracle says. */
  readonly state: string
  readonly violations: readonly string[]
}

const FLUSHES: readonly string[] = ['fsync', 'fdatasync']
const OF_MANY: readonly Job['operation'][] = ['cleanup', 'convert']
/** What a leftover may be the consequence of. */
const REMOVING: readonly string[] = ['unlink', 'unlinkat', 'rmdir', 'open', 'readdir']

export function judge(
  scene: Scene,
  before: Before,
  operation: Job['operation'],
  failing: Failing,
  { answer, calls, leaked, sqlitePids, stderr }: Outcome,
): Judgement {
  if (answer === null) return { result: 'none', state: '', violations: [`no answer: ${stderr}`] }
  const said = !answer.success
    ? `failure ${answer.code}: ${answer.message}`
    : isNoted(answer)
      ? 'success'
      : ''
  const { state, violations } = examineFor(scene, before, operation, said)
  const hits = calls.filter(({ isHit }) => isHit)
  // SQLite passes over a failed flush of a directory, so that nobody can tell.
  const isUntold = ({ pid, path }: SeenCall): boolean =>
    sqlitePids.includes(pid) && path === dirname(scene.databasePath)
  const told = calls.filter(call => !isUntold(call))
  const isSqlite = hits.some(({ pid, path }) => sqlitePids.includes(pid) || path.endsWith('.lock'))
  return {
    result: answer.success ? 'success' : (answer.code ?? 'failed in part'),
    state,
    violations: [
      ...violations,
      ...(answer.success
        ? problemsOfSuccess(answer, operation, failing, told)
        : problemsOfFailure(answer, scene, codesFor(failing.errno, operation, { hits, isSqlite }))),
      ...problemsOfState(said, operation, failing, state),
      ...flushedAgain(scene, { isSuccess: answer.success, isOfMany: OF_MANY.includes(operation) }, told),
      ...leaked.map(path => `still open after the answer: ${path}`),
      ...unexplainedLeftovers(scene, failing, hits),
    ],
  }
}

/** What the independent checker says. It knows three operations: a list, or a look inside, is as harmless as a verification. */
export function examineFor(
  scene: Scene,
  before: Before,
  operation: Job['operation'],
  said: string,
): Findings {
  // Looking at a database makes the same side files as backing it up; but no backup comes of it.
  if (operation === 'info') return examine(scene, before, 'create', '')
  const isHarmless = operation === 'list' || operation === 'look'
  return examine(scene, before, isHarmless ? 'verify' : operation, said)
}

/** A drill that could not note how it went says so, and promises no more. */
function isNoted(answer: Answer): boolean {
  return answer['recorded'] !== false
}

function problemsOfFailure(answer: Answer, { directory }: Scene, allowed: readonly string[]): string[] {
  const { code = '', message = '', hint = '', isPart = false } = answer
  const said = `${code}: ${message}`
  return [
    ...(allowed.includes(code) || (isPart && code === '')
      ? []
      : [`the code is none of ${allowed.join(', ')}: ${said}`]),
    ...(message.includes(directory) ? [] : [`no path in ${said}`]),
    ...(/\n|^\s*at /m.test(message) ? [`more than a line: ${said}`] : []),
    ...(hint === '' && !isPart ? [`no hint with ${said}`] : []),
  ]
}

/** Success is only for what was done: nothing that it rests on may have failed and not been done again. */
function problemsOfSuccess(
  answer: Answer,
  operation: Job['operation'],
  { errno }: Failing,
  calls: readonly SeenCall[],
): string[] {
  const isPromised = errno !== 'short' && operation !== 'info' && isNoted(answer)
  const swallowed = isPromised ? failedForGood(calls) : []
  return [
    ...swallowed.map(({ call, path }) => `success after a failed ${call} of ${path}`),
    ...(operation === 'verify' && answer['status'] !== 'intact'
      ? [`called damaged: ${JSON.stringify(answer['problems'])}`]
      : []),
    ...(operation === 'list' && countIn(answer['backups']) !== 1 ? ['the list is not whole'] : []),
    ...(operation === 'info' && (answer['backups'] as { readonly count: number }).count !== 1
      ? ['the overview is not whole']
      : []),
  ]
}

/**
 * The flushes that failed, and the writes that failed and were not made again in another way, as where the
 * file system refuses to copy by itself. The WAL index is no content: it is made anew from the WAL, as
 * fingerprints are from the packs. Nor does a success rest on the note of it in the audit log, which comes last: see
 * test/audit.
 */
function failedForGood(all: readonly SeenCall[]): SeenCall[] {
  const noting = all.findIndex(({ path }) => path.endsWith('/.chame-audit.lock'))
  const calls = noting === -1 ? all : all.slice(0, noting)
  return calls.filter(({ call, path, isHit }, index) => {
    if (!isHit || path.endsWith('-shm') || path.endsWith('.fingerprints')) return false
    const isMadeAgain = calls
      .slice(index + 1)
      .some(later => isDone(later) && later.call === call && later.path === path)
    return FLUSHES.includes(call) || (call === 'write' && !isMadeAgain)
  })
}

function isDone({ isHit }: SeenCall): boolean {
  return !isHit
}

function countIn(list: unknown): number {
  return Array.isArray(list) ? list.length : -1
}

/** Who is told that it failed must find everything as it was, unless the message says that he does not. */
function problemsOfState(
  said: string,
  operation: Job['operation'],
  { isSticky }: Failing,
  state: string,
): string[] {
  if (said === 'success') return []
  // An image alone is left where removing fails from then on.
  const isAbsent = state === 'absent' || (isSticky && state === 'image alone')
  if (operation === 'create' && !isAbsent) return [`${said}, but the backup is ${state}`]
  const isToldBy = said.startsWith('failure RESTORE_FAILED')
  if (operation === 'restore' && !isToldBy && state !== 'old') return [`${said}, but the target is ${state}`]
  return []
}

/**
 * After a failed flush the kernel may have dropped what was written, and a second one would succeed all the
 * same. So no file is flushed again unless it was written anew, and nothing is published after it. Only in
 * the database itself, where the answer says that the restore failed, SQLite does so when it closes its log.
 * What is done with many backups goes on with the others.
 */
function flushedAgain(
  { databasePath }: Scene,
  { isSuccess, isOfMany }: { readonly isSuccess: boolean; readonly isOfMany: boolean },
  calls: readonly SeenCall[],
): string[] {
  const ofDatabase = [dirname(databasePath), databasePath, `${databasePath}-wal`, `${databasePath}-journal`]
  return calls.flatMap(({ call, path, isHit }, index) => {
    if (!isHit || !FLUSHES.includes(call) || (!isSuccess && ofDatabase.includes(path))) return []
    const after = calls.slice(index + 1)
    const again = after.findIndex(later => FLUSHES.includes(later.call) && later.path === path)
    const isWrittenAnew = after.slice(0, Math.max(0, again)).some(later => changes(later, path))
    const published = isOfMany ? [] : after.filter(({ call: name }) => name === 'rename' || name === 'link')
    return [
      ...(again === -1 || isWrittenAnew ? [] : [`flushed again after a failed ${call}: ${path}`]),
      ...published.map(later => `published after a failed ${call} of ${path}: ${later.path}`),
    ]
  })
}

function changes({ call, path }: SeenCall, flushed: string): boolean {
  if (call === 'write' || call === 'ftruncate64') return path === flushed
  // A directory changes by the names in it.
  const isOfName = ['create', 'make', 'unlink', 'rmdir', 'mkdir', 'rename', 'link'].includes(call)
  return isOfName && path.startsWith(`${flushed}/`)
}

function unexplainedLeftovers(scene: Scene, { isSticky }: Failing, hits: readonly SeenCall[]): string[] {
  if (isSticky || hits.some(({ call }) => REMOVING.includes(call))) return []
  return leftoversIn(scene.directory).map(path => `left behind: ${path}`)
}

/** The same for each run: without the parts of names that are drawn at random or follow from the time. */
export function withoutChance(text: string, { directory }: Scene): string {
  return text
    .replaceAll(directory, '…')
    .replaceAll(/\d{8}_\d{6}/g, '<time>')
    .replaceAll(/[0-9a-f]{12,16}/g, '<random>')
}
