/** Giving a finished file or directory its name, without replacing what somebody else put there meanwhile. */
import { randomBytes } from 'node:crypto'
import { link, rename } from 'node:fs/promises'
import { isThere, removeDirectory } from './durable.ts'
import { during, isAlreadyThere, isSystemError } from './io-errors.ts'

const CANNOT_LINK: ReadonlySet<string> = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'])

/** Whether `error` is what a file system without hard links says. */
export function isWithoutLinks(error: unknown): boolean {
  return isSystemError(error) && CANNOT_LINK.has(error.code)
}

/** Gives a file a further name; false when the name is taken. The old one stays, for its directory to be removed with. */
export function putFile(from: string, to: string): Promise<boolean> {
  return during('put in place', to, async () => {
    try {
      await link(from, to)
    } catch (error) {
      if (isAlreadyThere(error)) return false
      if (!isWithoutLinks(error)) throw error
      // As whole, if less careful: somebody may take the name between the two.
      if (await isThere(to)) return false
      await rename(from, to)
    }
    return true
  })
}

/** What a name says that is taken by a file, or by a directory with something in it. */
const TAKEN: ReadonlySet<string> = new Set(['EEXIST', 'ENOTEMPTY', 'ENOTDIR'])

/** Moves a directory that is not empty, in one step; false when the name is taken. An empty directory is no loss. */
export function putDirectory(from: string, to: string): Promise<boolean> {
  return during('put in place', to, async () => {
    if (await isThere(to)) return false
    try {
      await rename(from, to)
    } catch (error) {
      if (isSystemError(error) && TAKEN.has(error.code)) return false
      throw error
    }
    return true
  })
}

/** Moves a file of ours to a name of ours; false where that is on another file system, and it has to be copied. */
export function moveWithin(from: string, to: string): Promise<boolean> {
  return during('rename', to, async () => {
    try {
      await rename(from, to)
      return true
    } catch (error) {
      if (isSystemError(error) && error.code === 'EXDEV') return false
      throw error
    }
  })
}

/** Replaces a file in one step. */
export function replaceFile(from: string, to: string): Promise<void> {
  return during('replace', to, () => rename(from, to))
}

/**
 * Replaces a file or a directory by a directory. No system call does that in one step: killed between the two,
 * what was there lies beside it as `<name>.replaced-<8 hex>`.
 */
export function replaceByDirectory(from: string, to: string): Promise<void> {
  return during('replace', to, async () => {
    const aside = `${to}.replaced-${randomBytes(4).toString('hex')}`
    const wasThere = await isThere(to)
    if (wasThere) await rename(to, aside)
    try {
      await rename(from, to)
    } catch (error) {
      if (wasThere) await rename(aside, to)
      throw error
    }
    if (wasThere) await removeDirectory(aside)
  })
}
