/** The list of backups, filtered, sorted and cut into pages. Pure. */
import type { BackupInfo } from '../index.ts'
import { Refusal } from './problems.ts'

export interface PageQuery {
  /** Types with commas between them. */
  readonly type?: string | undefined
  readonly q?: string | undefined
  readonly state?: 'verified' | 'unverified' | 'damaged' | 'pinned' | 'no-metadata' | undefined
  readonly from?: string | undefined
  readonly to?: string | undefined
  readonly sort: 'created' | 'size' | 'type' | 'filename'
  readonly order: 'asc' | 'desc'
  readonly limit: number
  readonly cursor?: string | undefined
}

export interface Page {
  backups: BackupInfo[]
  total: number
  sizeBytes: number
  nextCursor: string | null
}

/** A cursor names the last backup of a page, so that what is made or deleted meanwhile shifts nothing. */
export function pageOf(all: readonly BackupInfo[], query: PageQuery): Page {
  const wanted = all.filter(matcher(query))
  const compare = comparison(query)
  const sorted = wanted.toSorted(compare)
  const after = query.cursor === undefined ? null : parseCursor(query.cursor)
  const start =
    after === null ? 0 : sorted.findIndex(backup => compareKeys(keyOf(backup, query), after, query) > 0)
  const backups = start === -1 ? [] : sorted.slice(start, start + query.limit)
  const last = backups.at(-1)
  const hasMore = start !== -1 && start + query.limit < sorted.length
  return {
    backups,
    total: wanted.length,
    sizeBytes: wanted.reduce((sum, { size }) => sum + size, 0),
    nextCursor: hasMore && last !== undefined ? printCursor(keyOf(last, query)) : null,
  }
}

function matcher({ type, q, state, from, to }: PageQuery): (backup: BackupInfo) => boolean {
  const types = type === undefined ? null : new Set(type.split(','))
  const text = q === undefined || q === '' ? null : q.toLowerCase()
  const [first, end] = [from, to].map(each => (each === undefined ? null : Date.parse(each)))
  return backup => {
    if (types !== null && !types.has(backup.type)) return false
    if (text !== null && ![backup.filename, backup.description, backup.createdBy].some(has(text)))
      return false
    if (state !== undefined && !isIn(state, backup)) return false
    const created = Date.parse(backup.created)
    return (
      (first === null || first === undefined || created >= first) &&
      (end === null || end === undefined || created < end)
    )
  }
}

function has(text: string): (value: string | null) => boolean {
  return value => value !== null && value.toLowerCase().includes(text)
}

function isIn(
  state: NonNullable<PageQuery['state']>,
  { metadata, metadataState, pinned }: BackupInfo,
): boolean {
  if (state === 'pinned') return pinned !== null
  if (state === 'no-metadata') return metadataState !== 'ok'
  if (state === 'damaged') return metadata?.damaged_at !== undefined
  const isVerified = typeof metadata?.verified_at === 'string'
  return state === 'verified' ? isVerified : !isVerified
}

/** What a backup is sorted by, and its name, which no other of its kind has. */
type Key = readonly [value: string | number, filename: string]

function keyOf(backup: BackupInfo, { sort }: PageQuery): Key {
  return [backup[sort], backup.filename]
}

function comparison(query: PageQuery): (a: BackupInfo, b: BackupInfo) => number {
  return (a, b) => compareKeys(keyOf(a, query), keyOf(b, query), query)
}

function compareKeys(a: Key, b: Key, { order }: PageQuery): number {
  const difference = compareValues(a[0], b[0]) || compareValues(a[1], b[1])
  return order === 'asc' ? difference : -difference
}

function compareValues(a: string | number, b: string | number): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function printCursor(key: Key): string {
  return Buffer.from(JSON.stringify(key)).toString('base64url')
}

function parseCursor(text: string): Key {
  try {
    const value: unknown = JSON.parse(Buffer.from(text, 'base64url').toString())
    if (Array.isArray(value) && value.length === 2 && typeof value[1] === 'string') {
      const [first, filename] = value as [unknown, string]
      if (typeof first === 'string' || typeof first === 'number') return [first, filename]
    }
  } catch {
    // Said below.
  }
  throw new Refusal('REQUEST_INVALID', 'This cursor is of no answer of ours', {
    hint: 'Begin with the first page, without a cursor.',
  })
}
