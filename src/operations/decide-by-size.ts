/**
 * Decisions of retention with what backups of pages really take: their own files, and what lies in packs. Each database
 * and each type is counted as if there were no other, so that neither another database that shares packs, nor whichever
 * type was backed up last, decides what goes; and all limits together are what a backup directory grows to.
 */
import { lstat, readFile } from 'node:fs/promises'
import { setImmediate as yieldToEvents } from 'node:timers/promises'
import { PageCount } from '../blocks/count-pages.ts'
import { pagesOf, type Slots } from '../blocks/live-pages.ts'
import { parseRestorePoint } from '../blocks/restore-point.ts'
import { type BlockStore, packPath } from '../blocks/store.ts'
import type { BackupInfo } from '../catalog/backup-info.ts'
import { imageKey } from '../catalog/target-keys.ts'
import { BackupError, throwIfCancelled } from '../errors.ts'
import { decideAsking } from '../retention/decide.ts'
import type { RetentionPolicy } from '../retention/policy.ts'
import type { SizeAnswer, SizeQuestion } from '../retention/sizes.ts'
import { during, unlessMissing } from '../storage/io-errors.ts'
import { readObject } from '../storage/read-object.ts'
import type { Target } from '../storage/target.ts'
import type { Context } from './context.ts'
import { PacksAtTarget } from './packs-at-target.ts'
import { readStored } from './read-stored.ts'
import type { BackupDecision } from './reports.ts'

type Pages = ReadonlyMap<string, Slots>

/** Counts what lies in packs at a place, see `PageCount`. */
interface Count {
  begin(): void
  beside(pages: Pages): number | Promise<number>
  add(pages: Pages): void
}

/** Decides what a policy keeps of the backups in the backup directory. */
export function decideHere(
  backups: readonly BackupInfo[],
  policy: RetentionPolicy,
  context: Context,
): Promise<BackupDecision[]> {
  return decide(backups, policy, sizesHere(context), context)
}

/** The same of backups at a target, or that are to be copied there. Packs count whole there: what is dead in one may stay. */
export function decideAt(
  target: Target,
  backups: readonly BackupInfo[],
  policy: RetentionPolicy,
  context: Context,
): Promise<BackupDecision[]> {
  return decide(backups, policy, sizesAt(target, context), context)
}

export function sizesHere(context: Context): Sizes {
  const { signal, settings } = context
  const read = ({ path }: BackupInfo): Promise<Buffer> => during('read', path, () => readFile(path))
  return new Sizes(new PageCount(settings), read, signal)
}

export function sizesAt(target: Target, context: Context): Sizes {
  const { signal } = context
  const read = async (backup: BackupInfo): Promise<Buffer> =>
    backup.target === target.name
      ? Buffer.from(await readObject(target, imageKey(backup), { signal, bytesMax: backup.size }))
      : Buffer.concat(await Array.fromAsync(readStored(backup, context), piece => Buffer.from(piece)))
  return new Sizes(new PackCount(target, context), read, signal)
}

async function decide(
  backups: readonly BackupInfo[],
  policy: RetentionPolicy,
  sizes: Sizes,
  { now, settings }: Context,
): Promise<BackupDecision[]> {
  const deciding = decideAsking(backups, policy, now(), settings.timeZone)
  let step = deciding.next()
  while (step.done !== true) step = deciding.next(await sizes.of(step.value))
  return step.value
}

/** Answers what retention asks. One restore point is in memory at a time. */
class Sizes {
  readonly #count: Count
  readonly #read: (backup: BackupInfo) => Promise<Buffer>
  readonly #signal: AbortSignal
  #staying: readonly BackupInfo[] | null = null
  #asked: { readonly backup: BackupInfo; readonly pages: Pages } | null = null

  constructor(count: Count, read: (backup: BackupInfo) => Promise<Buffer>, signal: AbortSignal) {
    this.#count = count
    this.#read = read
    this.#signal = signal
  }

  async of({ backup, staying }: SizeQuestion<BackupInfo>): Promise<SizeAnswer> {
    this.#settle(staying)
    if (backup.encoding !== 'blocks') return backup.size
    try {
      throwIfCancelled(this.#signal)
      const pages = pagesOf(parseRestorePoint(await this.#read(backup), backup.path))
      const bytes = await this.#count.beside(pages)
      this.#asked = { backup, pages }
      await yieldToEvents()
      return backup.size + bytes
    } catch (error) {
      if (!(error instanceof BackupError) || error.code === 'CANCELLED') throw error
      return { unknown: error.message }
    }
  }

  /** Counts what was asked for last, if it stays. */
  #settle(staying: readonly BackupInfo[]): void {
    if (staying !== this.#staying) this.#count.begin()
    else if (this.#asked !== null && staying.at(-1) === this.#asked.backup) this.#count.add(this.#asked.pages)
    this.#staying = staying
    this.#asked = null
  }
}

/** Packs at a target, each counted whole; those that are still to be copied there, as they are here. */
class PackCount implements Count {
  readonly #packs: PacksAtTarget
  readonly #store: Pick<BlockStore, 'backupDir'>
  #counted = new Set<string>()

  constructor(target: Target, { settings, signal }: Context) {
    this.#packs = new PacksAtTarget(target, signal)
    this.#store = settings
  }

  begin(): void {
    this.#counted = new Set()
  }

  async beside(pages: Pages): Promise<number> {
    const ids = [...pages.keys()].filter(id => !this.#counted.has(id))
    await this.#packs.look(ids, { isAnew: false })
    let bytes = 0
    for (const id of ids) bytes += this.#packs.sizeOf(id) ?? (await this.#sizeHere(id))
    return bytes
  }

  add(pages: Pages): void {
    for (const id of pages.keys()) this.#counted.add(id)
  }

  /** What is neither there nor here takes nothing. */
  async #sizeHere(id: string): Promise<number> {
    const path = packPath(this.#store, id)
    return (await unlessMissing(path, () => lstat(path)))?.size ?? 0
  }
}
