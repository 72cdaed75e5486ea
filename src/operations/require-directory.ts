import { stat } from 'node:fs/promises'
import { BackupError } from '../errors.ts'
import { unlessMissing } from '../storage/io-errors.ts'

/**
 * Throws `TARGET_INVALID` unless a directory that somebody named is there. It is not made: a name with a slip in it would
 * make one where nobody looks.
 *
 * @param use what it is for, such as "to write units into"
 */
export async function requireDirectory(path: string, use: string, hint: string): Promise<void> {
  const stats = await unlessMissing(path, () => stat(path))
  if (stats?.isDirectory() === true) return
  const problem = stats === null ? 'There is no directory' : 'This is no directory'
  throw new BackupError('TARGET_INVALID', `${problem} ${use}: ${path}`, { hint, path })
}
