import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import type { Scene } from '../restore/scene.ts'
import type { Order } from './operation.ts'
import { untilEnded } from './processes.ts'

export const OPERATION: string = fileURLToPath(new URL('./operation.ts', import.meta.url))

export interface Outcome {
  readonly steps: readonly string[]
  readonly signal: NodeJS.Signals | null
  /** "success", or what it said instead; empty when it was killed. */
  readonly answer: string
}

export type OrderOf = Pick<Order, 'operation'> & Partial<Order>

export function orderFor(scene: Scene, order: OrderOf): string {
  const full: Order = { path: scene.databasePath, backupDir: scene.backupDir, engine: 'here', ...order }
  return JSON.stringify(full)
}

/** Runs one operation in a process of its own; returns once it and every process that it started have ended. */
export async function runOperation(scene: Scene, order: OrderOf): Promise<Outcome> {
  const child = spawn(process.execPath, ['--no-warnings', OPERATION, orderFor(scene, order)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const exited = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>
  const [stdout, stderr, [code, signal]] = await Promise.all([text(child.stdout), text(child.stderr), exited])
  if (signal === null && code !== 0) throw new Error(stderr)
  const lines = stdout.split('\n').filter(Boolean)
  const after = (word: string): string[] =>
    lines.filter(line => line.startsWith(`${word} `)).map(line => line.slice(word.length + 1))
  await untilEnded((after('pids')[0] ?? '').split(' ').filter(Boolean).map(Number))
  const answer = lines.find(line => line === 'success' || line.startsWith('failure')) ?? ''
  return { steps: after('step'), signal, answer }
}
