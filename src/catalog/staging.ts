/**
 * Directories for what is being made. Each lies in the directory that its content will be renamed into,
 * so that the rename stays on one file system, and is 0700 whatever the modes of the files in it are.
 */
import { createHash, randomBytes } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { namesIn, removeDirectory } from '../storage/durable.ts'
import { during } from '../storage/io-errors.ts'
import { metadataDirectory, typeDirectory } from './layout.ts'
import { isType } from './names.ts'
import { removeAbandonedWork } from './work-directory.ts'

/**
 * A staging directory, removed with all that is still in it by `await using`. What cannot be removed is left
 * to the next run: it is no reason to call failed what was done.
 */
export class Staging implements AsyncDisposable {
  readonly path: string
  /**
   * Part of every file's name in here, and known to nobody else. Who owns the directory around us may put
   * another in our place, with links to files that only we may change; but not under names he cannot read.
   */
  readonly #secret = randomBytes(8).toString('hex')

  private constructor(path: string) {
    this.path = path
  }

  /** @param backupDir whose catalog's lock the caller holds */
  static async open(backupDir: string, directory: string): Promise<Staging> {
    const path = join(directory, `${prefixOf(backupDir)}${randomBytes(6).toString('hex')}`)
    await during('make the directory', path, () => mkdir(path, { mode: 0o700 }))
    return new Staging(path)
  }

  file(name: string): string {
    return join(this.path, `${this.#secret}-${name}`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await removeDirectory(this.path).catch(() => {})
  }
}

/**
 * Removes what killed runs left behind, in the backup directory and in `others`: what was decoded, too. Only for the holder of
 * the catalog's lock: nobody else is staging for this backup directory then.
 */
export async function removeLeftovers(backupDir: string, others: readonly string[]): Promise<void> {
  const names = await namesIn(backupDir)
  await removeAbandonedWork(backupDir, names)
  const types = names.filter(isType).map(type => typeDirectory(backupDir, type))
  const isLeftover = (name: string): boolean => name.startsWith(prefixOf(backupDir)) && RANDOM_PART.test(name)
  for (const directory of [...types, metadataDirectory(backupDir), ...others]) {
    const names = await namesIn(directory)
    for (const name of names.filter(isLeftover)) await removeDirectory(join(directory, name))
  }
}

const RANDOM_PART = /-[0-9a-f]{12}$/

/** Names the backup directory, because another one's run may be staging beside the same database. */
function prefixOf(backupDir: string): string {
  return `.chame-backup-${createHash('sha256').update(backupDir).digest('hex').slice(0, 8)}-`
}
