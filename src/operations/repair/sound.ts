import { BackupError, toFailure } from '../../errors.ts'
import type { Context } from '../context.ts'
import { openStoredImage } from '../stored-image.ts'
import { canOpen } from '../stored-keys.ts'
import type { Sick } from './sick.ts'

/**
 * Looks into a backup whose every byte is what was stored, and in which a check has found damage all the same: somebody has
 * put it right, or it was stored so. Throws `BACKUP_DAMAGED` for the latter. Of one that nobody here can open nothing is
 * known but its bytes.
 *
 * @param identity path of an identity file, beside those of the configuration
 */
export async function requireSound(
  sick: Sick,
  identity: string | undefined,
  context: Context,
): Promise<void> {
  if (sick.metadata.damaged_at === undefined || !(await canOpen(sick, identity, context))) return
  const problem = await problemIn(sick, identity, context)
  if (problem === null) return
  throw damagedAsStored(sick.path, `damaged (${problem})`)
}

export function damagedAsStored(path: string, what: string): BackupError {
  return new BackupError(
    'BACKUP_DAMAGED',
    `The backup is as it was stored, and ${what}, so that no copy is better: ${path}`,
    {
      hint: 'The database was damaged when it was made. Use another one: `chame-backup verify` names those that are intact. What can be read of this one: chame-backup export --salvage.',
      path,
    },
  )
}

async function problemIn(sick: Sick, identity: string | undefined, context: Context): Promise<string | null> {
  try {
    await using image = await openStoredImage(sick, { level: 'full', identity }, context)
    return image.problems[0]?.message ?? null
  } catch (error) {
    // Its key is another's.
    if (toFailure(error).code === 'KEY_WRONG') return null
    throw error
  }
}
