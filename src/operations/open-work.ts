import { tmpdir } from 'node:os'
import { WorkDirectory } from '../catalog/work-directory.ts'
import { toFailure } from '../errors.ts'
import { isThere } from '../storage/durable.ts'
import type { Context } from './context.ts'

/** Beside the backups; where nothing can be written, as on a medium, in the system's directory for such things. */
export async function openWork({ settings, signal }: Context): Promise<WorkDirectory> {
  const { backupDir } = settings
  if (!(await isThere(backupDir))) return await WorkDirectory.open(tmpdir(), signal)
  try {
    return await WorkDirectory.open(backupDir, signal)
  } catch (error) {
    const { code } = toFailure(error)
    if (code !== 'READ_ONLY' && code !== 'PERMISSION_DENIED') throw error
    return await WorkDirectory.open(tmpdir(), signal)
  }
}
