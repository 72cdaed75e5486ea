/** A process that does one thing with the product as it is shipped, so that its processes have nothing else in memory. */
import type { DatabaseOptions, ExportDataRequest, ImportDataRequest } from '../../src/index.ts'
import { loadProduct } from '../crash/product.ts'

export type HostTask = { readonly options: DatabaseOptions } & (
  | { readonly name: 'back up' }
  | { readonly name: 'export'; readonly request: ExportDataRequest }
  | { readonly name: 'import'; readonly request: ImportDataRequest }
)

process.once('message', (task: HostTask) => void work(task))

async function work(task: HostTask): Promise<void> {
  const { Database } = await loadProduct()
  const database = new Database(task.options)
  const result =
    task.name === 'back up'
      ? await database.createBackup({ encoding: 'zstd' })
      : task.name === 'export'
        ? await database.exportData(task.request)
        : await database.importData(task.request)
  process.send?.(result)
}
