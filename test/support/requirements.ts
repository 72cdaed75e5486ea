/** What a test needs beside Node. A test that lacks it is skipped with the reason in its title; CI has everything. */
import { spawnSync } from 'node:child_process'
import { test, type TestFunction } from 'vitest'

export const isRoot: boolean = process.getuid?.() === 0
/** The user that root becomes where permissions must matter. */
export const NOBODY = 65_534

export type Requirement = 'root' | 'linux' | (string & {})

/** Whether a program can be found. */
export function hasTool(name: string): boolean {
  return spawnSync('sh', ['-c', `command -v ${name}`]).status === 0
}

/** What of `requirements` is missing here: `root`, `linux`, or the name of a program. */
export function missing(...requirements: readonly Requirement[]): string[] {
  return requirements.filter(requirement => {
    if (requirement === 'root') return !isRoot
    if (requirement === 'linux') return process.platform !== 'linux'
    // What a program needs to do what it is needed for.
    if (requirement === 'nbdkit-plugin-python')
      return spawnSync('sh', ['-c', 'nbdkit --dump-plugin python']).status !== 0
    return !hasTool(requirement)
  })
}

/**
 * A test that needs something. Where that is missing it is skipped, saying so; in CI it runs and fails,
 * so that nothing is skipped there unseen.
 */
export function testWith(
  requirements: readonly Requirement[],
  title: string,
  body: TestFunction,
  timeoutMs?: number,
): void {
  const lacking = process.env['CI'] === undefined ? missing(...requirements) : []
  if (lacking.length === 0) test(title, body, timeoutMs)
  else test.skip(`${title} (skipped: needs ${lacking.join(', ')})`, body)
}

/** Runs a program and returns its output; throws with what it said when it fails. */
export function run(command: string, args: readonly string[], input?: string): string {
  const result = spawnSync(command, args, { encoding: 'utf8', ...(input === undefined ? {} : { input }) })
  if (result.status === 0) return result.stdout
  throw new Error(
    `${command} ${args.join(' ')} failed (${result.status}): ${result.stderr}${result.error ?? ''}`,
  )
}
