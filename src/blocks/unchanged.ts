import { readFingerprints, writeFingerprints } from './fingerprints.ts'
import { packsThere, readPrevious } from './previous-pages.ts'
import type { Sealing } from './open-sealing.ts'
import type { BlockStore } from './store.ts'

/** A restore point that the database has not changed since. */
export interface Unchanged {
  /** Its file, as it may be stored again. */
  readonly bytes: Buffer
  /** SHA-256 of `bytes`, hex. */
  readonly checksum: string
  /** Where it lies, relative to the backup directory. */
  readonly restorePoint: string
  readonly imageChecksum: string
  /** Keeps what is known for the next restore point. To be called once `bytes` are published, at this path. */
  readonly remember: (restorePoint: string) => Promise<void>
}

/**
 * The last restore point of a database whose files nobody has touched since it was made; null when somebody may have,
 * when anything that it relies on is gone, or when others are to read the next one.
 *
 * @param stamp how the files look now
 */
export async function findUnchanged(
  store: BlockStore,
  database: string,
  stamp: string,
  sealing: Pick<Sealing, 'namingId'>,
): Promise<Unchanged | null> {
  const fingerprints = await readFingerprints(store, database, sealing)
  if (fingerprints?.stamp !== stamp) return null
  const previous = await readPrevious(store, fingerprints)
  if (previous === null || (await packsThere(store, previous.point)).includes(false)) return null
  return {
    bytes: previous.bytes,
    checksum: fingerprints.checksum,
    restorePoint: fingerprints.restorePoint,
    imageChecksum: previous.point.imageChecksum,
    remember: restorePoint => writeFingerprints(store, database, { ...fingerprints, restorePoint }),
  }
}
