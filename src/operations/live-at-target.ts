import { addPagesOf, type Slots } from '../blocks/live-pages.ts'
import { parseRestorePoint } from '../blocks/restore-point.ts'
import { SUFFIXES } from '../catalog/encodings.ts'
import { parseMetadataKey } from '../catalog/target-keys.ts'
import { toFailure } from '../errors.ts'
import { inParallel } from '../storage/in-parallel.ts'
import { readObject } from '../storage/read-object.ts'
import type { StoredObject, Target } from '../storage/target.ts'
import type { Context } from './context.ts'
import { isOld } from './pack-marks.ts'

/** Some five bytes a page at most: a larger one is of no database that anybody has. */
const RESTORE_POINT_BYTES_MAX = 1 << 29
const READS_AT_ONCE = 8

const BUSY = 'a backup is being copied there; the next cleanup gives the space back'

/** Why packs cannot be cleaned up now: somebody is copying, or nobody knows what a restore point relies on. */
export class NotNow extends Error {
  readonly status: 'busy' | 'refused'

  constructor(status: NotNow['status'], message: string, cause?: unknown) {
    super(message, { cause })
    this.status = status
  }
}

/** The pages that the backups at a target rely on, those of every database. */
export class LiveAtTarget {
  /** By the pack's id; they become more with each look. */
  readonly packs: ReadonlyMap<string, Slots>
  readonly #packs = new Map<string, Slots>()
  readonly #target: Target
  readonly #context: Context
  readonly #known = new Set<string>()

  constructor(target: Target, context: Context) {
    this.packs = this.#packs
    this.#target = target
    this.#context = context
  }

  /** Looks which backups are there now, and reads those that it does not know yet. Throws {@link NotNow}. */
  async look(): Promise<void> {
    const { points, isBusy } = await this.#list()
    if (isBusy) throw new NotNow('busy', BUSY)
    await inParallel(
      points.filter(point => !this.#known.has(asText(point))),
      READS_AT_ONCE,
      async point => {
        await this.#read(point)
        this.#known.add(asText(point))
      },
    )
  }

  async #list(): Promise<{ readonly points: readonly StoredObject[]; readonly isBusy: boolean }> {
    const { signal, now } = this.#context
    const points: StoredObject[] = []
    const copying: string[] = []
    const described = new Set<string>()
    for await (const object of this.#target.list('', { signal })) {
      const { key } = object
      const metadata = parseMetadataKey(key)
      // Whatever it is called: somebody may have renamed it, and means to keep it.
      if (key.endsWith(SUFFIXES.blocks)) points.push(object)
      else if (metadata === null || !metadata.filename.endsWith(SUFFIXES.blocks)) continue
      else if (!('kind' in metadata)) described.add(metadata.filename)
      else if (metadata.kind === 'copying' && !isOld(object.modified, now())) copying.push(metadata.filename)
    }
    // A mark beside metadata is one that nobody has taken away.
    return { points, isBusy: copying.some(filename => !described.has(filename)) }
  }

  async #read({ key, sizeBytes }: StoredObject): Promise<void> {
    const path = `${this.#target.name}:${key}`
    try {
      const bytes = await readObject(this.#target, key, {
        signal: this.#context.signal,
        bytesMax: Math.min(sizeBytes, RESTORE_POINT_BYTES_MAX),
      })
      addPagesOf(parseRestorePoint(Buffer.from(bytes), path), this.#packs)
    } catch (error) {
      const { code, message } = toFailure(error)
      // Deleted meanwhile: it relies on nothing.
      if (code === 'OBJECT_NOT_FOUND') return
      if (code === 'BACKUP_DAMAGED' || code === 'OBJECT_DAMAGED') throw new NotNow('refused', message, error)
      throw error
    }
  }
}

function asText({ key, sizeBytes, modified }: StoredObject): string {
  return JSON.stringify([key, sizeBytes, modified])
}
