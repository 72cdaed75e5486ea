/** What tends targets, in a process of its own. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import type { Place } from './place.ts'
import type { TendOrder } from './tend.ts'

/** The words behind `node` that tend a place. */
export function tending(
  { databasePath: path, backupDir, config }: Place,
  operation: TendOrder['operation'],
): [program: string, order: string] {
  const program = fileURLToPath(new URL('./tend.ts', import.meta.url))
  return [program, JSON.stringify({ operation, path, backupDir, config } satisfies TendOrder)]
}

/** Returns what it printed. */
export async function tend(place: Place, operation: TendOrder['operation']): Promise<string> {
  const child = spawn(process.execPath, ['--no-warnings', ...tending(place, operation)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [stdout] = await Promise.all([text(child.stdout), once(child, 'exit')])
  return stdout.trim()
}
