/** What the crash matrix crashes: an operation, and what it finds on the disk. */
import { copyFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import type { CreateBackupRequest } from '../../src/index.ts'
import type { FailedOperation, Operation, Order } from '../crash/operation.ts'
import { BACKED_UP, NOW, type ProductOptions, rebuild, type Scene, succeeded } from '../restore/scene.ts'
import { type JournalMode, openDatabase } from '../support/databases.ts'
import { commitToLedger } from '../support/ledger.ts'
import { HALF_TRANSACTION, startScript } from '../support/scripts.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { WRITTEN } from './oracle-written.ts'

export interface Scenario<Does extends Operation = Operation> {
  readonly name: string
  readonly operation: Does
  /** What else the operation is told, by paths below the scene. */
  readonly order?: (scene: Scene) => Partial<Order>
  /** Makes a database of commit {@link NOW}, or what is left of it, and mostly a backup of {@link BACKED_UP}. */
  readonly prepare: (scene: Scene) => Promise<unknown>
  /** Another process has the database open all the time, and makes its last commits itself. */
  readonly isOpen?: true
  /** SQLite cannot read what is there, or nothing is. */
  readonly isUnreadable?: true
  /** Keys of metadata, of whatever backup, in which it notes what it did. */
  readonly notes?: readonly string[]
}

/** Few pages, so that a restore makes some hundred calls and not a thousand. */
export const PAGE_SIZE = 32_768
const OTHER_PAGE_SIZE = 65_536
/** Commits that are only in the write-ahead log. */
export const IN_LOG = 3

type ScenarioName =
  | 'createWal'
  | 'createRollback'
  | 'createFirst'
  | 'createHotJournal'
  | 'createOpen'
  | 'verify'
  | 'restoreWal'
  | 'restoreRollback'
  | 'restorePageSize'
  | 'restoreHotJournal'
  | 'restoreMissing'
  | 'restoreGarbage'
  | 'restoreOpen'
  | 'exportJson'
  | 'exportCsv'
  | 'exportParquet'
  | 'importSql'
  | 'cleanup'

export const SCENARIOS: Readonly<Record<ScenarioName, Scenario<FailedOperation>>> = {
  createWal: {
    name: 'create, WAL with commits in the log',
    operation: 'create',
    async prepare(scene) {
      await backUp(scene, 'wal')
      changeWithLog(scene.databasePath)
    },
  },
  createRollback: {
    name: 'create, rollback mode',
    operation: 'create',
    async prepare(scene) {
      await backUp(scene, 'delete')
      change(scene.databasePath, 'delete')
    },
  },
  createFirst: {
    name: 'create, the first one, no backup directory yet',
    operation: 'create',
    // Once, so that the configuration file is there; its backup goes again.
    async prepare(scene) {
      await backUp(scene, 'wal')
      rmSync(scene.backupDir, { recursive: true })
      change(scene.databasePath, 'wal')
    },
  },
  createHotJournal: {
    name: 'create, hot journal of a killed writer',
    operation: 'create',
    async prepare(scene) {
      await backUp(scene, 'delete')
      change(scene.databasePath, 'delete')
      await leaveHotJournal(scene.databasePath)
    },
  },
  createOpen: {
    name: 'create, WAL, another process has it open',
    operation: 'create',
    isOpen: true,
    async prepare(scene) {
      await backUp(scene, 'wal')
      change(scene.databasePath, 'wal', NOW - IN_LOG)
    },
  },
  verify: {
    name: 'verify',
    operation: 'verify',
    async prepare(scene) {
      await backUp(scene, 'wal')
      change(scene.databasePath, 'wal')
    },
  },
  restoreWal: {
    name: 'restore, WAL with commits in the log',
    operation: 'restore',
    async prepare(scene) {
      await backUp(scene, 'wal')
      changeWithLog(scene.databasePath)
    },
  },
  restoreRollback: {
    name: 'restore, rollback mode',
    operation: 'restore',
    async prepare(scene) {
      await backUp(scene, 'delete')
      change(scene.databasePath, 'delete')
    },
  },
  restorePageSize: {
    name: 'restore, another page size',
    operation: 'restore',
    async prepare(scene) {
      await backUp(scene, 'wal')
      rebuild(scene.databasePath, { commits: NOW, journalMode: 'wal', pageSize: OTHER_PAGE_SIZE })
    },
  },
  restoreHotJournal: {
    name: 'restore, hot journal of a killed writer',
    operation: 'restore',
    async prepare(scene) {
      await backUp(scene, 'delete')
      change(scene.databasePath, 'delete')
      await leaveHotJournal(scene.databasePath)
    },
  },
  restoreMissing: {
    name: 'restore, nothing there but stale side files',
    operation: 'restore',
    isUnreadable: true,
    async prepare(scene) {
      await backUp(scene, 'wal')
      changeWithLog(scene.databasePath)
      rmSync(scene.databasePath)
      rmSync(`${scene.databasePath}-shm`)
    },
  },
  restoreGarbage: {
    name: 'restore, garbage with stale side files',
    operation: 'restore',
    isUnreadable: true,
    async prepare(scene) {
      await backUp(scene, 'wal')
      changeWithLog(scene.databasePath)
      writeFileSync(scene.databasePath, Buffer.alloc(10_000, 'garbage '))
      writeFileSync(`${scene.databasePath}-journal`, 'no journal either')
    },
  },
  restoreOpen: {
    name: 'restore, WAL, another process has it open',
    operation: 'restore',
    isOpen: true,
    async prepare(scene) {
      await backUp(scene, 'wal')
      change(scene.databasePath, 'wal', NOW - IN_LOG)
    },
  },
  exportJson: exporting('json', WRITTEN.json),
  exportCsv: exporting('csv', WRITTEN.csv),
  exportParquet: exporting('parquet', WRITTEN.parquet),
  importSql: {
    name: 'import, SQL',
    operation: 'import',
    order: scene => ({ from: scene.path('app.sql'), to: scene.path(WRITTEN.database) }),
    async prepare(scene) {
      await prepareExport(scene)
      const output = scene.path('app.sql')
      succeeded(await scene.product().exportData({ format: 'sql', output, includeSensitive: true }))
    },
  },
  cleanup: {
    name: 'cleanup',
    operation: 'cleanup',
    order: () => ({ policy: { manual: { keepLast: 1 } } }),
    // Two that are to go, and the newest.
    async prepare(scene) {
      await backUp(scene, 'delete')
      succeeded(await scene.product().createBackup())
      change(scene.databasePath, 'delete')
      succeeded(await scene.product().createBackup())
    },
  },
}

function exporting(format: 'json' | 'csv' | 'parquet', to: string): Scenario<'export'> {
  return {
    name: `export, ${format}`,
    operation: 'export',
    order: scene => ({ format, to: scene.path(to) }),
    prepare: prepareExport,
  }
}

/** Closed, so that nothing but the export itself touches the source. */
async function prepareExport(scene: Scene): Promise<void> {
  await backUp(scene, 'delete')
  change(scene.databasePath, 'delete')
  mkdirSync(scene.path('out'))
}

/** Backs up a database of commit {@link BACKED_UP}. */
export async function backUp(
  scene: Scene,
  journalMode: JournalMode,
  request: CreateBackupRequest = {},
  options: ProductOptions = {},
): Promise<void> {
  rebuild(scene.databasePath, { commits: BACKED_UP, journalMode, pageSize: PAGE_SIZE })
  succeeded(await scene.product(options).createBackup(request))
}

export function change(path: string, journalMode: JournalMode, commits: number = NOW): void {
  rebuild(path, { commits, journalMode, pageSize: PAGE_SIZE })
}

/** As a killed writer leaves it: the last commits are in the log, which nobody has checkpointed. */
export function changeWithLog(path: string): void {
  change(path, 'wal', NOW - IN_LOG)
  const connection = openDatabase(path, { journalMode: 'wal', pageSize: PAGE_SIZE })
  for (let i = 0; i < IN_LOG; i++) commitToLedger(connection)
  const aside = temporaryDirectory()
  const files = ['', '-wal', '-shm']
  for (const suffix of files) copyFileSync(path + suffix, `${aside}/copy${suffix}`)
  connection.close()
  for (const suffix of files) copyFileSync(`${aside}/copy${suffix}`, path + suffix)
}

/** A half transaction is in the main file, what it overwrote in the journal. */
async function leaveHotJournal(path: string): Promise<void> {
  const writer = await startScript(HALF_TRANSACTION, [
    path,
    'UPDATE payload SET content = zeroblob(8000) WHERE slot < 20',
  ])
  await writer.kill()
}
