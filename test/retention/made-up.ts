/** Backups that nobody made, as the catalog would list them, and as files of a backup directory. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Metadata } from '../../src/index.ts'
import { backupFilename, localTime } from '../../src/catalog/names.ts'
import { decideRetention } from '../../src/retention/decide.ts'
import type { RetentionPolicy } from '../../src/retention/policy.ts'
import type { RetentionDecision } from '../../src/retention/reasons.ts'
import type { Candidate } from '../../src/retention/standing.ts'

export interface Form {
  readonly type?: string
  readonly database?: string
  readonly size?: number
  /** Whether it was checked when it was made. Default true. */
  readonly isGood?: boolean
  readonly pinned?: Metadata['pinned']
  /** The how many-th backup of its second. */
  readonly count?: number
  readonly timeZone?: string
  /** Further keys of its metadata. */
  readonly metadata?: Partial<Metadata>
}

/** @param created UTC, such as "2025-06-27T02:00:00Z" */
export function madeUp(created: string, form: Form = {}): Candidate {
  const { type = 'daily', database = 'app', size = 100, isGood = true, count = 1, timeZone = 'UTC' } = form
  const at = new Date(created)
  const time = localTime(at, timeZone)
  const metadata: Metadata = {
    timestamp: time.timestamp,
    backup_type: type,
    database_version: '0',
    file_size: size,
    checksum: '0'.repeat(64),
    description: '',
    created_by: 'test',
    created_at: at.toISOString(),
    database,
    verified_at: isGood ? at.toISOString() : null,
    ...(form.pinned === undefined ? {} : { pinned: form.pinned }),
    ...form.metadata,
  }
  return {
    filename: backupFilename(database, type, time, count),
    type,
    database,
    created: at.toISOString(),
    size,
    pinned: form.pinned ?? null,
    signature: null,
    metadataState: 'ok',
    metadata,
  }
}

/** One a day at the given hour (UTC), the newest on `last`, "2025-06-27". */
export function daily(last: string, count: number, form: Form = {}, hour = '02'): Candidate[] {
  return Array.from({ length: count }, (_, back) => {
    const day = new Date(Date.parse(last) - back * 86_400_000).toISOString().slice(0, 10)
    return madeUp(`${day}T${hour}:00:00Z`, form)
  })
}

export interface Asked {
  readonly policy: RetentionPolicy
  /** Default: a minute after the newest backup. */
  readonly now?: string
  readonly timeZone?: string
}

export function decide(
  backups: readonly Candidate[],
  { policy, now, timeZone = 'UTC' }: Asked,
): RetentionDecision[] {
  const newest = Math.max(...backups.map(({ created }) => Date.parse(created)))
  return decideRetention(backups, policy, new Date(now ?? newest + 60_000), timeZone)
}

/** When the backups were made that a policy keeps, newest first: "2025-06-27T02:00". */
export function kept(backups: readonly Candidate[], asked: Asked): string[] {
  return decide(backups, asked)
    .filter(({ keptBy }) => keptBy.length > 0)
    .map(({ backup }) => backup.created.slice(0, 'YYYY-MM-DDTHH:MM'.length))
}

/** Puts files and metadata into a backup directory; the images are no databases. */
export function store(backupDir: string, backups: readonly Candidate[]): void {
  for (const directory of new Set(['metadata', ...backups.map(({ type }) => type)])) {
    mkdirSync(join(backupDir, directory), { recursive: true, mode: 0o700 })
  }
  for (const { filename, type, size, metadata } of backups) {
    writeFileSync(join(backupDir, type, filename), 'x'.repeat(size))
    if (metadata === null) continue
    writeFileSync(join(backupDir, 'metadata', `${filename}.json`), JSON.stringify(metadata))
  }
}
