/** A host process that runs one operation and then stays, so that the memory of its engine can be read. */
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { ExportFormat } from '../src/export/model.ts'
import type { Product } from './bench-context.ts'

export interface HostTask {
  readonly operation: 'create' | 'restore' | 'export'
  /** Of an export. */
  readonly format?: ExportFormat
  readonly database: string
  readonly backupDir: string
  /** The directory of the build. */
  readonly library: string
}

process.on('message', (task: HostTask) => void work(task))

async function work({ operation, format, database, backupDir, library }: HostTask): Promise<void> {
  const { Database } = (await import(pathToFileURL(resolve(library, 'index.js')).href)) as Product
  const backups = new Database({ path: database, backupDir, disposable: true })
  const result =
    operation === 'create'
      ? await backups.createBackup()
      : operation === 'restore'
        ? await backups.restoreBackup('latest', { confirm: true })
        : await backups.exportData({ includeSensitive: true, ...(format === undefined ? {} : { format }) })
  process.send?.(result.success ? 'done' : JSON.stringify(result))
}
