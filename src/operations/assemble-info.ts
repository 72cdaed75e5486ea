/** What is said of a database and of its backups once both are known. */
import type { BackupInfo } from '../catalog/backup-info.ts'
import { damagedCopies } from '../catalog/backup-of.ts'
import type { Encoding } from '../catalog/encodings.ts'
import { isTrusted } from '../catalog/good-backup.ts'
import { adviseOnKeys } from '../encoding/key-advice.ts'
import { findLastGood, isOverdue } from '../schedule/good-backup.ts'
import { readState } from '../schedule/state-file.ts'
import { freeBytes, nearestDirectory } from '../storage/durable.ts'
import type { Context } from './context.ts'
import type {
  DatabaseDescribed,
  DatabaseFacts,
  Info,
  InfoRequest,
  KnownCopies,
  ScheduleSummary,
  TypeTotals,
} from './reports.ts'
import { storeTotals } from './store-totals.ts'

const DAY_MS = 86_400_000

/**
 * The state of a database, its backups, and the space for the next one.
 *
 * @param backups those of this database in the backup directory, or at the target of the request; newest first
 */
export async function assembleInfo(
  request: InfoRequest,
  { database, databaseProblem }: Omit<DatabaseDescribed, 'success'>,
  backups: readonly BackupInfo[],
  { settings, now: clock }: Pick<Context, 'settings' | 'now'>,
): Promise<Info> {
  const newest = backups[0] ?? null
  const now = clock()
  const lastGood = findLastGood(backups, now)
  const lastGoodAt = lastGood === null ? null : new Date(lastGood.created)
  const free = await freeBytes(await nearestDirectory(settings.backupDir))
  const next =
    database === null ? (newest?.size ?? 0) : expectedBytes(database, backups, settings.storing.encoding)
  return {
    success: true,
    name: settings.name,
    databasePath: settings.path,
    database,
    databaseProblem,
    backupDir: settings.backupDir,
    target: request.target ?? null,
    targets: Object.keys(settings.targets).map(name => copiesAt(name, backups)),
    backups: {
      count: backups.length,
      sizeBytes: sum(backups),
      byType: totalsByType(backups),
      newest,
      newestAgeMs: newest === null ? null : ageOf(Date.parse(newest.created), now),
      growthBytesPerDay: growthPerDay(backups),
      lastDrill: findLastDrill(backups),
      lastGood,
      lastGoodAgeMs: lastGoodAt === null ? null : ageOf(lastGoodAt.getTime(), now),
      untrusted:
        settings.signing.trusted.length === 0 ? null : backups.filter(backup => !isTrusted(backup)).length,
    },
    store: await storeTotals(settings.backupDir),
    maxBackupAgeMs: settings.maxBackupAgeMs,
    isOverdue: isOverdue(lastGoodAt, settings.maxBackupAgeMs, now),
    warnings: adviseOnKeys(settings.storing),
    schedule: await readSchedule(settings),
    disk: { freeBytes: free, nextBackupBytes: next, fits: next === 0 ? 0 : Math.floor(free / next) },
  }
}

/** A database of this size, stored like the newest backup in the same encoding; as it is where there is none. */
function expectedBytes(
  { pageSize, pageCount }: DatabaseFacts,
  backups: readonly BackupInfo[],
  encoding: Encoding,
): number {
  const like = backups.find(backup => backup.encoding === encoding && (backup.metadata?.image_size ?? 0) > 0)
  const { file_size = 1, image_size = 1, added_bytes = file_size } = like?.metadata ?? {}
  return Math.ceil((pageSize * pageCount * added_bytes) / image_size)
}

/** Never older than nothing: a clock may have run ahead when it was made. */
function ageOf(createdMs: number, now: Date): number {
  return Math.max(0, now.getTime() - createdMs)
}

/** A state file that cannot be read says nothing; the scheduler rebuilds it. */
async function readSchedule(settings: Context['settings']): Promise<ScheduleSummary | null> {
  const state = await readState(settings.backupDir)
  if (state === 'missing' || state === 'damaged') return null
  const { updatedAt, scheduler, jobs } = state
  return { updatedAt, scheduler, jobs: jobs.filter(({ database }) => database === settings.name) }
}

/** By what was last noted: no target is asked. */
function copiesAt(target: string, backups: readonly BackupInfo[]): KnownCopies {
  const copied = backups.filter(backup => backup.target === target || backup.copies.includes(target))
  const verified = copied.flatMap(({ metadata }) => metadata?.copies?.[target]?.verified_at ?? [])
  return {
    target,
    count: copied.length,
    lacking: backups.length - copied.length,
    damaged: backups.filter(({ metadata }) => damagedCopies(metadata?.copies).includes(target)).length,
    verifiedAt: verified.toSorted().at(-1) ?? null,
    newest: copied[0]?.created ?? null,
  }
}

function totalsByType(backups: readonly BackupInfo[]): TypeTotals[] {
  const byType = Map.groupBy(backups, backup => backup.type)
  return [...byType]
    .map(([type, list]) => ({
      type,
      count: list.length,
      sizeBytes: sum(list),
      newest: (list[0] as BackupInfo).created,
    }))
    .toSorted((a, b) => (a.type < b.type ? -1 : 1))
}

/** Between the oldest and the newest backup that say how large their image was, at least an hour apart. */
function growthPerDay(backups: readonly BackupInfo[]): number | null {
  const sized = backups.flatMap(({ created, metadata }) =>
    metadata?.image_size === undefined ? [] : [{ at: Date.parse(created), bytes: metadata.image_size }],
  )
  const [newest, oldest] = [sized[0], sized.at(-1)]
  if (newest === undefined || oldest === undefined) return null
  const days = (newest.at - oldest.at) / DAY_MS
  if (days < 1 / 24) return null
  return Math.round((newest.bytes - oldest.bytes) / days)
}

function findLastDrill(backups: readonly BackupInfo[]): Info['backups']['lastDrill'] {
  const drilled = backups.flatMap(({ filename, metadata }) =>
    metadata?.last_drill === undefined ? [] : [{ filename, ...metadata.last_drill }],
  )
  return drilled.toSorted((a, b) => Date.parse(b.at) - Date.parse(a.at))[0] ?? null
}

function sum(backups: readonly BackupInfo[]): number {
  return backups.reduce((total, { size }) => total + size, 0)
}
