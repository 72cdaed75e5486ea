/** Restores of backups of pages to where nothing is, killed or failing at any change they make; and what they flush. */
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect } from 'vitest'
import { Database } from '../../src/index.ts'
import { type CallGroup, CALLS, type Event, type Run, runUnderShim, SHIM_NEEDS } from '../faults/shim.ts'
import { leftoversIn } from '../restore/scene.ts'
import { buildLedger } from '../support/databases.ts'
import { succeeded } from '../support/product.ts'
import { testWith } from '../support/requirements.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import type { BackupOrder } from './run-backup.ts'

const RUN = fileURLToPath(new URL('./run-backup.ts', import.meta.url))
const CHANGES: readonly CallGroup[] = ['write', 'fsync', 'rename', 'name']
/** `CHAME_KILL_ROUNDS=300` tries every change; the suite tries some, spread evenly. */
const ROUNDS = Number(process.env['CHAME_KILL_ROUNDS'] ?? 6)
const EVENTS: readonly Event[] = [
  { kind: 'kill' },
  { kind: 'fail', errno: 'EIO', isSticky: false },
  { kind: 'fail', errno: 'ENOSPC', isSticky: true },
]

class Scene {
  readonly directory: string = temporaryDirectory()
  readonly path: string = join(this.directory, 'app.db')
  readonly backupDir: string = join(this.directory, 'backups')
  readonly to: string = join(this.directory, 'restored', 'app.db')
  readonly database = new Database({ path: this.path, backupDir: this.backupDir, engine: 'here' })

  run(operation: BackupOrder['operation'], event?: Event, at = 0): Promise<Run> {
    const { path, backupDir, to } = this
    const order: BackupOrder = { operation, path, backupDir, to }
    const fault = { paths: [this.directory], calls: CHANGES, ...(event === undefined ? {} : { event, at }) }
    return runUnderShim([RUN, JSON.stringify(order)], fault)
  }
}

async function openScene(): Promise<Scene> {
  const scene = new Scene()
  buildLedger(scene.path, { commits: 30 })
  succeeded(await scene.database.createBackup({ encoding: 'blocks', backupType: 'daily' }))
  return scene
}

/** Flushes of the image while it lies where it is decoded and checked. */
function flushesOfImage({ calls }: Run): number {
  const flushes: readonly string[] = CALLS.fsync
  return calls.filter(({ call, path }) => flushes.includes(call) && /\.chame-work-.*image\.db$/.test(path))
    .length
}

testWith(
  SHIM_NEEDS,
  'an image of pages is flushed where it is checked if it stays, and not if it was only to be looked at',
  async () => {
    const scene = await openScene()
    const restored = await scene.run('restore')
    expect(restored.stdout).toBe('success')
    expect(flushesOfImage(restored)).toBe(1)
    const verified = await scene.run('verify')
    expect(verified.stdout).toBe('success')
    expect(flushesOfImage(verified)).toBe(0)
  },
)

testWith(
  SHIM_NEEDS,
  'a restore of pages that is killed or fails at any change leaves all of the database or nothing, and the next one succeeds',
  async () => {
    const scene = await openScene()
    const restore = (event?: Event, at = 0): Promise<Run> => {
      rmSync(dirname(scene.to), { recursive: true, force: true })
      return scene.run('restore', event, at)
    }
    // The first of all also makes what all others find.
    expect((await restore()).stdout).toBe('success')
    const whole = await restore()
    const image = readFileSync(scene.to)
    const calls = whole.calls.filter(({ isCounted }) => isCounted).length
    expect(calls).toBeGreaterThan(10)
    const rounds = Math.min(ROUNDS, calls * EVENTS.length)
    for (let round = 0; round < rounds; round++) {
      const at = 1 + Math.floor((round * calls) / rounds)
      const event = EVENTS[round % EVENTS.length] as Event
      const { stdout, signal } = await restore(event, at)
      if (event.kind === 'kill') expect(signal).toBe('SIGKILL')
      else expect(stdout).toMatch(/^(success|failure (INSUFFICIENT_SPACE|IO_FAILED|RESTORE_FAILED))/)
      if (existsSync(scene.to)) expect(readFileSync(scene.to).equals(image), `at ${at}`).toBe(true)
      else expect(stdout).not.toBe('success')
      rmSync(scene.to, { force: true })
      succeeded(await scene.database.restoreBackup('latest', { to: scene.to }))
      expect(readFileSync(scene.to).equals(image)).toBe(true)
      expect(leftoversIn(scene.directory), `after ${at}`).toEqual([])
    }
  },
  1_800_000,
)
