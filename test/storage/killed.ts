/** Processes that put something, and are killed in the middle of it. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect } from 'vitest'
import type { Place } from './contract.ts'

/** Puts `patterned(sizeBytes)` as `large` in a process of its own, which is killed once it has told of so many steps. */
export async function killedAfterSteps(
  { config, environment }: Place,
  { sizeBytes, steps }: { sizeBytes: number; steps: number },
): Promise<void> {
  const program = new URL('put-large.ts', import.meta.url).pathname
  // At a pace at which it cannot be done before it is killed.
  const slow = { ...config, bandwidth: '20MB' }
  const child = spawn(process.execPath, [program, JSON.stringify(slow), 'large', String(sizeBytes)], {
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let said = ''
  for await (const text of child.stdout.setEncoding('utf8')) {
    said += String(text)
    if (said.split('step\n').length > steps) break
  }
  child.kill('SIGKILL')
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  expect(said).not.toContain('done')
}
