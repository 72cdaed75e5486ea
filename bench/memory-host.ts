/** A host process that runs one operation and then stays, so that the memory of its engine can be read. */
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { ExportFormat } from '../src/export/model.ts'
import type { Encoding } from '../src/index.ts'
import type { Product } from './bench-context.ts'

export interface HostTask {
  readonly operation: 'create' | 'restore' | 'export'
  /** Of an export. */
  readonly format?: ExportFormat
  /** Of a backup that is made; default: as the configuration has it. */
  readonly encoding?: Encoding
  /** A configuration file. */
  readonly config?: string
  /** Where a backup is restored to; default: over the database. */
  readonly to?: string
  readonly database: string
  readonly backupDir: string
  /** The directory of the build. */
  readonly library: string
}

process.on('message', (task: HostTask) => void work(task))

async function work({ operation, database, backupDir, library, ...task }: HostTask): Promise<void> {
  const { Database } = (await import(pathToFileURL(resolve(library, 'index.js')).href)) as Product
  const { format, encoding, config, to } = task
  const given = config === undefined ? {} : { config }
  const backups = new Database({ path: database, backupDir, disposable: true, ...given })
  const result =
    operation === 'create'
      ? await backups.createBackup(encoding === undefined ? {} : { encoding })
      : operation === 'restore'
        ? await backups.restoreBackup('latest', { confirm: true, ...(to === undefined ? {} : { to }) })
        : await backups.exportData({ includeSensitive: true, ...(format === undefined ? {} : { format }) })
  process.send?.(result.success ? 'done' : JSON.stringify(result))
}
