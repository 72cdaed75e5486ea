import { fromSqlite } from '../snapshot/sqlite-failure.ts'
import type { Context } from './context.ts'
import type { KeptState } from './keep-current.ts'
import type { Target } from './restore-target.ts'
import { rollBack } from './roll-back.ts'
import { type Applied, type Source, untouched, writeAndCompare } from './write-image.ts'

/** Restores into a readable database, which others may have open; a failure after it was touched is rolled back. */
export async function applyAsTransaction(
  source: Source,
  target: Target,
  kept: KeptState,
  context: Context,
): Promise<Applied> {
  const touched = untouched()
  try {
    return await writeAndCompare(source, target.path, touched, context)
  } catch (error) {
    const known = fromSqlite(error, target.path)
    if (touched.state === 'untouched') throw known
    throw await rollBack(known, { target: target.path, source, kept, touched }, context)
  } finally {
    if (context.sqlite.isRunning) await context.sqlite.ask('closeTarget', {})
  }
}
