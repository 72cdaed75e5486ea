/** Where things lie at a target: as in a backup directory. Whatever a target lists is parsed here, and nowhere a path. */
import { isBackupName, isType } from './names.ts'

const METADATA_PREFIX = 'metadata/'

/**
 * A backup whose copying or deletion is under way says so beside its metadata, with its type, because the metadata
 * itself is not there then: so what a killed run leaves is told from a file that somebody put there.
 */
type MarkKind = 'copying' | 'deleting'

export interface Mark {
  readonly kind: MarkKind
  readonly type: string
  readonly filename: string
}

/** The key of a backup's stored file. */
export function imageKey({ type, filename }: { readonly type: string; readonly filename: string }): string {
  return `${type}/${filename}`
}

export function metadataKey(filename: string): string {
  return `${METADATA_PREFIX}${filename}.json`
}

export function markKey({ kind, type, filename }: Mark): string {
  return `${metadataKey(filename)}.${kind}-${type}`
}

/** What the keys begin with that say which backups there are, of one database or of all. */
export function metadataPrefix(database: string | undefined): string {
  return METADATA_PREFIX + namePrefix(database)
}

/** What the keys of stored files begin with. */
export function imagePrefix(type: string, database: string | undefined): string {
  return `${type}/${namePrefix(database)}`
}

/** Many databases may have a target in common: none has to list the others' backups. */
function namePrefix(database: string | undefined): string {
  return database === undefined ? '' : `${database}_backup_`
}

/** What a key below {@link metadataPrefix} is: a backup's metadata or a mark; null for anything else. */
export function parseMetadataKey(key: string): { readonly filename: string } | Mark | null {
  const match =
    /^metadata\/(?<filename>[^/]+)\.json(?:\.(?<kind>copying|deleting)-(?<type>[a-z][a-z0-9_]*))?$/.exec(key)
  const { filename, kind, type } = match?.groups ?? {}
  if (filename === undefined || !isBackupName(filename)) return null
  if (kind === undefined || type === undefined) return { filename }
  return isType(type) ? { kind: kind as MarkKind, type, filename } : null
}

/** The type and file name that a key says; null when it is no backup's. */
export function parseImageKey(key: string): { readonly type: string; readonly filename: string } | null {
  const [type = '', filename = '', ...rest] = key.split('/')
  return rest.length === 0 && isType(type) && isBackupName(filename) ? { type, filename } : null
}

/** What the keys of packs begin with. */
export const PACKS_PREFIX = 'blocks/'

/** The key of a pack, by its id. */
export function packKey(id: string): string {
  return `${PACKS_PREFIX}${id.slice(0, 2)}/${id}.pack`
}

/** The id of the pack that a key is of; null when it is no pack's. */
export function parsePackKey(key: string): string | null {
  const id = /^blocks\/[0-9a-f]{2}\/(?<id>[0-9a-f]{64})\.pack$/.exec(key)?.groups?.['id']
  return id !== undefined && packKey(id) === key ? id : null
}

/** What the keys of marks begin with that say which packs are being changed, and which of their pages stay. */
export const PACK_MARKS_PREFIX: string = `${PACKS_PREFIX}changing/`

/** What is put to find out whether packs can be replaced; never a mark. */
export const PACK_TRIAL_KEY: string = `${PACK_MARKS_PREFIX}trial`

/** @param id 16 hex digits that nobody else has */
export function packMarkKey(id: string): string {
  return `${PACK_MARKS_PREFIX}${id}`
}

export function isPackMarkKey(key: string): boolean {
  return key.startsWith(PACK_MARKS_PREFIX) && /^[0-9a-f]{16}$/.test(key.slice(PACK_MARKS_PREFIX.length))
}

/** What the keys of all that a check of a target puts begin with; its eight digits are the one check's own. */
export const CHECKS_PREFIX = 'chame-check-'

export function isCheckKey(key: string): boolean {
  return /^chame-check-[0-9a-f]{8}-/.test(key)
}

/**
 * Whether a key that is sent in parts can only be ours: that of a stored file, a pack, or what a check tries. A target
 * without a prefix may be a bucket that other programs use as well.
 */
export function isOurLargeKey(key: string): boolean {
  return parseImageKey(key) !== null || parsePackKey(key) !== null || isCheckKey(key)
}

/** What names a backup at a target for people: see `BackupInfo.path`. */
export function targetPath(
  target: string,
  image: { readonly type: string; readonly filename: string },
): string {
  return `${target}:${imageKey(image)}`
}
