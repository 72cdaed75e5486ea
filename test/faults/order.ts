/** Rules on what an operation writes, where, and in which order, held against its system calls as strace saw them. */
import { lstatSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { expect } from 'vitest'
import { orderFor, type OrderOf } from '../crash/run-operation.ts'
import { type Call, changedBy, fromAndTo, pathOf, traceNode, writtenBy } from '../crash/trace.ts'
import type { Scene } from '../restore/scene.ts'
import { filesBelow, temporaryDirectory } from '../support/temporary.ts'
import type { MutantName } from './mutate.ts'
import { argumentsFor } from './mutated.ts'

const RENAMES: readonly string[] = ['rename', 'renameat', 'renameat2', 'link', 'linkat']
const FLUSHES: readonly string[] = ['fsync', 'fdatasync']
const DIRECTORIES: readonly string[] = ['mkdir', 'mkdirat']

/** Whether the path lies in a directory of what is being made, or is one. */
export function isStaged(path: string): boolean {
  return path.includes('/.chame-backup-')
}

export function isRename({ name }: Call): boolean {
  return RENAMES.includes(name)
}

/** Runs the operation under strace, which must succeed; returns its calls. A mutant breaks the product first. */
export function trace(scene: Scene, order: OrderOf, mutant?: MutantName): Call[] {
  const calls = traceNode(argumentsFor(orderFor(scene, order), mutant), join(temporaryDirectory(), 'trace'))
  expect(calls.find(isSuccess)).toBeDefined()
  return calls
}

/** The line at which "success" was being printed. */
export function successOf(calls: readonly Call[]): number {
  return calls.find(isSuccess)?.entered ?? 0
}

function isSuccess({ name, args }: Call): boolean {
  return name === 'write' && /^1<.*"success\\n"/.test(args)
}

export function writesTo(calls: readonly Call[], path: string): Call[] {
  return calls.filter(call => writtenBy(call) === path)
}

/** The flush of `path` that is begun after one line and done before another. */
export function flushBetween(
  calls: readonly Call[],
  path: string,
  after: number,
  before: number,
): Call | undefined {
  return calls.find(
    call =>
      FLUSHES.includes(call.name) && pathOf(call) === path && call.entered > after && call.returned < before,
  )
}

/** Everything that came to its place by rename was flushed before, and its directory after; returns the renames. */
export function expectDurable(calls: readonly Call[], until: number): Call[] {
  const published = calls.filter(call => isRename(call) && isStaged(fromAndTo(call)[0]))
  for (const call of published) {
    const [from, to] = fromAndTo(call)
    const lastWrite = Math.max(0, ...writesTo(calls, from).map(({ returned }) => returned))
    expect(lastWrite, `${from} was written`).toBeGreaterThan(0)
    expect(flushBetween(calls, from, lastWrite, call.entered), `${from} before its rename`).toBeDefined()
    expect(flushBetween(calls, dirname(to), call.returned, until), `${dirname(to)} after it`).toBeDefined()
  }
  for (const call of calls) {
    if (!DIRECTORIES.includes(call.name) || isStaged(pathOf(call))) continue
    const parent = dirname(pathOf(call))
    expect(flushBetween(calls, parent, call.returned, until), `${parent} after mkdir`).toBeDefined()
  }
  return published
}

/** Files are made 0600, directories 0700, and so is what there is in the end. */
export function expectPrivate(calls: readonly Call[], scene: Scene): void {
  const opened = new Set<string>()
  for (const call of calls) {
    const path = pathOf(call)
    const isOurs = path.startsWith(`${scene.backupDir}/`) || isStaged(path)
    if (isOurs && DIRECTORIES.includes(call.name)) expect(call.args).toMatch(/, 0700$/)
    // Only the first opening of a path may make the file, whatever a later one asks for.
    if (call.name !== 'openat' || opened.has(path)) continue
    opened.add(path)
    // A kernel copy starts with the mode of what it copies, in a directory that is ours alone.
    const isMade = isOurs && call.args.includes('O_CREAT') && !(isStaged(path) && !path.endsWith('.json'))
    if (isMade) expect(call.args, path).toMatch(/, 0?100600$|, 0600$/)
  }
  for (const name of filesBelow(scene.backupDir)) {
    const stats = statSync(join(scene.backupDir, name))
    expect(stats.mode & 0o777, name).toBe(stats.isDirectory() ? 0o700 : 0o600)
  }
  expectNoWiderThan(lstatSync(scene.databasePath).mode, dirname(scene.databasePath))
}

/** Beside the database SQLite's side files may be as open as the database is. */
function expectNoWiderThan(mode: number, directory: string): void {
  for (const name of filesBelow(directory)) {
    expect(lstatSync(join(directory, name)).mode & 0o777 & ~mode, name).toBe(0)
  }
}

/** No byte of the database, of its WAL or of its journal was written. */
export function expectUnwritten(calls: readonly Call[], database: string): void {
  for (const suffix of ['', '-wal', '-journal']) expect(writesTo(calls, database + suffix)).toEqual([])
  const opened = calls.filter(call => call.name === 'openat' && pathOf(call) === database)
  expect(opened.length).toBeGreaterThan(0)
}

/** What an operation may change: everything below the backup directory, or nothing but the given files. */
export interface Allowed {
  readonly backupDir: boolean
  /** Beside the database: these suffixes of its name. */
  readonly suffixes: readonly string[]
  /** Directories of what is being made, beside the database. */
  readonly staging: boolean
  /** Other directories, with all below them. */
  readonly others?: readonly string[]
}

/** Nothing outside of it was opened for writing, made, renamed, removed or changed in mode. */
export function expectInside(calls: readonly Call[], scene: Scene, allowed: Allowed): void {
  const own = allowed.suffixes.map(suffix => scene.databasePath + suffix)
  const beside = `${dirname(scene.databasePath)}/.chame-backup-`
  const isAllowed = (path: string): boolean =>
    path === '/dev/null' ||
    (allowed.backupDir && (path === scene.backupDir || path.startsWith(`${scene.backupDir}/`))) ||
    (allowed.staging && path.startsWith(beside)) ||
    own.includes(path) ||
    (allowed.others ?? []).some(directory => path.startsWith(`${directory}/`)) ||
    isCoverage(path)
  const changed = new Set(calls.flatMap(changedBy))
  expect([...changed].filter(path => !isAllowed(path))).toEqual([])
}

/** Where Node notes the coverage of what it ran, when it is asked to. */
function isCoverage(path: string): boolean {
  const directory = process.env['NODE_V8_COVERAGE']
  return directory !== undefined && path.startsWith(directory)
}

/** The names of the directories into which the files came. */
export function typesOf(published: readonly Call[]): string[] {
  return published.map(call => basename(dirname(fromAndTo(call)[1])))
}
