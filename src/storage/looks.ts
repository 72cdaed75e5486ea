/** Looking at what is there: small calls. */
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
import { either } from './at-once.ts'
import { isNotThere } from './io-errors.ts'

/** An exception for each name that is free would take longer than the call. */
const IF_THERE = { throwIfNoEntry: false } as const
const EXACT = { bigint: true } as const
const EXACT_IF_THERE = { ...IF_THERE, ...EXACT } as const

/** What a path leads to; null when it, or a directory on the way to it, is not there. */
export function statOf(path: string): Promise<Stats | null> {
  return orNull(() =>
    either(
      () => statSync(path, IF_THERE),
      () => stat(path),
    ),
  )
}

/** The same, with times to the nanosecond. */
export function exactStatOf(path: string): Promise<BigIntStats | null> {
  return orNull(() =>
    either(
      () => statSync(path, EXACT_IF_THERE),
      () => stat(path, EXACT),
    ),
  )
}

/** The same of what lies there itself, be it a link. */
export function exactLstatOf(path: string): Promise<BigIntStats | null> {
  return orNull(() =>
    either(
      () => lstatSync(path, EXACT_IF_THERE),
      () => lstat(path, EXACT),
    ),
  )
}

/** The content of a small file; null when it is not there. */
export function contentOf(path: string): Promise<Buffer | null> {
  return orNull(() =>
    either(
      () => readFileSync(path),
      () => readFile(path),
    ),
  )
}

/** The same as text: decoded here, for Node ends the process when a file that it reads as text fails to close. */
export async function textOf(path: string): Promise<string | null> {
  return (await contentOf(path))?.toString('utf8') ?? null
}

/** The names in a directory; null when it is not there. */
export function entriesOf(path: string): Promise<string[] | null> {
  return orNull(() =>
    either(
      () => readdirSync(path),
      () => readdir(path),
    ),
  )
}

/** The file that a path leads to, by its path without links; null when it, or a directory on the way to it, is not there. */
export function targetOf(path: string): Promise<{ readonly path: string; readonly stats: Stats } | null> {
  return orNull(async () => {
    const real = await either(
      () => realpathSync.native(path),
      () => realpath(path),
    )
    const stats = await either(
      () => statSync(real),
      () => stat(real),
    )
    return { path: real, stats }
  })
}

async function orNull<T>(look: () => T | undefined | Promise<T | undefined>): Promise<T | null> {
  try {
    return (await look()) ?? null
  } catch (error) {
    if (isNotThere(error)) return null
    throw error
  }
}
