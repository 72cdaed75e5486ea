/** Encoding an image: straight from the database's own files, or from a copy. */
import type { Staging } from '../catalog/staging.ts'
import type { Encoder } from '../encoding/encoding.ts'
import { type Image, imageSize } from '../snapshot/image.ts'
import { imageRuns } from '../snapshot/image-runs.ts'
import { readThrough } from '../snapshot/read-through.ts'
import type { CheckLevel } from '../catalog/backup-info.ts'
import { requireSpace } from '../storage/durable.ts'
import { type Structure, structureOf } from './check-stored.ts'
import { begin, bytesOf, type Context } from './context.ts'
import { type EncodedFile, writeEncoded } from './encoded-file.ts'
import { readStored } from './read-stored.ts'

/** How small an image gets shows only at its end. Fewer free bytes than this share of it are not worth a try. */
const SHARE_MIN = 1 / 4

/** Encodes the image that a read transaction holds still, while SQLite checks it under the same transaction. */
export class PinnedEncoding {
  readonly #order: { readonly encoder: Encoder; readonly check: CheckLevel }
  readonly #staging: Staging
  readonly #context: Context
  #tries = 0
  #written: EncodedFile | null = null
  /** What SQLite found; null when nobody asked. */
  structure: Structure | null = null

  constructor(
    order: { readonly encoder: Encoder; readonly check: CheckLevel },
    staging: Staging,
    context: Context,
  ) {
    this.#order = order
    this.#staging = staging
    this.#context = context
  }

  get isBegun(): boolean {
    return this.#tries > 0
  }

  get written(): EncodedFile {
    if (this.#written === null) throw new Error('Nothing was encoded')
    return this.#written
  }

  /** May be called again: only the last try counts. */
  async encode(image: Image): Promise<void> {
    const { settings, signal } = this.#context
    const size = imageSize(image)
    await requireSpace(settings.backupDir, Math.ceil(size * SHARE_MIN), 'the backup')
    this.#tries += 1
    begin(this.#context, 'encode-image')
    const onBytes = bytesOf(this.#context, 'encode-image')
    const runs = imageRuns(image, { signal, onBytes: done => onBytes(done, size) })
    const checking = checkPinned(image.path, this.#order.check, this.#context)
    checking.catch(() => {}) // Awaited below; until then a failure must not count as unhandled.
    try {
      const file = this.#staging.file(`image.${this.#tries}.encoded`)
      this.#written = await writeEncoded(runs, this.#order.encoder, file, this.#context)
    } finally {
      // SQLite answers one question after another, and the next one is to end the transaction.
      await checking.catch(() => {})
    }
    this.structure = await checking
  }
}

/**
 * What SQLite finds in the image that its read transaction holds still; null when nobody asked. Of a disk that fails for
 * a moment SQLite says that the database is damaged: it has to say so twice.
 */
export async function checkPinned(
  database: string,
  level: CheckLevel,
  { sqlite, signal }: Context,
): Promise<Structure | null> {
  if (level === 'none') return null
  const ask = (): Promise<Structure> =>
    structureOf(database, () => sqlite.ask('checkRead', { level, countRows: true }, { signal }), signal)
  const found = await ask()
  if (found.problems.length === 0) return found
  await readThrough(database, signal)
  return await ask()
}

/** Encodes an image that lies in a file of ours. */
export function encodeCopied(
  { file, sizeBytes }: { readonly file: string; readonly sizeBytes: number },
  encoder: Encoder,
  staging: Staging,
  context: Context,
): Promise<EncodedFile> {
  begin(context, 'encode-image')
  const onBytes = bytesOf(context, 'encode-image')
  const image = readStored({ path: file }, context, done => onBytes(done, sizeBytes))
  return writeEncoded(image, encoder, staging.file('image.encoded'), context)
}
