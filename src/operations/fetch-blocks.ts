/** A backup of pages at a target, brought here with the packs that it relies on. */
import { mkdir, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { isDamage } from '../blocks/damage.ts'
import { pagesOf } from '../blocks/live-pages.ts'
import { PACK_BYTES_MAX } from '../blocks/pack-size.ts'
import { parseRestorePoint } from '../blocks/restore-point.ts'
import { packPath } from '../blocks/store.ts'
import type { BackupInfo } from '../catalog/backup-info.ts'
import { imagePath } from '../catalog/deleting.ts'
import { packKey } from '../catalog/target-keys.ts'
import { cancellable, type Seen, Tap } from '../encoding/bytes.ts'
import { BackupError } from '../errors.ts'
import { removeFile, requireSpace } from '../storage/durable.ts'
import { inParallel } from '../storage/in-parallel.ts'
import { during } from '../storage/io-errors.ts'
import { isOfObject } from '../storage/target-failure.ts'
import type { Target } from '../storage/target.ts'
import { writeBytes } from '../storage/write-bytes.ts'
import { differences, type Expected } from './check-stored.ts'
import { bytesOf, type Context } from './context.ts'
import { PacksAtTarget } from './packs-at-target.ts'
import { readStored } from './read-stored.ts'
import type { VerifyProblem } from './reports.ts'
import { withTarget } from './target-access.ts'

export type BackupAtTarget = BackupInfo & { readonly target: string }

export interface FetchedBlocks {
  /** As it lies here, in a directory that is laid out as a backup directory. */
  readonly backup: BackupInfo
  /** Its own file. */
  readonly stored: Seen
  /** What is there that is not what was stored, or not there; nothing here is to be used then. */
  readonly problems: readonly VerifyProblem[]
}

export interface FetchOrder {
  /** A directory that does not exist yet, in one of ours. */
  readonly root: string
  /** What the metadata says that its own file should be. */
  readonly expected: Expected
  /** What else is going to be written beside it. */
  readonly reserveBytes: number
}

const PACKS_AT_ONCE = 4
const DIRECTORY_MODE = 0o700
/** No pack that we write comes near: its pages hardly compress to more than they are, and its index is small. */
export const FETCHED_BYTES_MAX: number = 2 * PACK_BYTES_MAX

/** Fetches a backup and its packs. Their indexes and the names of their pages prove these; that is left to who reads them. */
export async function fetchBlocks(
  backup: BackupAtTarget,
  { root, expected, reserveBytes }: FetchOrder,
  context: Context,
): Promise<FetchedBlocks> {
  const path = imagePath(root, backup)
  const here: BackupInfo = { ...backup, target: null, path }
  await during('make the directory', root, () =>
    mkdir(dirname(path), { recursive: true, mode: DIRECTORY_MODE }),
  )
  const tap = new Tap()
  await writeBytes(path, cancellable(tap.through(readStored(backup, context)), context.signal))
  const stored = tap.seen()
  const problems = differences(stored.sizeBytes, stored.checksum, expected)
  // Who has changed it may name any packs.
  if (problems.length > 0) return { backup: here, stored, problems }
  const ids = await packsOf(here)
  if (!Array.isArray(ids)) return { backup: here, stored, problems: [ids] }
  const packs = await withTarget(backup.target, context, target =>
    fetchPacks(ids, target, { root, reserveBytes }, context),
  )
  return { backup: here, stored, problems: packs }
}

/** What a message about a file that was fetched says of it: where it lies at the target. */
export function namedAtTarget(message: string, { target }: BackupAtTarget, root: string): string {
  return message.replaceAll(`${root}/`, `${target}:`)
}

async function packsOf({ path }: BackupInfo): Promise<string[] | VerifyProblem> {
  try {
    const point = parseRestorePoint(await during('read', path, () => readFile(path)), path)
    return [...pagesOf(point).keys()]
  } catch (error) {
    if (!isDamage(error)) throw error
    return { code: 'NOT_DECODABLE', message: error.message }
  }
}

async function fetchPacks(
  ids: readonly string[],
  target: Target,
  { root, reserveBytes }: Pick<FetchOrder, 'root' | 'reserveBytes'>,
  context: Context,
): Promise<VerifyProblem[]> {
  const { signal } = context
  const packs = new PacksAtTarget(target, signal)
  await packs.look(ids, { isAnew: false })
  const wrong = ids.flatMap(id => problemOf(id, packs.sizeOf(id), target))
  if (wrong.length > 0) return wrong
  const totalBytes = ids.reduce((sum, id) => sum + packs.bytesOf(id), 0)
  await requireSpace(root, totalBytes + reserveBytes, 'the packs of the fetched backup')
  const report = bytesOf(context, 'fetch-backup')
  let doneBytes = 0
  const problems = await inParallel(ids, PACKS_AT_ONCE, async id => {
    const path = packPath({ backupDir: root }, id)
    await during('make the directory', path, () =>
      mkdir(dirname(path), { recursive: true, mode: DIRECTORY_MODE }),
    )
    const onBytes = (bytes: number): void => report((doneBytes += bytes), totalBytes)
    return await fetchAsItIs(id, path, packs, { signal, onBytes })
  })
  return problems.flat()
}

function problemOf(id: string, sizeBytes: number | null, target: Target): VerifyProblem[] {
  if (sizeBytes === null) return [lost(`A pack is missing: ${target.name}:${packKey(id)}`)]
  if (sizeBytes <= FETCHED_BYTES_MAX) return []
  return [lost(`No pack has ${sizeBytes} bytes: ${target.name}:${packKey(id)}`)]
}

function lost(message: string): VerifyProblem {
  return { code: 'NOT_DECODABLE', message }
}

interface PackFetch {
  readonly signal: AbortSignal
  /** Called with the bytes of each piece. */
  readonly onBytes: (bytes: number) => void
}

/** Fetches a pack whose size is known. A cleanup there may write it anew meanwhile: with all that is needed, so that it is fetched once more. */
export async function fetchAsItIs(
  id: string,
  path: string,
  packs: PacksAtTarget,
  fetch: PackFetch,
): Promise<VerifyProblem[]> {
  const problems = await fetchPack(id, path, packs, fetch)
  if (problems.length === 0) return problems
  const before = packs.sizeOf(id) as number
  await packs.look([id], { isAnew: true })
  const now = packs.sizeOf(id)
  if (now === null || now >= before) return problems
  await removeFile(path)
  return await fetchPack(id, path, packs, fetch)
}

/** Fetches a pack whose size is known. What the target has instead of it is in the answer. */
export async function fetchPack(
  id: string,
  path: string,
  packs: PacksAtTarget,
  { signal, onBytes }: PackFetch,
): Promise<VerifyProblem[]> {
  const { target } = packs
  const key = packKey(id)
  try {
    await writeBytes(path, limited(target, key, packs.sizeOf(id) ?? 0, { signal, onBytes }))
    return []
  } catch (error) {
    if (!isOfObject(error)) throw error
    return [lost(`${error.message} (${join(`${target.name}:`, key)})`)]
  }
}

/** There is room for what was listed, and no more. */
async function* limited(
  target: Target,
  key: string,
  sizeBytes: number,
  { signal, onBytes }: PackFetch,
): AsyncIterable<Uint8Array> {
  let doneBytes = 0
  for await (const piece of target.get(key, { signal })) {
    doneBytes += piece.length
    if (doneBytes > sizeBytes) {
      throw new BackupError(
        'OBJECT_DAMAGED',
        `The target ${target.name} sends more than the ${sizeBytes} bytes that it lists`,
      )
    }
    yield piece
    onBytes(piece.length)
  }
}
