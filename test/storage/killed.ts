/** Processes that put something, and are killed in the middle of it. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Opening } from './contract.ts'

/**
 * Puts `patterned(sizeBytes)` as `large` in a process of its own, which gets no more bytes from `stopAt` on, and is killed
 * once it has told of so many steps.
 */
export async function killedInside(
  { config, environment }: Opening,
  { sizeBytes, stopAt, steps }: { sizeBytes: number; stopAt: number; steps: number },
): Promise<void> {
  const program = new URL('put-large.ts', import.meta.url).pathname
  const words = [JSON.stringify(config), 'large', String(sizeBytes), String(stopAt)]
  const child = spawn(process.execPath, [program, ...words], {
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let said = ''
  for await (const text of child.stdout.setEncoding('utf8')) {
    said += String(text)
    if (said.includes('stopped\n') && said.split('step\n').length > steps) break
  }
  child.kill('SIGKILL')
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
}
