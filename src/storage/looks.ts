/**
 * Looking at what is there: small calls, of which a backup makes some fifty. To hand one to a thread and back takes ten
 * times as long as the call itself.
 */
import {
  type BigIntStats,
  lstatSync,
  readdirSync,
  readFileSync,
  realpathSync,
  type Stats,
  statSync,
} from 'node:fs'
import { lstat, readdir, readFile, realpath, stat } from 'node:fs/promises'
import { isNotThere } from './io-errors.ts'

/** An exception for each name that is free would take longer than the call. */
const IF_THERE = { throwIfNoEntry: false } as const
const EXACT = { bigint: true } as const
const EXACT_IF_THERE = { ...IF_THERE, ...EXACT } as const

let isAtOnce = false

/**
 * For a process whose events nobody waits for: from now on it makes these calls itself. A disk that does not answer then
 * holds up all of it, which whoever watches it notices as before.
 */
export function lookAtOnce(): void {
  isAtOnce = true
}

/** What a path leads to; null when it, or a directory on the way to it, is not there. */
export function statOf(path: string): Promise<Stats | null> {
  return orNull(() => (isAtOnce ? statSync(path, IF_THERE) : stat(path)))
}

/** The same, with times to the nanosecond. */
export function exactStatOf(path: string): Promise<BigIntStats | null> {
  return orNull(() => (isAtOnce ? statSync(path, EXACT_IF_THERE) : stat(path, EXACT)))
}

/** The same of what lies there itself, be it a link. */
export function exactLstatOf(path: string): Promise<BigIntStats | null> {
  return orNull(() => (isAtOnce ? lstatSync(path, EXACT_IF_THERE) : lstat(path, EXACT)))
}

/** The content of a small file; null when it is not there. */
export function contentOf(path: string): Promise<Buffer | null> {
  return orNull(() => (isAtOnce ? readFileSync(path) : readFile(path)))
}

/** The same as text: decoded here, for Node ends the process when a file that it reads as text fails to close. */
export async function textOf(path: string): Promise<string | null> {
  return (await contentOf(path))?.toString('utf8') ?? null
}

/** The names in a directory; null when it is not there. */
export function entriesOf(path: string): Promise<string[] | null> {
  return orNull(() => (isAtOnce ? readdirSync(path) : readdir(path)))
}

/** The file that a path leads to, by its path without links; null when it, or a directory on the way to it, is not there. */
export function targetOf(path: string): Promise<{ readonly path: string; readonly stats: Stats } | null> {
  return orNull(async () => {
    const real = isAtOnce ? realpathSync.native(path) : await realpath(path)
    return { path: real, stats: isAtOnce ? statSync(real) : await stat(real) }
  })
}

async function orNull<T>(look: () => T | undefined | Promise<T>): Promise<T | null> {
  try {
    return (await look()) ?? null
  } catch (error) {
    if (isNotThere(error)) return null
    throw error
  }
}
