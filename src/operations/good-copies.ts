/** Where a backup can be copied from when the backup directory does not have it, or has it damaged: targets with a good copy. */
import type { BackupInfo } from '../catalog/backup-info.ts'
import { listCatalog } from '../catalog/list.ts'
import type { Metadata } from '../catalog/metadata.ts'
import { BackupError, type ErrorCode } from '../errors.ts'
import type { Context } from './context.ts'
import { identityOf } from './copy-identity.ts'
import { listStored } from './list-stored.ts'

export type Described = BackupInfo & { readonly metadata: Metadata }

/** What says that a source is no good, or not any more, and another one may be. */
const OF_SOURCE: ReadonlySet<ErrorCode> = new Set(['BACKUP_DAMAGED', 'OBJECT_DAMAGED', 'OBJECT_NOT_FOUND'])

export function isOfSource(error: unknown): boolean {
  return error instanceof BackupError && OF_SOURCE.has(error.code)
}

export function isDescribed(backup: BackupInfo): backup is Described {
  return backup.metadata !== null
}

/** Whether nothing is known to be wrong with a stored file. What it is worth, reading it tells. */
export function seemsGood({ metadata, size }: Described): boolean {
  return size === metadata.file_size && metadata.damaged_at === undefined
}

/**
 * Whether a copy may take the place of one that says something else of itself. What a target alone says, whoever can write
 * there may have made up: it has to be what is known of the backup already, or be signed.
 */
export function mayReplace(source: Described, known: Described | null): boolean {
  return source.target === null || source.signature === 'valid' || source.checksum === known?.checksum
}

/** Good copies at targets, as they list them. They are asked once, and only when somebody wants to know. */
export class GoodCopies {
  readonly #names: readonly string[]
  readonly #context: Context
  #all: Promise<readonly Described[]> | null = null

  /** @param names the targets that may be asked, in this order */
  constructor(names: readonly string[], context: Context) {
    this.#names = names
    this.#context = context
  }

  /** One that cannot be listed has none: what is copied to it tells that. */
  all(): Promise<readonly Described[]> {
    this.#all ??= this.#list()
    return this.#all
  }

  /** Those of one backup at other targets that may take its place. */
  async besides(target: string, known: Described): Promise<Described[]> {
    const identity = identityOf(known.metadata)
    return (await this.all()).filter(
      copy => copy.target !== target && identityOf(copy.metadata) === identity && mayReplace(copy, known),
    )
  }

  async #list(): Promise<readonly Described[]> {
    const { name: database, backupDir } = this.#context.settings
    const here = await listCatalog(backupDir, { database })
    // Where nothing may be changed, that one is damaged is noted here alone.
    const notes = new Map(
      here.filter(isDescribed).map(({ metadata }) => [identityOf(metadata), metadata.copies]),
    )
    const lists = this.#names.map(async name => {
      const listed = await listStored(name, { database }, this.#context).catch(
        (): readonly BackupInfo[] => [],
      )
      return listed.filter(isDescribed).filter(copy => {
        const noted = notes.get(identityOf(copy.metadata))?.[name]
        return seemsGood(copy) && noted?.damaged_at === undefined && copy.signature !== 'wrong'
      })
    })
    return (await Promise.all(lists)).flat()
  }
}

/**
 * Gives each of the sources to `copy`, one after another, until one was good. What is wrong with the last of them is
 * thrown, or with the first where there are no others.
 *
 * @param others asked only when the first one is no good
 */
export async function copyFromAny<T>(
  first: Described,
  others: () => Promise<readonly Described[]>,
  copy: (source: Described) => Promise<T>,
): Promise<T> {
  try {
    return await copy(first)
  } catch (error) {
    if (!isOfSource(error)) throw error
    for (const other of await others()) {
      if (other.target === first.target) continue
      try {
        return await copy(other)
      } catch (next) {
        if (!isOfSource(next)) throw next
      }
    }
    throw error
  }
}
