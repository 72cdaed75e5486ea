/**
 * The catalog of a target, read from what it lists and from the metadata there. A backup exists there when its metadata
 * does, and its stored file: nothing in the backup directory is asked.
 */
import { BackupError, toFailure } from '../errors.ts'
import { inParallel } from '../storage/in-parallel.ts'
import { readObject } from '../storage/read-object.ts'
import type { StoredObject, Target } from '../storage/target.ts'
import type { BackupInfo } from './backup-info.ts'
import { backupOf } from './backup-of.ts'
import { isOf, isWanted, type ListFilter, newestFirst } from './list.ts'
import { isType, parseFilename } from './names.ts'
import { metadataFieldsOf } from './read-metadata.ts'
import {
  imageKey,
  imagePrefix,
  type Mark,
  metadataKey,
  metadataPrefix,
  parseImageKey,
  parseMetadataKey,
  targetPath,
} from './target-keys.ts'

/** Waiting for answers is what takes long; more at once make servers refuse. */
const READS_MAX = 16
/** Metadata has a line a table, and no application has a hundred thousand. */
export const METADATA_BYTES_MAX: number = 8 << 20

/** Metadata that was read before, by its key and what the target lists of it. */
export interface MetadataCache {
  get(object: StoredObject): string | undefined
  set(object: StoredObject, text: string): void
}

export interface TargetRead {
  readonly signal: AbortSignal
  readonly cache: MetadataCache | null
}

/** A mark, and when it was made; null where the target does not say. */
interface FoundMark extends Mark {
  readonly modified: string | null
}

export interface TargetCatalog {
  /** Newest first. */
  readonly backups: readonly BackupInfo[]
  /** Of copies and deletions that are under way, or were when somebody was killed. */
  readonly marks: readonly FoundMark[]
  /** File names that there is metadata of, be it readable or not. */
  readonly described: ReadonlySet<string>
}

/**
 * Reads the catalog of a target; the filter's limit does not concern marks. Of a database those are found whose file
 * names say so, as all do that are copied.
 */
export async function readTargetCatalog(
  target: Target,
  filter: ListFilter,
  { signal, cache }: TargetRead,
): Promise<TargetCatalog> {
  const marks: FoundMark[] = []
  const found: Listed[] = []
  for await (const object of target.list(metadataPrefix(filter.database), { signal })) {
    const parsed = parseMetadataKey(object.key)
    if (parsed === null || !isWanted(parsed.filename, filter)) continue
    if ('kind' in parsed) marks.push({ ...parsed, modified: object.modified })
    else found.push({ object, filename: parsed.filename })
  }
  const described = await inParallel(found, READS_MAX, each => describe(target, each, { signal, cache }))
  const backups = await withImages(target, described, { database: filter.database, signal })
  const isWantedType = ({ type }: BackupInfo): boolean => filter.type === undefined || filter.type === type
  return {
    backups: backups
      .filter(
        backup => isWantedType(backup) && (filter.database === undefined || isOf(filter.database)(backup)),
      )
      .toSorted(newestFirst)
      .slice(0, filter.limit),
    marks,
    described: new Set(found.map(({ filename }) => filename)),
  }
}

/** Throws `BACKUP_NOT_FOUND`. @param wanted a file name, what `targetPath` makes of it, or `latest`: see `findBackup` */
export async function findAtTarget(
  target: Target,
  database: string,
  wanted: string,
  read: TargetRead,
): Promise<BackupInfo> {
  const filename = nameIn(target.name, wanted)
  const found = await (filename === null
    ? latestAtTarget(target, database, read)
    : readAtTarget(target, filename, read))
  if (found === null) throw notFound(target, database, wanted)
  return found
}

function notFound({ name }: Target, database: string, wanted: string): BackupError {
  const isLatest = wanted === 'latest'
  return new BackupError(
    'BACKUP_NOT_FOUND',
    isLatest
      ? `There is no backup of ${database} at the target ${name}`
      : `Backup not found at the target ${name}: ${wanted}`,
    {
      hint: isLatest
        ? 'Copy what there is in the backup directory with: chame-backup sync'
        : `See what there is with: chame-backup list --target ${name}. A backup is named by its file name or "latest".`,
    },
  )
}

/** The backup of that file name; null when there is none. Its metadata is read anew, whatever is known of it. */
export async function readAtTarget(
  target: Target,
  filename: string,
  { signal }: Pick<TargetRead, 'signal'>,
): Promise<BackupInfo | null> {
  const key = metadataKey(filename)
  if (parseMetadataKey(key) === null) return null
  const object = await target.head(key, { signal })
  if (object === null) return null
  const described = await describe(target, { object, filename }, { signal, cache: null })
  if (described === null) return null
  const image = await target.head(imageKey(described), { signal })
  return image === null ? null : backupAt(target, described, image)
}

/** Names tell what is new only roughly: clocks go back, and time zones are changed. */
const NAMES_APART_MS_MAX = 2 * 86_400_000

/** Reads the metadata of few: all those whose names say that they may be the newest. */
async function latestAtTarget(
  target: Target,
  database: string,
  { signal, cache }: TargetRead,
): Promise<BackupInfo | null> {
  const found: Listed[] = []
  for await (const object of target.list(metadataPrefix(database), { signal })) {
    const parsed = parseMetadataKey(object.key)
    if (parsed === null || 'kind' in parsed || !isWanted(parsed.filename, { database })) continue
    if (parseFilename(parsed.filename)?.type !== 'pre_restore')
      found.push({ object, filename: parsed.filename })
  }
  const times = found.map(({ filename }) => timeIn(filename) ?? Infinity)
  const newest = times.filter(Number.isFinite).reduce((latest, time) => Math.max(latest, time), -Infinity)
  const likely = found.filter((_, index) => (times[index] as number) >= newest - NAMES_APART_MS_MAX)
  const backups = await withImages(
    target,
    await inParallel(likely, READS_MAX, each => describe(target, each, { signal, cache })),
    { database, signal },
  )
  const candidates = backups.filter(backup => isOf(database)(backup) && backup.type !== 'pre_restore')
  if (candidates.length > 0 || likely.length === found.length)
    return candidates.toSorted(newestFirst)[0] ?? null
  const all = await readTargetCatalog(target, { database }, { signal, cache })
  return all.backups.find(({ type }) => type !== 'pre_restore') ?? null
}

/** The time that a file name shows, as if it were UTC; null where it shows none. */
function timeIn(filename: string): number | null {
  const shown = /_(\d{4})(\d\d)(\d\d)_(\d\d)(\d\d)(\d\d)(?:_\d+)?\.db/.exec(filename)
  if (shown === null) return null
  const [year = 0, month = 1, ...rest] = shown.slice(1).map(Number)
  return Date.UTC(year, month - 1, ...rest)
}

function nameIn(targetName: string, wanted: string): string | null {
  if (wanted === 'latest') return null
  const prefix = `${targetName}:`
  if (!wanted.startsWith(prefix)) return wanted
  return parseImageKey(wanted.slice(prefix.length))?.filename ?? wanted
}

interface Listed {
  readonly object: StoredObject
  readonly filename: string
}

interface Described {
  readonly filename: string
  readonly type: string
  readonly fields: Awaited<ReturnType<typeof metadataFieldsOf>>
}

/** Null when it is gone meanwhile, or does not say of which type it is. */
async function describe(
  target: Target,
  { object, filename }: Listed,
  { signal, cache }: TargetRead,
): Promise<Described | null> {
  const text = cache?.get(object) ?? (await readText(target, object, signal))
  if (text === null) return null
  cache?.set(object, text)
  const fields = await metadataFieldsOf(text)
  const type = fields.metadata?.backup_type ?? parseFilename(filename)?.type
  return typeof type === 'string' && isType(type) ? { filename, type, fields } : null
}

async function readText(
  target: Target,
  { key, sizeBytes }: StoredObject,
  signal: AbortSignal,
): Promise<string | null> {
  if (sizeBytes > METADATA_BYTES_MAX) return ''
  try {
    const bytes = await readObject(target, key, { signal, bytesMax: METADATA_BYTES_MAX })
    return Buffer.from(bytes).toString('utf8')
  } catch (error) {
    const { code } = toFailure(error)
    if (code === 'OBJECT_NOT_FOUND') return null
    // Not to be read, which must not hide the others.
    if (code === 'OBJECT_DAMAGED') return ''
    throw error
  }
}

/** Those whose stored file is there. */
async function withImages(
  target: Target,
  described: readonly (Described | null)[],
  { database, signal }: { readonly database: string | undefined; readonly signal: AbortSignal },
): Promise<BackupInfo[]> {
  const known = described.filter(each => each !== null)
  const types = [...new Set(known.map(({ type }) => type))]
  const images = new Map<string, StoredObject>()
  await inParallel(types, READS_MAX, async type => {
    for await (const object of target.list(imagePrefix(type, database), { signal }))
      images.set(object.key, object)
  })
  return known.flatMap(each => {
    const image = images.get(imageKey(each))
    return image === undefined ? [] : [backupAt(target, each, image)]
  })
}

function backupAt(target: Target, { filename, type, fields }: Described, image: StoredObject): BackupInfo {
  return backupOf(
    {
      filename,
      type,
      target: target.name,
      path: targetPath(target.name, { type, filename }),
      size: image.sizeBytes,
      // Text of a server: what is no date is as good as none.
      modified: new Date(Date.parse(image.modified ?? '') || 0),
    },
    fields,
  )
}
