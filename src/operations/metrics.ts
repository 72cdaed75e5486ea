import { constants, lstat, open } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import type { BackupInfo } from '../catalog/backup-info.ts'
import { isOf, listCatalog } from '../catalog/list.ts'
import { WorkDirectory } from '../catalog/work-directory.ts'
import type { Settings } from '../config/settings.ts'
import { BackupError, toFailure } from '../errors.ts'
import { assessDatabase } from '../metrics/assess.ts'
import type { DatabaseHealth, JobHealth } from '../metrics/health.ts'
import { PREFIX, renderMetrics } from '../metrics/render.ts'
import { readState } from '../schedule/state-file.ts'
import { judgeAll } from '../signing/signature.ts'
import { syncDirectory, writeNewFile } from '../storage/durable.ts'
import { during, isNotThere } from '../storage/io-errors.ts'
import { replaceFile } from '../storage/put-in-place.ts'
import { readUpTo } from '../storage/read-up-to.ts'
import { listStored } from './list-stored.ts'
import type { MetricsMade, MetricsRequest, UnreadableCatalog } from './monitoring-reports.ts'
import { openConfigured } from './open-configured.ts'
import { storeTotals } from './store-totals.ts'

/** The node exporter is another user. */
const DEFAULT_MODE = 0o644
/** What every file of ours begins with. */
const MARK = `# HELP ${PREFIX}`

/**
 * Reads the catalogs and renders their state. A catalog that cannot be read is part of the answer, and of the metrics. With
 * `output` a reader of that file sees the old metrics or the new, never a part.
 */
export async function makeMetrics(
  databases: readonly Settings[],
  request: MetricsRequest,
  { now, signal }: { now: () => Date; signal: AbortSignal },
): Promise<MetricsMade> {
  const { output, mode } = checked(request)
  // Several databases may have their backups in one directory: it is listed once.
  const directories = Map.groupBy(databases, ({ backupDir }) => backupDir)
  const at = now()
  const read = (
    await Promise.all([...directories].map(entry => readDirectory(...entry, { at, signal })))
  ).flat()
  const jobs = (await Promise.all([...directories].map(entry => readJobs(...entry)))).flat()
  const text = renderMetrics({ at, databases: read.map(({ health }) => health), jobs })
  const path = output === undefined ? null : resolve(output)
  if (path !== null) await replaceText(path, text, mode, signal)
  return { success: true, text, path, unreadable: read.flatMap(({ problem }) => problem ?? []) }
}

interface DatabaseRead<Read = DatabaseHealth> {
  readonly health: Read
  readonly problem: UnreadableCatalog | null
}

interface Look {
  readonly at: Date
  readonly signal: AbortSignal
}

async function readDirectory(
  backupDir: string,
  databases: readonly Settings[],
  look: Look,
): Promise<DatabaseRead[]> {
  const here = databases.filter(({ keepLocal }) => keepLocal)
  const everywhere = await Promise.all(
    databases
      .filter(({ keepLocal }) => !keepLocal)
      .map(settings => read([settings], look.at, () => listElsewhere(settings, look))),
  )
  const found = [...(await read(here, look.at, () => listCatalog(backupDir, {}))), ...everywhere.flat()]
  const [packs] = await Promise.allSettled([storeTotals(backupDir)])
  // Where they cannot be listed nothing is said of them: what is wrong there a backup says.
  const packBytes = packs.status === 'fulfilled' ? (packs.value?.sizeBytes ?? null) : null
  return found.map(({ health, problem }) => ({ health: { ...health, packBytes }, problem }))
}

/** Where nothing is kept in the backup directory. */
function listElsewhere(settings: Settings, { at, signal }: Look): Promise<readonly BackupInfo[]> {
  const context = {
    settings,
    signal,
    onProgress: () => {},
    now: () => at,
    openTarget: (name: string) => openConfigured(settings, name, process.env),
  }
  return listStored(undefined, { database: settings.name }, context)
}

async function read(
  databases: readonly Settings[],
  now: Date,
  list: () => Promise<readonly BackupInfo[]>,
): Promise<DatabaseRead<Omit<DatabaseHealth, 'packBytes'>>[]> {
  if (databases.length === 0) return []
  try {
    // They are of one configuration.
    const backups = await judgeAll(await list(), (databases[0] as Settings).signing.trusted)
    return databases.map(({ name }) => ({
      health: assessDatabase(name, backups.filter(isOf(name)), now),
      problem: null,
    }))
  } catch (error) {
    const { success: _, ...failure } = toFailure(error)
    return databases.map(({ name }) => ({
      health: assessDatabase(name, null, now),
      problem: { database: name, ...failure },
    }))
  }
}

/** The jobs as the scheduler last wrote them down; none where it never ran, or its state cannot be read. */
async function readJobs(backupDir: string, databases: readonly Settings[]): Promise<JobHealth[]> {
  const state = await readState(backupDir).catch(() => 'damaged' as const)
  if (state === 'missing' || state === 'damaged') return []
  const instant = (text: string | null): Date | null => (text === null ? null : new Date(text))
  return state.jobs
    .filter(({ database }) => databases.some(({ name }) => name === database))
    .map(({ database, job, lastRun, lastSuccessAt, failingSince, nextRunAt }) => ({
      database,
      job,
      lastRunAt: instant(lastRun?.startedAt ?? null),
      lastSuccessAt: instant(lastSuccessAt),
      failingSince: instant(failingSince),
      nextRunAt: instant(nextRunAt),
    }))
}

/** Killed before the rename, the next run removes the directory that the new file was made in. */
async function replaceText(path: string, text: string, mode: number, signal: AbortSignal): Promise<void> {
  await requireReplaceable(path)
  await using work = await WorkDirectory.open(dirname(path), signal)
  const file = work.file('metrics.prom')
  await writeNewFile(file, text, mode, { isDurable: true })
  await replaceFile(file, path)
  await syncDirectory(dirname(path), { isDurable: true })
}

/**
 * Only metrics are replaced, and an empty file: not the database that somebody names by mistake, nor `/dev/stdout`, which is
 * a link.
 */
async function requireReplaceable(path: string): Promise<void> {
  const isReplaceable = await during('read', path, async () => {
    try {
      if (!(await lstat(path)).isFile()) return false
      await using handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW)
      const head = await readUpTo(handle, MARK.length, 0)
      return head.length === 0 || head.toString('utf8') === MARK
    } catch (error) {
      if (isNotThere(error)) return true
      throw error
    }
  })
  if (isReplaceable) return
  throw new BackupError('TARGET_INVALID', `Metrics do not replace what is there: ${path}`, {
    hint: 'Give a path of its own, such as /var/lib/prometheus/node-exporter/chame_backup.prom, or remove the file yourself.',
    path,
  })
}

/** Callers may have no types. */
function checked(request: MetricsRequest): {
  output: string | undefined
  mode: number
} {
  const { output, mode = DEFAULT_MODE } = request
  if (output !== undefined && (typeof output !== 'string' || output === '' || output.includes('\0'))) {
    throw wrong('output', 'expected the path of a file')
  }
  if (!Number.isInteger(mode) || mode < 0 || mode > 0o777) throw wrong('mode', 'expected a file mode')
  if (request.mode !== undefined && output === undefined)
    throw wrong('mode', 'needs output, the file that it is for')
  return { output, mode }
}

function wrong(key: string, expected: string): BackupError {
  return new BackupError('INVALID_ARGUMENT', `Not a valid request to metrics: ${key}: ${expected}`, {
    hint: 'Correct the option named above; docs/api.md lists all of them.',
  })
}
