/** Backups of pages, and clean-ups of them, that are killed at any change they make. */
import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect } from 'vitest'
import { listPacks } from '../../src/blocks/store.ts'
import { Database } from '../../src/index.ts'
import { type CallGroup, type Event, type Run, runUnderShim, SHIM_NEEDS } from '../faults/shim.ts'
import { leftoversIn } from '../restore/scene.ts'
import { buildLedger, openDatabase } from '../support/databases.ts'
import { commitToLedger } from '../support/ledger.ts'
import { succeeded } from '../support/product.ts'
import { testWith } from '../support/requirements.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import type { BackupOrder } from './run-backup.ts'

const RUN = fileURLToPath(new URL('./run-backup.ts', import.meta.url))
const CHANGES: readonly CallGroup[] = ['write', 'fsync', 'rename', 'name']
/** `CHAME_KILL_ROUNDS=300` tries every change; the suite tries some, spread evenly. */
const ROUNDS = Number(process.env['CHAME_KILL_ROUNDS'] ?? 5)
const BACKUPS = 3

interface Scene {
  readonly backupDir: string
  readonly path: string
  readonly database: Database
}

/** A database with three backups, to be copied for each round. */
async function makeModel(): Promise<string> {
  const directory = temporaryDirectory()
  const path = join(directory, 'app.db')
  const database = new Database({ path, backupDir: join(directory, 'backups'), engine: 'here' })
  buildLedger(path, { commits: 30 })
  for (let number = 0; number < BACKUPS; number++) {
    commit(path, 30)
    succeeded(await database.createBackup({ encoding: 'blocks', backupType: 'daily' }))
  }
  commit(path, 10)
  return directory
}

function commit(path: string, times: number): void {
  const connection = openDatabase(path)
  for (let i = 0; i < times; i++) commitToLedger(connection)
  connection.close()
}

function openScene(model: string): Scene {
  const directory = temporaryDirectory()
  cpSync(model, directory, { recursive: true })
  const path = join(directory, 'app.db')
  const backupDir = join(directory, 'backups')
  return { path, backupDir, database: new Database({ path, backupDir, engine: 'here' }) }
}

function run(
  { path, backupDir }: Scene,
  operation: BackupOrder['operation'],
  event?: Event,
  at = 0,
): Promise<Run> {
  const order: BackupOrder = { operation, path, backupDir }
  const fault = { paths: [backupDir], calls: CHANGES, ...(event === undefined ? {} : { event, at }) }
  return runUnderShim([RUN, JSON.stringify(order)], fault)
}

/** Every listed backup has its metadata and verifies, and so does the store. */
async function countWhole({ database }: Scene): Promise<number> {
  const listed = await database.listBackups()
  for (const { path, metadataState } of listed) {
    if (metadataState === 'missing') continue
    expect(succeeded(await database.verifyBackup(path, { check: 'quick' })).status, path).toBe('intact')
  }
  expect(succeeded(await database.verifyStore()).problems).toEqual([])
  return listed.length
}

const EVENTS: readonly Event[] = [{ kind: 'kill' }, { kind: 'fail', errno: 'ENOSPC', isSticky: true }]

for (const operation of ['create', 'cleanup'] as const) {
  testWith(
    SHIM_NEEDS,
    `a ${operation} of backups of pages that is killed or finds no space at any change harms none, and the next run cleans up`,
    async () => {
      const model = await makeModel()
      const whole = await run(openScene(model), operation)
      expect(whole.stdout).toBe('success')
      const calls = whole.calls.filter(({ isCounted }) => isCounted).length
      expect(calls).toBeGreaterThan(10)
      const rounds = Math.min(ROUNDS, calls * EVENTS.length)
      for (let round = 0; round < rounds; round++) {
        const at = 1 + Math.floor((round * calls) / rounds)
        const scene = openScene(model)
        const event = EVENTS[round % EVENTS.length] as Event
        const { stdout, signal } = await run(scene, operation, event, at)
        if (event.kind === 'kill') expect(signal).toBe('SIGKILL')
        else expect(stdout).toMatch(/^(success|failure INSUFFICIENT_SPACE)/)
        const left = await countWhole(scene)
        if (operation === 'create') expect(left).toBeGreaterThanOrEqual(BACKUPS)
        else expect(left).toBeGreaterThanOrEqual(1)
        succeeded(await scene.database.createBackup({ encoding: 'blocks', backupType: 'daily' }))
        const cleaned = succeeded(
          await scene.database.cleanupOldBackups({ policy: { daily: { keepLast: 1 } } }),
        )
        expect(cleaned.packs).toMatchObject({ status: 'done' })
        expect(leftoversIn(scene.backupDir), `after ${at}`).toEqual([])
        await countWhole(scene)
        // What a killed run had written and nobody refers to is gone as well.
        const sizes = (await listPacks(scene)).map(({ sizeBytes }) => sizeBytes)
        const needed = (await scene.database.listBackups()).length
        expect(sizes.length).toBeLessThanOrEqual(BACKUPS + 2)
        expect(needed).toBeLessThanOrEqual(2)
      }
    },
    1_800_000,
  )
}
