/** Keeping what is damaged: it may be the last copy of something. Such files are never listed as backups. */
import { chmod, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { typeDirectory } from '../catalog/layout.ts'
import { Staging } from '../catalog/staging.ts'
import { copyWhole } from '../snapshot/copy-file.ts'
import { renameDurably, syncFile } from '../storage/durable.ts'
import { during, isNotThere } from '../storage/io-errors.ts'
import { type Context, durabilityOf } from './context.ts'

/** Keeps a staged image as `<filename>.damaged`; returns its path. */
export async function keepDamagedImage(
  file: string,
  filename: string,
  type: string,
  context: Context,
): Promise<string> {
  const path = join(typeDirectory(context.settings.backupDir, type), `${filename}.damaged`)
  await syncFile(file, durabilityOf(context))
  await renameDurably(file, path, durabilityOf(context))
  return path
}

/**
 * Keeps raw copies of a database's files, side files included, which SQLite cannot read: as
 * `<filename>.damaged`, `<filename>.damaged-wal` and so on. Returns their paths.
 */
export async function keepDamagedFiles(
  database: string,
  filename: string,
  type: string,
  context: Context,
): Promise<string[]> {
  const directory = typeDirectory(context.settings.backupDir, type)
  await using staging = await Staging.open(context.settings.backupDir, directory)
  const kept: string[] = []
  for (const suffix of ['', '-wal', '-journal']) {
    const from = `${database}${suffix}`
    if (!(await isFile(from))) continue
    const staged = staging.file(basename(`${filename}${suffix}`))
    await copyWhole(from, staged, context.signal)
    await during('set the mode of', staged, () => chmod(staged, context.settings.fileMode))
    await syncFile(staged, durabilityOf(context))
    const path = join(directory, `${filename}.damaged${suffix}`)
    await renameDurably(staged, path, durabilityOf(context))
    kept.push(path)
  }
  return kept
}

/** Only a file has content to keep; reading a FIFO in its place would wait for ever. */
async function isFile(path: string): Promise<boolean> {
  return during('read', path, async () => {
    try {
      return (await stat(path)).isFile()
    } catch (error) {
      if (isNotThere(error)) return false
      throw error
    }
  })
}
