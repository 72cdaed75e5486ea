import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import type { TendOrder } from './tend.ts'

export const TEND: string = fileURLToPath(new URL('./tend.ts', import.meta.url))

/** Runs an operation on stored backups in a process of its own; returns what it printed. */
export async function runTend(order: TendOrder): Promise<string> {
  const child = spawn(process.execPath, ['--no-warnings', TEND, JSON.stringify(order)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [stdout] = await Promise.all([text(child.stdout), once(child, 'exit')])
  return stdout.trim()
}
