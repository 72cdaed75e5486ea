/** Fetching the file of a backup from whichever target has it as it was stored. */
import { imageKey } from '../../catalog/target-keys.ts'
import { cancellable, Tap } from '../../encoding/bytes.ts'
import { BackupError, type ErrorCode, type Failure, toFailure } from '../../errors.ts'
import { removeFile, requireSpace } from '../../storage/durable.ts'
import { orProblemOf } from '../../storage/target-failure.ts'
import type { Target } from '../../storage/target.ts'
import { writeBytes } from '../../storage/write-bytes.ts'
import { differences, expectedOf } from '../check-stored.ts'
import { bytesOf, type Context } from '../context.ts'
import { noteDamaged } from '../copies/record-copies-read.ts'
import type { Described } from '../copies/read-file.ts'
import { identityOf } from '../copy-identity.ts'
import { catalogOf, withTarget } from '../target-access.ts'
import type { Sick } from './sick.ts'

const SPACE_RESERVE_BYTES = 1 << 20

/** Another target would not help. */
export const OF_HERE: ReadonlySet<ErrorCode> = new Set(['CANCELLED', 'INSUFFICIENT_SPACE'])

/** Why the targets that were asked did not help, in their order. */
export class NoHelp {
  readonly #reasons: string[] = []
  #failure: Failure | null = null

  note(target: string, reason: string): void {
    this.#reasons.push(`${target}: ${reason}`)
  }

  noteFailure(target: string, failure: Failure): void {
    this.#failure ??= failure
    this.note(target, failure.message)
  }

  /** One that may pass has the code of the target's failure, so that it is tried again. */
  error({ path, filename }: Sick): BackupError {
    const hint =
      this.#failure?.hint ??
      'Nothing was changed. Make a new backup now (chame-backup create), and keep this one: parts of it may still be read.'
    return new BackupError(
      this.#failure?.code ?? 'BACKUP_DAMAGED',
      `No target has a good copy of ${filename} (${this.#reasons.join('; ')}): ${path}`,
      { hint, path },
    )
  }
}

/**
 * Fetches the stored file into `file`; resolves to the target that it came from, or null, and then no such file is there.
 * It is what was stored once all of it has the size and the SHA-256 that the metadata here says.
 */
export async function fetchGoodFile(
  sick: Sick,
  {
    file,
    targets,
    noHelp,
  }: { readonly file: string; readonly targets: readonly string[]; readonly noHelp: NoHelp },
  context: Context,
): Promise<string | null> {
  for (const name of targets) {
    try {
      const isGood = await withTarget(name, context, target => fetchFrom(target, sick, file, noHelp, context))
      if (isGood) return name
    } catch (error) {
      const failure = toFailure(error)
      if (OF_HERE.has(failure.code)) throw error
      noHelp.noteFailure(name, failure)
    }
    await removeFile(file)
  }
  return null
}

async function fetchFrom(
  target: Target,
  sick: Sick,
  file: string,
  noHelp: NoHelp,
  context: Context,
): Promise<boolean> {
  const { backups } = await catalogOf(target, { database: context.settings.name }, context)
  const identity = identityOf(sick.metadata)
  const copies = backups.filter(
    (backup): backup is Described => backup.metadata !== null && identityOf(backup.metadata) === identity,
  )
  // Converted here since: other bytes.
  const same = copies.filter(({ metadata }) => metadata.checksum === sick.metadata.checksum)
  if (same.length === 0)
    noHelp.note(target.name, copies.length === 0 ? 'it has none' : 'it has it in another form')
  for (const there of same) {
    const problem = await fetchOne(target, there, sick, file, context)
    if (problem === null) return true
    noHelp.note(target.name, problem)
    // So that the next sync replaces it, once it is whole here.
    await noteDamaged({ there, here: sick }, target, context)
    await removeFile(file)
  }
  return false
}

async function fetchOne(
  target: Target,
  there: Described,
  sick: Sick,
  file: string,
  context: Context,
): Promise<string | null> {
  const { signal } = context
  const { file_size } = sick.metadata
  await requireSpace(
    context.settings.backupDir,
    file_size + SPACE_RESERVE_BYTES,
    'the backup that is fetched',
  )
  const report = bytesOf(context, 'fetch-backup')
  const tap = new Tap()
  const bytes = target.get(imageKey(there), { signal, onBytes: done => report(done, file_size) })
  const written = await orProblemOf(() =>
    writeBytes(file, cancellable(tap.through(limited(bytes, file_size)), signal)),
  )
  if (written instanceof BackupError) return written.message
  const { sizeBytes, checksum } = tap.seen()
  return differences(sizeBytes, checksum, expectedOf(sick))[0]?.message ?? null
}

/** There is room for what it should be: one byte more tells that it is not. */
async function* limited(bytes: AsyncIterable<Uint8Array>, sizeBytes: number): AsyncGenerator<Uint8Array> {
  let done = 0
  for await (const piece of bytes) {
    done += piece.length
    yield piece
    if (done > sizeBytes) return
  }
}
