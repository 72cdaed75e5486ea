/** The exports in a backup directory, by names that this program gives. What came from outside never becomes a path. */
import { lstat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Settings } from '../config/settings.ts'
import { BackupError } from '../errors.ts'
import { namesIn, removeFile, syncDirectory } from '../storage/durable.ts'
import { unlessMissing } from '../storage/io-errors.ts'
import type { ExportDeleted, ExportsListed, StoredExport } from './file-reports.ts'

/** As `exportName` makes them. */
const NAME =
  /^(?<database>[A-Za-z0-9][A-Za-z0-9._-]{0,63})_export_\d{8}_\d{6}(?<sensitive>_sensitive)?(?:_\d+)?\.(?<format>[a-z]{2,8}(?:\.[a-z]{2,5})?)$/

/** The files among the exports of this database, newest first. Directories of files are not among them. */
export async function listExports(settings: Settings): Promise<ExportsListed> {
  const names = await namesIn(exportsDirectory(settings))
  const found = await Promise.all(names.map(name => readExport(settings, name)))
  const exports = found.filter(each => each !== null)
  return { success: true, exports: exports.toSorted((a, b) => (a.created < b.created ? 1 : -1)) }
}

/** Throws `EXPORT_NOT_FOUND`. */
export async function findExport(
  settings: Settings,
  wanted: string,
): Promise<{ readonly export: StoredExport; readonly path: string }> {
  const found = await readExport(settings, wanted)
  if (found !== null) return { export: found, path: join(exportsDirectory(settings), found.name) }
  throw new BackupError('EXPORT_NOT_FOUND', `There is no export of ${settings.name} with this name`, {
    hint: 'See what there is with: chame-backup exports.',
  })
}

export async function deleteExport(settings: Settings, wanted: string): Promise<ExportDeleted> {
  const found = await findExport(settings, wanted)
  await removeFile(found.path)
  await syncDirectory(exportsDirectory(settings), { isDurable: !settings.disposable })
  return { success: true, export: found.export }
}

function exportsDirectory({ backupDir }: Settings): string {
  return join(backupDir, 'exports')
}

async function readExport(settings: Settings, name: string): Promise<StoredExport | null> {
  const { database, sensitive, format } = NAME.exec(name)?.groups ?? {}
  if (database !== settings.name || format === undefined) return null
  const path = join(exportsDirectory(settings), name)
  const stats = await unlessMissing(path, () => lstat(path))
  if (stats === null || !stats.isFile()) return null
  return {
    name,
    sizeBytes: stats.size,
    created: stats.mtime.toISOString(),
    format,
    sensitive: sensitive !== undefined,
  }
}
