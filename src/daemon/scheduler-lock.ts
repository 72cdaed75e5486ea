/**
 * One scheduler a backup directory: a SQLite lock on an empty file, which the kernel releases when its
 * process dies. Who holds it says the state file, which the holder alone writes.
 */
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { CatalogLock } from '../catalog/lock.ts'
import { BackupError } from '../errors.ts'
import { readState } from '../schedule/state-file.ts'
import type { SchedulerHolder } from '../schedule/state.ts'
import { isThere } from '../storage/durable.ts'

const LOCK_FILE = '.chame-backup-scheduler.lock'
/** Somebody who only asks whether it is held holds it for an instant. */
const TRIES = 10
const RETRY_MS = 50

export class SchedulerLock implements Disposable {
  readonly #lock: CatalogLock

  private constructor(lock: CatalogLock) {
    this.#lock = lock
  }

  /** Throws `SCHEDULER_LOCKED`, which says who holds it. */
  static async acquire(backupDir: string): Promise<SchedulerLock> {
    for (let attempt = 1; ; attempt++) {
      const lock = CatalogLock.tryAcquire(join(backupDir, LOCK_FILE))
      if (lock !== null) return new SchedulerLock(lock)
      if (attempt === TRIES) throw await locked(backupDir)
      await sleep(RETRY_MS)
    }
  }

  [Symbol.dispose](): void {
    this.#lock[Symbol.dispose]()
  }
}

/** Whether a scheduler is at work there. */
export async function isSchedulerRunning(backupDir: string): Promise<boolean> {
  const path = join(backupDir, LOCK_FILE)
  if (!(await isThere(path))) return false
  const lock = CatalogLock.tryAcquire(path)
  lock?.[Symbol.dispose]()
  return lock === null
}

async function locked(backupDir: string): Promise<BackupError> {
  const state = await readState(backupDir)
  const who = state === 'missing' || state === 'damaged' ? 'another process' : describe(state.scheduler)
  return new BackupError(
    'SCHEDULER_LOCKED',
    `A scheduler is at work in this backup directory already: ${backupDir}, held by ${who}`,
    {
      hint: 'One is enough. Stop that one first, or run a single operation with chame-backup create, which needs no scheduler.',
      path: backupDir,
    },
  )
}

function describe({ pid, host, startedAt }: SchedulerHolder): string {
  return `process ${pid} on ${host} since ${startedAt}`
}
