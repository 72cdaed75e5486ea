/** The CLI as it stands in the source. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'

const CLI = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))

export interface CliOutcome {
  readonly exit: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

export function startCli(args: readonly string[]): ChildProcess {
  return spawn(process.execPath, ['--no-warnings', CLI, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
}

export async function runCli(args: readonly string[]): Promise<CliOutcome> {
  const child = startCli(args)
  const exited = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>
  const read = [child.stdout, child.stderr].map(stream => (stream === null ? '' : text(stream)))
  const [[exit, signal], stdout = '', stderr = ''] = await Promise.all([exited, ...read])
  return { exit, signal, stdout, stderr }
}
