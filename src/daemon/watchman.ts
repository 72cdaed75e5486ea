import type { BackupInfo } from '../catalog/backup-info.ts'
import { listCatalog, newestFirst } from '../catalog/list.ts'
import { toFailure } from '../errors.ts'
import { findLastGood, isOverdue } from '../schedule/good-backup.ts'
import { judgeAll } from '../signing/signature.ts'
import type { SchedulerLog } from './log-entry.ts'
import type { RunningPorts } from './ports.ts'
import type { StateBook } from './state-book.ts'
import type { Task } from './task.ts'

/** How often those are told again who were told that there is no good backup. */
const REMIND_MS = 86_400_000

/** Sees that every database has a good backup that is not too old, whoever made it. */
export class Watchman {
  readonly #book: StateBook
  readonly #ports: RunningPorts
  readonly #log: SchedulerLog
  readonly #backupDir: string

  constructor(backupDir: string, book: StateBook, ports: RunningPorts, log: SchedulerLog) {
    this.#backupDir = backupDir
    this.#book = book
    this.#ports = ports
    this.#log = log
  }

  /** Looks at each database's backups, notes the newest good one, and raises the alarm where it is too old. */
  async look(tasks: readonly Task[]): Promise<void> {
    // All of the directory at once: thousands of databases may share it.
    let here: Promise<readonly BackupInfo[]> | null = null
    let byDatabase: Map<string | null, BackupInfo[]> | null = null
    for (const task of oneOfEach(tasks)) {
      const { name, keepLocal, signing } = task.settings
      await this.#lookAt(task, async () => {
        if (!keepLocal) return await task.database.listBackups()
        byDatabase ??= Map.groupBy(await (here ??= this.#list(signing.trusted)), ({ database }) => database)
        const [ours = [], nobodys = []] = [byDatabase.get(name), byDatabase.get(null)]
        return nobodys.length === 0 ? ours : [...ours, ...nobodys].toSorted(newestFirst)
      })
    }
  }

  /** The next instant at which a database that is fine now is so no longer; null when there is no limit. */
  overdueAt(tasks: readonly Task[]): Date | null {
    let first = Infinity
    for (const { settings } of oneOfEach(tasks)) {
      const { lastGoodAt, maxBackupAgeMs, isOverdue: isAlready } = this.#book.databaseOf(settings.name)
      if (lastGoodAt === null || maxBackupAgeMs === null || isAlready) continue
      first = Math.min(first, Date.parse(lastGoodAt) + maxBackupAgeMs + 1)
    }
    return first === Infinity ? null : new Date(first)
  }

  async #list(trusted: readonly string[]): Promise<readonly BackupInfo[]> {
    return judgeAll(await listCatalog(this.#backupDir, {}), trusted)
  }

  async #lookAt(task: Task, list: () => Promise<readonly BackupInfo[]>): Promise<void> {
    try {
      this.#note(task, await list())
    } catch (error) {
      const { code, message } = toFailure(error)
      this.#log({
        level: 'error',
        event: 'trouble',
        message: `The backups of ${task.settings.name} could not be listed: ${message}`,
        fields: { database: task.settings.name, code },
      })
    }
  }

  #note({ settings: { name, maxBackupAgeMs } }: Task, backups: readonly BackupInfo[]): void {
    const now = this.#ports.clock.now()
    const lastGood = findLastGood(backups, now)
    const lastGoodAt = lastGood === null ? null : new Date(lastGood.created)
    const overdue = isOverdue(lastGoodAt, maxBackupAgeMs, now)
    const { overdueToldAt, isOverdue: wasOverdue } = this.#book.databaseOf(name)
    const isToBeTold = overdue && (overdueToldAt === null || !isWithin(REMIND_MS, overdueToldAt, now))
    this.#book.updateDatabase(name, {
      lastGoodAt: lastGoodAt?.toISOString() ?? null,
      isOverdue: overdue,
      overdueToldAt: overdue ? (isToBeTold ? now.toISOString() : overdueToldAt) : null,
    })
    if (wasOverdue && !overdue) {
      this.#log({
        level: 'info',
        event: 'no-longer-overdue',
        message: `${name} has a good backup again`,
        fields: { database: name, lastGoodAt: lastGoodAt?.toISOString() ?? null },
      })
    }
    if (isToBeTold) this.#raise(name, lastGoodAt, maxBackupAgeMs ?? 0, now)
  }

  #raise(database: string, lastGoodAt: Date | null, maxAgeMs: number, at: Date): void {
    const maxAgeHours = maxAgeMs / 3_600_000
    const since = lastGoodAt === null ? 'at all' : `since ${lastGoodAt.toISOString()}`
    this.#log({
      level: 'error',
      event: 'overdue',
      message: `${database} has had no good backup ${since}; there should be one every ${Math.round(maxAgeHours * 100) / 100} hours`,
      fields: { database, lastGoodAt: lastGoodAt?.toISOString() ?? null, maxAgeHours },
    })
    void this.#ports.notify({ kind: 'overdue', database, at, lastGoodAt, maxAgeHours })
  }
}

function oneOfEach(tasks: readonly Task[]): Task[] {
  return [...new Map(tasks.map(task => [task.settings.name, task])).values()]
}

/** A time in the future counts as long ago: a wrong clock wrote it. */
function isWithin(ms: number, instant: string, now: Date): boolean {
  const age = now.getTime() - Date.parse(instant)
  return age >= 0 && age < ms
}
