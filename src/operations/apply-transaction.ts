import type { BackupInfo } from '../catalog/backup-info.ts'
import { fromSqlite } from '../snapshot/sqlite-failure.ts'
import type { Context } from './context.ts'
import type { KeptState } from './keep-current.ts'
import type { Target } from './restore-target.ts'
import { rollBack } from './roll-back.ts'
import { type Applied, type Touched, writeAndCompare } from './write-image.ts'

/** Restores into a readable database, which others may have open; a failure after it was touched is rolled back. */
export async function applyAsTransaction(
  backup: BackupInfo,
  target: Target,
  kept: KeptState,
  context: Context,
): Promise<Applied> {
  const touched: Touched = { isTouched: false }
  try {
    return await writeAndCompare(backup.path, target.path, touched, context)
  } catch (error) {
    const known = fromSqlite(error, target.path)
    if (!touched.isTouched) throw known
    throw await rollBack(known, target.path, kept, context)
  } finally {
    if (context.sqlite.isRunning) await context.sqlite.ask('closeTarget', {})
  }
}
