/** Which name a copy gets at a target, so that no two machines write under one name. */
import { isDamagedAsStored, type Metadata } from '../catalog/metadata.ts'
import { METADATA_BYTES_MAX } from '../catalog/target-catalog.ts'
import { imageKey, type Mark, markKey, metadataKey, parseMetadataKey } from '../catalog/target-keys.ts'
import { Tap } from '../encoding/bytes.ts'
import { BackupError } from '../errors.ts'
import { readObject } from '../storage/read-object.ts'
import { isOfObject, orProblemOf } from '../storage/target-failure.ts'
import type { StoredObject, Target } from '../storage/target.ts'
import { identityOf } from './copy-identity.ts'

/** More backups of one second than this nobody makes. */
const NAMES_MAX = 50
/** Looks at one name, where others finish there while it is looked at. */
const LOOKS_MAX = 3

/** Whose name it is. */
export interface Claimant {
  readonly type: string
  readonly filename: string
  /** What the mark says; the same for the same backup, so that who comes after a crash goes on. */
  readonly mark: string
  /** Null for a backup that is only being made. */
  readonly metadata: Metadata | null
  /** Whether what is there of it was found damaged, though nothing there says so; default false. */
  readonly isDamaged?: boolean
  /** Names under which nothing can be replaced; default none. */
  readonly fixed?: ReadonlySet<string>
}

/**
 * `there`: the target has this backup, whole. `incomplete`: it has its metadata, but not its file as it
 * should be. `undescribed`: it has its file, byte for byte, but no metadata that can be read. `claimed`: the name is
 * ours; the mark is set.
 */
export interface Claim {
  readonly state: 'there' | 'incomplete' | 'undescribed' | 'claimed'
  readonly filename: string
}

/** Finds a name that nobody else has: the backup's own, or with `_2` and so on. */
export async function claimName(target: Target, claimant: Claimant, signal: AbortSignal): Promise<Claim> {
  for (let number = 1; number <= NAMES_MAX; number++) {
    const filename = number === 1 ? claimant.filename : renumbered(claimant.filename, number)
    if (filename === null) break
    if (claimant.fixed?.has(filename) === true) continue
    const state = await lookUntilSettled(target, { ...claimant, filename }, signal)
    if (state !== 'taken') return { state, filename }
  }
  throw new BackupError(
    'TARGET_REFUSED',
    `Other files have the name already at the target ${target.name}: ${imageKey(claimant)}`,
    {
      hint: 'Another machine copies a database of the same name there. Give each a name, or a target, of its own.',
    },
  )
}

async function lookUntilSettled(
  target: Target,
  claimant: Claimant,
  signal: AbortSignal,
): Promise<Claim['state'] | 'taken'> {
  for (let look = 1; look <= LOOKS_MAX; look++) {
    const state = await tryName(target, claimant, signal)
    if (state !== 'unsettled') return state
  }
  return 'taken'
}

/** `unsettled`: a mark went while it was looked at. Whoever set it has finished, maybe with this very backup. */
async function tryName(
  target: Target,
  claimant: Claimant,
  signal: AbortSignal,
): Promise<Claim['state'] | 'taken' | 'unsettled'> {
  const { type, filename, mark } = claimant
  const found = await lookAt(target, filename, signal)
  if (found.isDescribed) return await standingOf(target, claimant, signal)
  const copying = found.marks.find(({ kind }) => kind === 'copying')
  if (copying !== undefined) return await standingOfMark(target, copying, claimant, signal)
  if (found.marks.length > 0) return 'taken' // It is being deleted; the next cleanup finishes that.
  const image = await target.head(imageKey(claimant), { signal })
  if (image !== null) return await standingOfFile(target, image, claimant, signal)
  const own: Mark = { kind: 'copying', type, filename }
  if (await target.putIfAbsent(markKey(own), Buffer.from(mark), { signal })) return 'claimed'
  return await standingOfMark(target, own, claimant, signal)
}

async function lookAt(
  target: Target,
  filename: string,
  signal: AbortSignal,
): Promise<{ readonly isDescribed: boolean; readonly marks: readonly Mark[] }> {
  const marks: Mark[] = []
  let isDescribed = false
  for await (const { key } of target.list(metadataKey(filename), { signal })) {
    const parsed = parseMetadataKey(key)
    if (parsed?.filename !== filename) continue
    if ('kind' in parsed) marks.push(parsed)
    else isDescribed = true
  }
  return { isDescribed, marks }
}

async function standingOf(
  target: Target,
  claimant: Claimant,
  signal: AbortSignal,
): Promise<Claim['state'] | 'taken'> {
  const { type, filename, metadata, isDamaged = false } = claimant
  const there = await metadataAt(target, filename, signal)
  const image = await target.head(imageKey({ type, filename }), { signal })
  if (there === null) return await standingOfFile(target, image, claimant, signal)
  if (metadata === null || identityOf(there) !== identityOf(metadata)) return 'taken'
  const isKnownBad = isDamaged || (there.damaged_at !== undefined && !isDamagedAsStored(there))
  if (image?.sizeBytes === there.file_size && !isKnownBad) return 'there'
  // What is sent has to be what the metadata there says, unless that was changed by somebody.
  return there.checksum === metadata.checksum || isDamaged ? 'incomplete' : 'taken'
}

/**
 * A file without metadata that can be read: that was lost, or somebody has put the file there, over which nothing is ever
 * written. Its bytes tell.
 */
async function standingOfFile(
  target: Target,
  image: StoredObject | null,
  { metadata }: Claimant,
  signal: AbortSignal,
): Promise<'undescribed' | 'taken'> {
  if (image === null || metadata === null || image.sizeBytes !== metadata.file_size) return 'taken'
  const tap = new Tap()
  const read = await orProblemOf(async () => {
    for await (const _ of tap.through(target.get(image.key, { signal }))) {
      // No more is read than was listed.
      if (tap.sizeBytes > image.sizeBytes) break
    }
  })
  if (read instanceof BackupError) return 'taken'
  return tap.seen().checksum === metadata.checksum ? 'undescribed' : 'taken'
}

/** The metadata of that name; null when it cannot be read. */
export async function metadataAt(
  target: Target,
  filename: string,
  signal: AbortSignal,
): Promise<Metadata | null> {
  const text = await readObject(target, metadataKey(filename), { signal, bytesMax: METADATA_BYTES_MAX })
  const { parseMetadata } = await import('../catalog/parse-metadata.ts')
  const parsed = parseMetadata(Buffer.from(text).toString('utf8'))
  return 'metadata' in parsed ? parsed.metadata : null
}

const MARK_BYTES_MAX = 4096

async function standingOfMark(
  target: Target,
  mark: Mark,
  claimant: Claimant,
  signal: AbortSignal,
): Promise<'claimed' | 'taken' | 'unsettled'> {
  if (mark.type !== claimant.type) return 'taken'
  try {
    const text = await readObject(target, markKey(mark), { signal, bytesMax: MARK_BYTES_MAX })
    return Buffer.from(text).toString('utf8') === claimant.mark ? 'claimed' : 'taken'
  } catch (error) {
    if (!isOfObject(error)) throw error
    // One that is too long is none of ours.
    return error.code === 'OBJECT_NOT_FOUND' ? 'unsettled' : 'taken'
  }
}

/** `…_020000.db.zst` → `…_020000_2.db.zst`; null for a name that is not of our grammar. */
function renumbered(filename: string, number: number): string | null {
  const {
    stem,
    count = '1',
    suffix,
  } = /^(?<stem>.+_\d{8}_\d{6})(?:_(?<count>\d+))?(?<suffix>\.db.*)$/.exec(filename)?.groups ?? {}
  return stem === undefined || suffix === undefined ? null : `${stem}_${Number(count) + number - 1}${suffix}`
}
