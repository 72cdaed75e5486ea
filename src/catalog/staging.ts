/**
 * Directories for what is being made. Each lies in the directory that its content will be renamed into,
 * so that the rename stays on one file system, and is 0700 whatever the modes of the files in it are.
 */
import { createHash, randomBytes } from 'node:crypto'
import { basename, dirname, join } from 'node:path'
import { BackupError } from '../errors.ts'
import { makeName } from '../storage/changes.ts'
import { namesIn, removeDirectory } from '../storage/durable.ts'
import { during } from '../storage/io-errors.ts'
import { forget, isClean, lookAt, noteChange, noteRead } from './clean-directories.ts'
import { blocksDirectory, metadataDirectory, typeDirectory } from './layout.ts'
import { isType } from './names.ts'
import { removeAbandonedWork } from './work-directory.ts'

/**
 * A staging directory, removed with all that is still in it by `await using`. What cannot be removed is left
 * to the next run: it is no reason to call failed what was done.
 */
export class Staging implements AsyncDisposable {
  readonly path: string
  readonly #paths: string
  /** Whether nothing was left behind around it when it was opened. */
  readonly #wasClean: boolean
  /**
   * Part of every file's name in here, and known to nobody else. Who owns the directory around us may put
   * another in our place, with links to files that only we may change; but not under names he cannot read.
   */
  readonly #secret = randomBytes(8).toString('hex')

  private constructor(paths: string, wasClean: boolean) {
    this.path = `${paths}${randomBytes(6).toString('hex')}`
    this.#paths = paths
    this.#wasClean = wasClean
  }

  /** @param backupDir whose catalog's lock the caller holds */
  static async open(backupDir: string, directory: string): Promise<Staging> {
    const paths = pathsIn(directory, backupDir)
    const staging = new Staging(paths, await isClean(paths))
    await during('make the directory', staging.path, () => makeName(staging.path, 0o700))
    return staging
  }

  file(name: string): string {
    return join(this.path, `${this.#secret}-${name}`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await removeDirectory(this.path)
      if (this.#wasClean) await noteChange(this.#paths)
    } catch {
      forget(this.#paths)
    }
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
  const all = [...types, metadataDirectory(backupDir), ...others].map(directory =>
    pathsIn(directory, backupDir),
  )
  const clean = await Promise.all(all.map(isClean))
  for (const paths of all.filter((_, index) => clean[index] !== true)) {
    const look = await lookAt(paths)
    if ((await removeThose(paths)) === 0) noteRead(paths, look)
  }
  // Here some are made without the lock, so nothing is ever known; its names are few.
  const packs = blocksDirectory(backupDir)
  if (names.includes(basename(packs))) await removeThose(pathsIn(packs, backupDir))
}

/** Resolves to how many there were. What another user left, root perhaps, stays for him: it is in nobody's way. */
async function removeThose(paths: string): Promise<number> {
  const directory = dirname(paths)
  const names = await namesIn(directory)
  const leftovers = names.filter(name => name.startsWith(basename(paths)) && RANDOM_PART.test(name))
  for (const name of leftovers) await removeDirectory(join(directory, name)).catch(unlessDenied)
  return leftovers.length
}

function unlessDenied(error: unknown): void {
  if (!(error instanceof BackupError) || error.code !== 'PERMISSION_DENIED') throw error
}

const RANDOM_PART = /-[0-9a-f]{12}$/

/** How their paths begin. Names the backup directory, because another one's run may be staging beside the same database. */
function pathsIn(directory: string, backupDir: string): string {
  const digest = createHash('sha256').update(backupDir).digest('hex').slice(0, 8)
  return join(directory, `.chame-backup-${digest}-`)
}
