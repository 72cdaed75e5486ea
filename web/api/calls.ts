/** Every route that the console uses, once; those behind Settings are in settings-calls.ts. */
import { parseName } from './backup-name.ts'
import { get, post, put, keepCsrfToken, type Query, remove, upload, url } from './http.ts'
import { Problem } from './problem.ts'
import type {
  AuditLogRead,
  AuditLogVerified,
  BackupAdded,
  BackupDeleted,
  BackupInfo,
  BackupPage,
  BackupPinned,
  BackupQueried,
  BackupLookedInside,
  CleanupPlanned,
  DatabaseSummary,
  DatabaseView,
  DayView,
  Job,
  JobOf,
  RetentionPolicy,
  RetentionSimulated,
  RetentionView,
  RowsRead,
  ScheduleEdit,
  ScheduleView,
  Session,
  StoredExport,
  ExportRequest,
} from './types.ts'

/** The session of this browser; null when nobody is logged in. */
export async function findSession(): Promise<Session | null> {
  try {
    return keep(await get<Session>(url(['session'])))
  } catch (error) {
    if (error instanceof Problem && error.status === 401) return null
    throw error
  }
}

export async function logIn(
  credential: { readonly token: string } | { readonly link: string },
): Promise<Session> {
  return keep(await post<Session>(url(['session']), credential))
}

export async function logOut(): Promise<void> {
  await remove(url(['session']))
  keepCsrfToken(null)
}

function keep(session: Session): Session {
  keepCsrfToken(session.csrfToken)
  return session
}

export async function listDatabases(signal?: AbortSignal): Promise<readonly DatabaseSummary[]> {
  return (await get<{ readonly databases: readonly DatabaseSummary[] }>(url(['databases']), signal)).databases
}

export async function getDatabase(database: string, signal?: AbortSignal): Promise<DatabaseView> {
  return get(url(['databases', database]), signal)
}

export async function getHistory(database: string, signal?: AbortSignal): Promise<readonly DayView[]> {
  return (await get<{ readonly days: readonly DayView[] }>(url(['databases', database, 'history']), signal))
    .days
}

export interface BackupFilter {
  /** Those at this target; empty: where they are by default. */
  readonly target?: string
  readonly type?: string
  readonly q?: string
  readonly state?: string
  readonly sort?: string
  readonly order?: 'asc' | 'desc'
  readonly limit?: number
  readonly cursor?: string | null
}

export async function listBackups(
  database: string,
  filter: BackupFilter,
  signal?: AbortSignal,
): Promise<BackupPage> {
  return get(url(['databases', database, 'backups'], { ...filter }), signal)
}

export async function getBackup(database: string, backup: string, signal?: AbortSignal): Promise<BackupInfo> {
  return get(backupUrl(database, backup), signal)
}

/** Where the stored file itself is downloaded. */
export function contentUrl(database: string, backup: string): string {
  return backupUrl(database, backup, ['content'])
}

/** Where the plain database in it is. */
export function databaseContentUrl(database: string, backup: string): string {
  return backupUrl(database, backup, ['content'], { form: 'database' })
}

export async function createBackup(database: string, description: string): Promise<JobOf<'create'>> {
  return post(url(['databases', database, 'backups']), description === '' ? {} : { description })
}

export async function uploadBackup(
  database: string,
  file: File,
  description: string,
  options: { readonly onSent: (share: number) => void; readonly signal: AbortSignal },
): Promise<BackupAdded> {
  const address = url(['databases', database, 'backups', 'upload'], { description })
  return upload(address, file, options)
}

export async function verifyBackup(database: string, backup: string): Promise<JobOf<'verify'>> {
  return post(backupUrl(database, backup, ['verify']))
}

export async function drillBackup(database: string, backup: string): Promise<JobOf<'drill'>> {
  return post(backupUrl(database, backup, ['drill']))
}

export async function pinBackup(database: string, backup: string, reason: string): Promise<BackupPinned> {
  return put(backupUrl(database, backup, ['pin']), { reason })
}

export async function unpinBackup(database: string, backup: string): Promise<BackupPinned> {
  return remove(backupUrl(database, backup, ['pin']))
}

export async function deleteBackup(
  database: string,
  backup: string,
  { force }: { readonly force: boolean },
): Promise<BackupDeleted> {
  const confirm = parseName(backup).filename
  return remove(backupUrl(database, backup, [], { confirm, ...(force ? { force } : {}) }))
}

/** What an admin may let pass: a backup without a signature, though signatures are demanded. */
export interface Trust {
  readonly acceptUnsigned: boolean
}

export async function planRestore(
  database: string,
  backup: string,
  { acceptUnsigned }: Trust,
): Promise<JobOf<'restore-plan'>> {
  return post(backupUrl(database, backup, ['restore-plan']), acceptUnsigned ? { acceptUnsigned } : {})
}

/** @param confirm the name of the database, as somebody typed it */
export async function restoreBackup(
  database: string,
  backup: string,
  { acceptUnsigned, ...request }: Trust & { readonly plan: string; readonly confirm: string },
): Promise<JobOf<'restore'>> {
  const accepting = acceptUnsigned ? { acceptUnsigned } : {}
  return post(backupUrl(database, backup, ['restore']), { ...request, ...accepting })
}

export async function lookInside(
  database: string,
  backup: string,
  signal?: AbortSignal,
): Promise<BackupLookedInside> {
  return get(backupUrl(database, backup, ['tables']), signal)
}

export interface RowsWanted {
  readonly search: string
  readonly offset: number
  readonly limit: number
  readonly orderBy: string | null
  readonly descending: boolean
  /** Show sensitive columns as they are. */
  readonly reveal: boolean
}

export async function readRows(
  database: string,
  { backup, table }: { readonly backup: string; readonly table: string },
  wanted: RowsWanted,
  signal?: AbortSignal,
): Promise<RowsRead> {
  const { reveal, descending, ...rest } = wanted
  const query = { ...rest, ...(descending ? { order: 'desc' } : {}), ...(reveal ? { reveal } : {}) }
  return get(backupUrl(database, backup, ['tables', table, 'rows'], query), signal)
}

export async function queryBackup(
  database: string,
  backup: string,
  request: { readonly sql: string; readonly reveal: boolean },
): Promise<BackupQueried> {
  return post(backupUrl(database, backup, ['query']), request)
}

export interface ComparisonWanted {
  /** Backups by their names; null: the live database. */
  readonly from: string | null
  readonly to: string
  readonly table?: string
  readonly offset?: number
  readonly limit?: number
  readonly reveal?: boolean
}

/** What it takes to come from `from` to `to`. */
export async function compareBackups(database: string, wanted: ComparisonWanted): Promise<JobOf<'compare'>> {
  const { from, to, ...rest } = wanted
  const [left, right] = [from === null ? null : parseName(from), parseName(to)]
  return post(url(['databases', database, 'compare']), {
    ...rest,
    from: left === null ? null : left.filename,
    ...(left === null || left.target === null ? {} : { fromTarget: left.target }),
    to: right.filename,
    ...(right.target === null ? {} : { target: right.target }),
  })
}

export async function listExports(database: string, signal?: AbortSignal): Promise<readonly StoredExport[]> {
  const address = url(['databases', database, 'exports'])
  return (await get<{ readonly exports: readonly StoredExport[] }>(address, signal)).exports
}

export async function exportData(
  database: string,
  { from, ...request }: ExportRequest,
): Promise<JobOf<'export'>> {
  const source = from === undefined ? null : parseName(from)
  return post(url(['databases', database, 'exports']), {
    ...request,
    ...(source === null ? {} : { from: source.filename }),
    ...(source === null || source.target === null ? {} : { target: source.target }),
  })
}

export function exportUrl(database: string, name: string): string {
  return url(['databases', database, 'exports', name, 'content'])
}

export async function deleteExport(database: string, name: string): Promise<void> {
  await remove(url(['databases', database, 'exports', name]))
}

export async function scanSensitive(database: string): Promise<JobOf<'scan'>> {
  return post(url(['databases', database, 'scan']))
}

export async function getRetention(database: string, signal?: AbortSignal): Promise<RetentionView> {
  return get(url(['databases', database, 'retention']), signal)
}

/**
 * @param plan of {@link planCleanup} with this policy: what it would delete was looked at
 * @param version of the configuration, as it was when the policy was begun to be changed
 */
export async function saveRetention(
  database: string,
  request: { readonly policy: RetentionPolicy; readonly plan: string; readonly version: string },
): Promise<RetentionView> {
  return put(url(['databases', database, 'retention']), request)
}

export async function simulateRetention(
  database: string,
  request: { readonly policy: RetentionPolicy; readonly span: string; readonly ahead: boolean },
): Promise<RetentionSimulated> {
  return post(url(['databases', database, 'retention', 'simulate']), request)
}

/** @param policy null: the one that holds, whose plan can be run; that of another lets it be saved */
export async function planCleanup(database: string, policy: RetentionPolicy | null): Promise<CleanupPlanned> {
  return post(url(['databases', database, 'cleanup-plan']), policy === null ? {} : { policy })
}

export async function cleanUp(database: string, plan: string): Promise<JobOf<'cleanup'>> {
  return post(url(['databases', database, 'cleanup']), { plan })
}

export async function getSchedule(signal?: AbortSignal): Promise<ScheduleView> {
  return get(url(['schedule']), signal)
}

/** @param version of the configuration that it is an edit of */
export async function saveSchedule(edit: ScheduleEdit & { readonly version: string }): Promise<ScheduleView> {
  return put(url(['schedule']), edit)
}

export async function runScheduled(job: string): Promise<JobOf<'run-scheduled'>> {
  return post(url(['schedule', 'jobs', job, 'run']))
}

/** Each backup directory has a log of its own, which is named by a database in it. */
export async function readAudit(
  database: string,
  page: { readonly before: number | null; readonly limit: number },
  signal?: AbortSignal,
): Promise<AuditLogRead> {
  return get(url(['audit'], { database, ...page }), signal)
}

export async function verifyAudit(database: string): Promise<AuditLogVerified> {
  return get(url(['audit', 'verify'], { database }))
}

/** Compares the log with what all targets know of it. */
export async function compareAudit(database: string): Promise<JobOf<'verify-audit'>> {
  return post(url(['audit', 'verify']), { database })
}

export async function getJob(id: string, signal: AbortSignal): Promise<Job> {
  return get(url(['jobs', id]), signal)
}

export async function cancelJob(id: string): Promise<void> {
  await post(url(['jobs', id, 'cancel']))
}

export function jobEventsUrl(id: string): string {
  return url(['jobs', id, 'events'])
}

/** @param backup by its name: see backup-name.ts */
function backupUrl(
  database: string,
  backup: string,
  rest: readonly string[] = [],
  query: Query = {},
): string {
  const { filename, target } = parseName(backup)
  return url(['databases', database, 'backups', filename, ...rest], { ...query, target })
}
