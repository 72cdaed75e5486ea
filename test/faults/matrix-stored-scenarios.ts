/** Scenarios of backups that are stored in other ways than plain or elsewhere, of what tends them, and of the scheduler. */
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { type Config, generateKeys, Scheduler } from '../../src/index.ts'
import type { FailedOperation } from '../crash/operation.ts'
import { BACKED_UP, NOW, rebuild, type Scene, succeeded } from '../restore/scene.ts'
import { openDatabase } from '../support/databases.ts'
import { commitToLedger } from '../support/ledger.ts'
import { backUp, change, changeWithLog, PAGE_SIZE, type Scenario } from './matrix-scenarios.ts'
import { FOUND } from './oracle.ts'
import { KEY } from './oracle-image.ts'
import { TARGET } from './oracle-target.ts'

const BLOCKS = { encoding: 'blocks' } as const
/** Small enough that a commit leaves most pages as they were. */
const SMALL_PAGE_SIZE = 4_096
/** A failure is final at once: nobody waits for another try. */
const DAILY_ONLY: Config = {
  schedule: { jobs: { daily: { retries: 0 }, weekly: false, cleanup: false, drill: false } },
}
const WITH_TARGET: Config = { targets: { far: { kind: 'local', path: TARGET } } }

type StoredScenarioName =
  | 'add'
  | 'createZstd'
  | 'createBlocksFirst'
  | 'createBlocksNext'
  | 'createEncrypted'
  | 'createCopied'
  | 'convertZstd'
  | 'convertBlocks'
  | 'drill'
  | 'cleanupBlocks'
  | 'restoreBlocks'

type StoredScenarios = Readonly<
  Record<StoredScenarioName, Scenario<FailedOperation>> & Record<'sync' | 'schedule', Scenario>
>

export const STORED_SCENARIOS: StoredScenarios = {
  add: {
    name: 'add, a file that was found',
    operation: 'add',
    order: scene => ({ from: scene.path(FOUND) }),
    async prepare(scene) {
      await backUp(scene, 'delete')
      change(scene.databasePath, 'delete')
      copyFileSync(scene.databasePath, scene.path(FOUND))
    },
  },
  createZstd: {
    name: 'create, zstd',
    operation: 'create',
    order: () => ({ encoding: 'zstd' }),
    async prepare(scene) {
      await backUp(scene, 'wal', { encoding: 'zstd' })
      changeWithLog(scene.databasePath)
    },
  },
  createBlocksFirst: {
    name: 'create as blocks, the first one, rollback mode',
    operation: 'create',
    order: () => BLOCKS,
    async prepare(scene) {
      await backUp(scene, 'delete')
      change(scene.databasePath, 'delete')
    },
  },
  createBlocksNext: {
    name: 'create as blocks, the next one, WAL with commits in the log',
    operation: 'create',
    order: () => BLOCKS,
    async prepare(scene) {
      await backUp(scene, 'wal', BLOCKS)
      changeWithLog(scene.databasePath)
    },
  },
  createEncrypted: {
    name: 'create, zstd+age',
    operation: 'create',
    order: scene => ({ config: configIn(scene), identity: scene.path(KEY) }),
    async prepare(scene) {
      const { recipient } = succeeded(await generateKeys({ output: scene.path(KEY) }))
      const config = configure(scene, {
        encoding: 'zstd+age',
        encryption: { recipients: [recipient] },
      })
      await backUp(scene, 'wal', {}, { config })
      changeWithLog(scene.databasePath)
    },
  },
  createCopied: {
    name: 'create, with a copy to a target',
    operation: 'create',
    order: scene => ({ config: configIn(scene) }),
    notes: ['copies'],
    async prepare(scene) {
      mkdirSync(scene.path(TARGET))
      await backUp(scene, 'delete', {}, { config: configure(scene, WITH_TARGET) })
      change(scene.databasePath, 'delete')
    },
  },
  convertZstd: {
    name: 'convert, plain to zstd',
    operation: 'convert',
    order: () => ({ encoding: 'zstd' }),
    prepare: backUpBoth,
  },
  convertBlocks: {
    name: 'convert, plain to blocks',
    operation: 'convert',
    order: () => BLOCKS,
    prepare: backUpBoth,
  },
  drill: {
    name: 'drill',
    operation: 'drill',
    notes: ['last_drill'],
    async prepare(scene) {
      await backUp(scene, 'delete')
      change(scene.databasePath, 'delete')
    },
  },
  sync: {
    name: 'sync, of a backup of pages to a target that has the one before',
    operation: 'sync',
    order: scene => ({ config: configIn(scene) }),
    notes: ['copies'],
    async prepare(scene) {
      mkdirSync(scene.path(TARGET))
      const config = configure(scene, WITH_TARGET)
      await backUp(scene, 'delete', BLOCKS, { config })
      change(scene.databasePath, 'delete')
      succeeded(await scene.product({ config }).createBackup({ ...BLOCKS, copy: false }))
    },
  },
  cleanupBlocks: {
    name: 'cleanup of backups of pages, whose packs are written anew',
    operation: 'cleanup',
    order: () => ({ policy: { manual: { keepLast: 1 } } }),
    // Two that are to go, and the newest, which relies on most of their pages.
    async prepare(scene) {
      const { databasePath } = scene
      rebuild(databasePath, { commits: BACKED_UP, journalMode: 'delete', pageSize: SMALL_PAGE_SIZE })
      succeeded(await scene.product().createBackup(BLOCKS))
      succeeded(await scene.product().createBackup(BLOCKS))
      const connection = openDatabase(databasePath, { journalMode: 'delete', pageSize: SMALL_PAGE_SIZE })
      for (let commit = BACKED_UP; commit < NOW; commit++) commitToLedger(connection)
      connection.close()
      succeeded(await scene.product().createBackup(BLOCKS))
    },
  },
  restoreBlocks: {
    name: 'restore of a backup of pages, WAL with commits in the log',
    operation: 'restore',
    async prepare(scene) {
      await backUp(scene, 'wal', BLOCKS)
      changeWithLog(scene.databasePath)
    },
  },
  schedule: {
    name: 'one run of the scheduler, which makes a backup',
    operation: 'schedule',
    order: scene => ({ config: configIn(scene), job: 'daily' }),
    async prepare(scene) {
      const config = configure(scene, DAILY_ONLY)
      rebuild(scene.databasePath, { commits: BACKED_UP, journalMode: 'delete', pageSize: PAGE_SIZE })
      await runDaily(scene, config)
      change(scene.databasePath, 'delete')
    },
  },
}

/** Runs the job of the scheduler once, in this process; throws unless it succeeds. */
export async function runDaily({ databasePath, backupDir }: Scene, config: string): Promise<void> {
  const scheduler = new Scheduler({ path: databasePath, backupDir, config })
  const { status, runs } = succeeded(await scheduler.runOnce('daily'))
  if (status !== 'succeeded') throw new Error(`the job failed: ${JSON.stringify(runs)}`)
}

/** A plain backup of {@link BACKED_UP}, and one of {@link NOW}. */
async function backUpBoth(scene: Scene): Promise<void> {
  await backUp(scene, 'delete')
  change(scene.databasePath, 'delete')
  succeeded(await scene.product().createBackup())
}

/** Paths in it start where it lies, so it can be copied along. */
function configure(scene: Scene, config: Config): string {
  writeFileSync(configIn(scene), JSON.stringify({ waitForLockMs: 30_000, ...config }))
  return configIn(scene)
}

function configIn(scene: Scene): string {
  return scene.path('matrix.config.json')
}
