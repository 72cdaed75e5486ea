import { isDamagedAsStored } from '../../catalog/metadata.ts'
import { BackupError, toFailure } from '../../errors.ts'
import type { Context } from '../context.ts'
import type { VerifyProblem } from '../reports.ts'
import { openStoredImage } from '../stored-image.ts'
import { canOpen } from '../stored-keys.ts'
import type { Sick } from './sick.ts'

export interface Soundness {
  /** Whether a full check has just passed. */
  readonly isProven: boolean
  /** What is wrong with it, and no copy can mend. */
  readonly damage: BackupError | null
}

/**
 * Looks into a backup whose every byte is what was stored, and in which a check has found damage all the same: somebody has
 * put it right, or it was stored so. Of one that nobody here can open nothing is known but its bytes, and what a check has
 * found in just these bytes.
 *
 * @param identity path of an identity file, beside those of the configuration
 */
export async function lookInto(
  sick: Sick,
  identity: string | undefined,
  context: Context,
): Promise<Soundness> {
  const { path, metadata } = sick
  if (metadata.damaged_at === undefined) return { isProven: false, damage: null }
  const problems = await problemsIn(sick, identity, context)
  const [first] = problems ?? []
  if (first !== undefined)
    return { isProven: false, damage: damagedAsStored(path, `damaged (${first.message})`) }
  if (problems === null && isDamagedAsStored(metadata))
    return { isProven: false, damage: damagedAsStored(path, 'a check has found damage in it') }
  return { isProven: problems !== null, damage: null }
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

/** Null where nobody here can open it. */
async function problemsIn(
  sick: Sick,
  identity: string | undefined,
  context: Context,
): Promise<readonly VerifyProblem[] | null> {
  if (!(await canOpen(sick, identity, context))) return null
  try {
    await using image = await openStoredImage(sick, { level: 'full', identity }, context)
    return image.problems
  } catch (error) {
    // Its key is another's.
    if (toFailure(error).code === 'KEY_WRONG') return null
    throw error
  }
}
