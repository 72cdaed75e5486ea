/**
 * File names of backups: `<name>_backup_<type>_<YYYYMMDD>_<HHMMSS>[_n].db[.zst[.age]|.blocks]`.
 * A name is never a path: what comes from outside must match this grammar.
 */
import { type Encoding, SUFFIXES } from './encodings.ts'

/** The type of the backups that a restore makes of what it is about to overwrite. */
export const PRE_RESTORE = 'pre_restore'

export const BUILT_IN_TYPES: readonly string[] = ['manual', 'daily', 'weekly', PRE_RESTORE]

/** Directories of the backup directory that hold something other than a type's backups. */
export const RESERVED_DIRECTORIES: readonly string[] = ['metadata', 'exports', 'blocks', 'targets', 'server']

/** No file system has longer names. */
const NAME_BYTES_MAX = 255

const TYPE = /^[a-z][a-z0-9_]{0,31}$/
const DATABASE_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/
const BACKUP_NAME =
  /^(?<name>.+)_backup_(?<type>[a-z][a-z0-9_]*?)_(?<date>\d{8})_(?<time>\d{6})(?:_(?<count>\d+))?$/
const FILE = /^(?<stem>[^/\\\0]+?)(?<suffix>\.db|\.db\.zst|\.db\.zst\.age|\.db\.blocks)$/

const ENCODING_OF_SUFFIX: ReadonlyMap<string, Encoding> = new Map(
  Object.entries(SUFFIXES).map(([encoding, suffix]) => [suffix, encoding as Encoding]),
)

export interface ParsedFilename {
  readonly encoding: Encoding
  /** Null when the stem is not of our grammar: a file copied in by hand. */
  readonly database: string | null
  readonly type: string | null
}

export function isType(text: string): boolean {
  return TYPE.test(text) && !RESERVED_DIRECTORIES.includes(text)
}

/** Whether a file name with this type can be told apart from one of a database `x_backup_y`. */
export function isTypeToWrite(text: string): boolean {
  return isType(text) && !text.includes('_backup_')
}

export function isDatabaseName(text: string): boolean {
  return DATABASE_NAME.test(text)
}

/** What a file name says; null for a file that is no backup (a temp file, a `.damaged` image, a side file). */
export function parseFilename(filename: string): ParsedFilename | null {
  if (filename.startsWith('.')) return null
  const file = FILE.exec(filename)?.groups
  const encoding = ENCODING_OF_SUFFIX.get(file?.['suffix'] ?? '')
  if (file === undefined || encoding === undefined) return null
  const name = BACKUP_NAME.exec(file['stem'] as string)?.groups
  return { encoding, database: name?.['name'] ?? null, type: name?.['type'] ?? null }
}

/** Whether a backup can have the name, which that of its metadata is made of. */
export function isBackupName(filename: string): boolean {
  return isPossible(`${filename}.json`) && parseFilename(filename) !== null
}

/** Whether a file can have the name: a file system fails to look for a longer one, in place of not finding it. */
export function isPossible(name: string): boolean {
  return Buffer.byteLength(name) <= NAME_BYTES_MAX
}

/**
 * The name of a database that the configuration does not name: its file's stem, with what does not
 * belong in a file name replaced.
 */
export function nameOfPath(path: string): string {
  const base = path.split(/[/\\]/).at(-1) as string
  const stem = base.replace(/\.(db|sqlite|sqlite3|db3)$/i, '')
  const name = stem
    .replaceAll(/[^A-Za-z0-9._-]/g, '_')
    .replace(/^[^A-Za-z0-9]+/, '')
    .slice(0, 64)
  return name === '' ? 'database' : name
}

/** A local date and time in a time zone, as file names and metadata write it. */
export interface LocalTime {
  /** "20250627_143022" */
  readonly compact: string
  /** "2025-06-27T14:30:22" */
  readonly timestamp: string
}

/** @param timeZone IANA name; undefined means the system's. */
export function localTime(instant: Date, timeZone: string | undefined): LocalTime {
  const format = formatIn(timeZone)
  const parts = new Map(format.formatToParts(instant).map(part => [part.type, part.value]))
  const get = (type: Intl.DateTimeFormatPartTypes): string => parts.get(type) as string
  const date = [get('year').padStart(4, '0'), get('month'), get('day')]
  const time = [get('hour'), get('minute'), get('second')]
  return { compact: `${date.join('')}_${time.join('')}`, timestamp: `${date.join('-')}T${time.join(':')}` }
}

/** Making one takes as long as a tenth of a small backup. By time zone; the system's is what it was when it was asked for. */
const formats = new Map<string, Intl.DateTimeFormat>()

function formatIn(timeZone: string | undefined): Intl.DateTimeFormat {
  const key = timeZone ?? `system ${process.env['TZ']}`
  const known = formats.get(key)
  if (known !== undefined) return known
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone,
    calendar: 'gregory',
    numberingSystem: 'latn',
    hourCycle: 'h23',
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
  })
  formats.set(key, format)
  return format
}

/** The file name of a new backup; `attempt` 1 has no number, a second one in the same second gets `_2`. */
export function backupFilename(
  database: string,
  type: string,
  time: LocalTime,
  attempt: number,
  encoding: Encoding = 'plain',
): string {
  const count = attempt === 1 ? '' : `_${attempt}`
  return `${database}_backup_${type}_${time.compact}${count}${SUFFIXES[encoding]}`
}

/** The name that the same backup has in another encoding. */
export function filenameIn(encoding: Encoding, filename: string): string {
  const stem = FILE.exec(filename)?.groups?.['stem'] ?? filename
  return `${stem}${SUFFIXES[encoding]}`
}

/** Which of the backups of one second a file name says that it is: 1 without a number. */
export function countOf(filename: string): number {
  return Number(/_\d{8}_\d{6}_(\d+)\.db/.exec(filename)?.[1] ?? 1)
}

export function isTimeZone(text: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: text })
    return true
  } catch {
    return false
  }
}
