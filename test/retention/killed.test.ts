/** A cleanup, a deletion and a pin that are killed at any change they make, or of which any fails. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { expect } from 'vitest'
import { Database } from '../../src/index.ts'
import { Disk } from '../faults/matrix-disk.ts'
import { needsOf } from '../faults/matrix-tests.ts'
import { type CallGroup, type Event, type Run, runUnderShim, SHIM_NEEDS } from '../faults/shim.ts'
import { leftoversIn, succeeded, treeOf } from '../restore/scene.ts'
import { run as runTool, testWith } from '../support/requirements.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { daily, store } from './made-up.ts'
import { TEND } from './run-tend.ts'
import type { TendOrder } from './tend.ts'

/** What changes a backup directory. */
const CHANGES: readonly CallGroup[] = ['write', 'fsync', 'rename', 'name']
const TODAY = new Date().toISOString().slice(0, 10)
/** Copied in by hand, without metadata. */
const COPIED = 'app_backup_daily_20200101_000000.db'

interface Scene {
  readonly backupDir: string
  readonly database: Database
  readonly order: (operation: TendOrder['operation']) => string
}

/** Three daily backups of the last days, of which a cleanup keeps one, and a file that is none of ours. */
function openScene(directory: string = temporaryDirectory()): Scene {
  const backupDir = join(directory, 'backups')
  const backups = daily(TODAY, 3, {}, '00')
  store(backupDir, backups)
  const newest = backups[0]?.filename ?? ''
  writeFileSync(join(backupDir, 'daily', COPIED), 'copied in')
  const path = join(directory, 'app.db')
  return {
    backupDir,
    database: new Database({ path, backupDir, engine: 'here' }),
    order: operation => JSON.stringify({ operation, path, backupDir, backup: newest } satisfies TendOrder),
  }
}

function run(
  { backupDir, order }: Scene,
  operation: TendOrder['operation'],
  event?: Event,
  at = 0,
): Promise<Run> {
  const fault = { paths: [backupDir], calls: CHANGES, ...(event === undefined ? {} : { event, at }) }
  return runUnderShim([TEND, order(operation)], fault)
}

/** Files with their content, but for the lock. */
function filesIn({ backupDir }: Scene): Record<string, string> {
  const entries = Object.entries(treeOf(backupDir)).filter(([name]) => !name.startsWith('.chame-backup.lock'))
  return Object.fromEntries(entries)
}

/** Every listed backup is whole, with its own metadata, or the file that was copied in. */
async function expectWhole({ database, backupDir }: Scene): Promise<string[]> {
  const listed = await database.listBackups()
  for (const { filename, metadataState, size, metadata, path } of listed) {
    expect(metadataState, filename).toBe(filename === COPIED ? 'missing' : 'ok')
    expect(existsSync(path), filename).toBe(true)
    if (metadata !== null) expect(size, filename).toBe(metadata.file_size)
  }
  expect(listed.map(({ filename }) => filename)).toContain(COPIED)
  expect(readFileSync(join(backupDir, 'daily', COPIED), 'utf8')).toBe('copied in')
  return listed.map(({ filename }) => filename)
}

/** How many changes an operation makes, and what it leaves. */
async function undisturbed(operation: TendOrder['operation']): Promise<{ calls: number; files: string[] }> {
  const scene = openScene()
  const { stdout, calls } = await run(scene, operation)
  expect(stdout).toContain('success')
  return { calls: calls.filter(({ isCounted }) => isCounted).length, files: Object.keys(filesIn(scene)) }
}

for (const operation of ['cleanup', 'delete'] as const) {
  testWith(
    SHIM_NEEDS,
    `a ${operation} that is killed at any change leaves each backup whole or none, and the next cleanup finishes it`,
    async () => {
      const { calls } = await undisturbed(operation)
      const whole = await undisturbed('cleanup')
      expect(calls).toBeGreaterThanOrEqual(5)
      const counts = new Set<number>()
      for (let at = 1; at <= calls; at++) {
        const scene = openScene()
        const { signal } = await run(scene, operation, { kind: 'kill' }, at)
        expect(signal, `killed at ${at}`).toBe('SIGKILL')
        counts.add((await expectWhole(scene)).length)
        // Whatever the deletion of one backup has left, a cleanup ends up where it would have been without.
        const cleaned = succeeded(await scene.database.cleanupOldBackups({ dailyKeep: 1 }))
        expect(cleaned.status).toBe('done')
        const left = Object.keys(filesIn(scene)).filter(name => name.includes('.deleting-'))
        expect(left, `after a kill at ${at}`).toEqual([])
        if (operation === 'cleanup')
          expect(Object.keys(filesIn(scene)), `after a kill at ${at}`).toEqual(whole.files)
        expect((await expectWhole(scene)).length).toBe(2)
        expect(succeeded(await scene.database.cleanupOldBackups({ dailyKeep: 1 }))).toMatchObject({
          deleted: [],
          finished: [],
        })
      }
      expect(counts.size).toBeGreaterThan(1)
    },
    300_000,
  )
}

testWith(
  SHIM_NEEDS,
  'a cleanup of which any change fails says so, leaves each backup whole or none, and the next one finishes it',
  async () => {
    const { calls, files } = await undisturbed('cleanup')
    const answers = new Set<string>()
    for (let at = 1; at <= calls; at++) {
      const scene = openScene()
      const { stdout, stderr } = await run(
        scene,
        'cleanup',
        { kind: 'fail', errno: 'EIO', isSticky: false },
        at,
      )
      expect(stderr).toBe('')
      expect(stdout, `failing at ${at}`).toMatch(/^(success|failure IO_FAILED)/)
      answers.add(stdout.split('\n').find(line => line.startsWith('status')) ?? 'failure')
      await expectWhole(scene)
      expect(succeeded(await scene.database.cleanupOldBackups({ dailyKeep: 1 })).status).toBe('done')
      expect(Object.keys(filesIn(scene)), `after failing at ${at}`).toEqual(files)
    }
    expect(answers).toContain('status incomplete 1')
  },
  300_000,
)

testWith(
  needsOf('ext4'),
  'a cleanup that loses its power at any change leaves each backup whole or none, and keeps what it said',
  async () => {
    const { calls, files } = await undisturbed('cleanup')
    const disk = new Disk('ext4')
    const event = { kind: 'power', mountPoint: disk.mountPoint } as const
    for (const at of [...Array.from({ length: calls }, (_, index) => index + 1), 'answer'] as const) {
      const directory = join(disk.mountPoint, String(at))
      const scene = openScene(directory)
      runTool('sync', ['-f', directory])
      const { stdout } = await runUnderShim([TEND, scene.order('cleanup')], {
        paths: [scene.backupDir],
        calls: CHANGES,
        event,
        ...(at === 'answer' ? { isAfterAnswer: true } : { at }),
      })
      await disk.remount()
      await expectWhole(scene)
      if (at === 'answer') {
        expect(stdout).toContain('success')
        expect(Object.keys(filesIn(scene))).toEqual(files)
      }
      expect(succeeded(await scene.database.cleanupOldBackups({ dailyKeep: 1 })).status).toBe('done')
      expect(Object.keys(filesIn(scene)), `after a power cut at ${at}`).toEqual(files)
    }
  },
  300_000,
)

testWith(
  SHIM_NEEDS,
  'a pin that is killed at any change, or of which any fails, is there as a whole or not at all',
  async () => {
    const { calls } = await undisturbed('pin')
    const states = new Set<string>()
    for (const event of [{ kind: 'kill' }, { kind: 'fail', errno: 'ENOSPC', isSticky: true }] as const) {
      for (let at = 1; at <= calls; at++) {
        const scene = openScene()
        const before = filesIn(scene)
        await run(scene, 'pin', event, at)
        await expectWhole(scene)
        const newest = (await scene.database.listBackups()).find(({ filename }) => filename !== COPIED)
        states.add(newest?.pinned?.by ?? 'not pinned')
        const { metadata } = newest ?? {}
        expect({ ...metadata, pinned: undefined }).toEqual({
          ...daily(TODAY, 1, {}, '00')[0]?.metadata,
          pinned: undefined,
        })
        // The next change of anything removes what is left.
        succeeded(await scene.database.unpinBackup(newest?.filename ?? ''))
        expect(leftoversIn(scene.backupDir)).toEqual([])
        const after = filesIn(scene)
        const metadataFile = `metadata/${basename(newest?.path ?? '')}.json`
        expect(Object.keys(after)).toEqual(Object.keys(before))
        for (const name of Object.keys(before).filter(
          each => each !== metadataFile && each.includes('.db'),
        )) {
          expect(after[name]).toBe(before[name])
        }
      }
    }
    expect(states).toEqual(new Set(['test', 'not pinned']))
  },
  300_000,
)
