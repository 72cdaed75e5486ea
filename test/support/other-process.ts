/** The product in a process of its own, so that it can run with other permissions, limits or a tracer. */
import { spawnSync } from 'node:child_process'
import type { Database, DatabaseOptions, Failure } from '../../src/index.ts'
import { isRoot } from './requirements.ts'

export type Call = readonly [
  'createBackup' | 'verifyBackup' | 'restoreBackup' | 'listBackups' | 'info' | 'exportData' | 'importData',
  ...unknown[],
]
export type Answer = (Awaited<ReturnType<Database['createBackup']>> & { success: true }) | Failure

export interface ProcessOptions {
  /** A program and its first arguments, which runs the product: `strace …`, `setpriv …`. */
  readonly under?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
}

const PROGRAM = `
  import { Database } from ${JSON.stringify(new URL('../../src/index.ts', import.meta.url).href)}
  const { options, calls } = JSON.parse(process.argv[1])
  const database = new Database(options)
  const answers = []
  for (const [name, ...args] of calls) answers.push(await database[name](...args))
  console.log(JSON.stringify(answers))
`

/** Makes the calls one after another in a new process; returns the answers, of which backups' are typed. */
export function callElsewhere(
  options: DatabaseOptions,
  calls: readonly Call[],
  { under = [], env = {} }: ProcessOptions = {},
): Answer[] {
  const [command, ...args] = [
    ...under,
    process.execPath,
    '--no-warnings',
    '--input-type=module',
    '--eval',
    PROGRAM,
    '--',
    JSON.stringify({ options, calls }),
  ]
  const { NODE_OPTIONS: _, ...own } = process.env
  const result = spawnSync(command, args, { encoding: 'utf8', env: { ...own, ...env } })
  if (result.status === 0) return JSON.parse(result.stdout) as Answer[]
  throw new Error(
    `${command} ended with ${result.status ?? result.signal}: ${result.stderr}${result.error ?? ''}`,
  )
}

/**
 * Runs a program to which permissions apply: root gives up its capabilities but stays the owner of what it
 * made (so that it can read this repository wherever it lies); anyone else has none to give up.
 */
export const UNPRIVILEGED: readonly string[] = isRoot
  ? ['setpriv', '--bounding-set', '-all', '--inh-caps', '-all']
  : []

/** Runs a program that sees `directory` on a read-only file system; needs root. Nobody else sees that. */
export function withReadOnly(directory: string): string[] {
  const script = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"'
  return ['unshare', '--mount', 'sh', '-c', script, directory]
}
