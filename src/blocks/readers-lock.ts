/**
 * Readers of packs and their clean-up keep out of each other's way: any number of readers at once, or one clean-up.
 * Like the catalog's lock it is one of SQLite's on an empty file, which the kernel releases with its process.
 */
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { CatalogLock, type LockOptions } from '../catalog/lock.ts'
import { BackupError, throwIfCancelled } from '../errors.ts'
import { isThere } from '../storage/durable.ts'
import { blocksDirectory } from '../catalog/layout.ts'
import { type BlockStore } from './store.ts'

const RETRY_MS = 20
type Directory = Pick<BlockStore, 'backupDir'>

/** Held until it is disposed of. */
export type HeldLock = Disposable

/**
 * Keeps packs from being removed while they are read. Throws `CATALOG_LOCKED` when a clean-up holds them for longer
 * than `waitMs`. In a directory that cannot be written nobody else is kept off: no clean-up can run there as this user.
 */
export async function lockForReading(store: Directory, options: LockOptions): Promise<HeldLock> {
  const path = lockPath(store)
  if (!(await isThere(blocksDirectory(store.backupDir)))) return nothingHeld
  try {
    const lock = await waitFor(() => CatalogLock.tryShare(path), options)
    if (lock !== null) return lock
  } catch (error) {
    if (error instanceof BackupError && UNWRITABLE.has(error.code)) return nothingHeld
    throw error
  }
  throw new BackupError(
    'CATALOG_LOCKED',
    `A clean-up is at work on the packs in this backup directory: ${store.backupDir}`,
    {
      hint: 'Let it finish and try again, or raise waitForLockMs.',
      path: store.backupDir,
    },
  )
}

/** Keeps readers off while packs are removed; null when somebody is still reading after `waitMs`. */
export function lockForCollecting(store: Directory, options: LockOptions): Promise<HeldLock | null> {
  return waitFor(() => CatalogLock.tryAcquire(lockPath(store)), options)
}

const UNWRITABLE: ReadonlySet<string> = new Set(['PERMISSION_DENIED', 'READ_ONLY'])
const nothingHeld: HeldLock = { [Symbol.dispose]: () => {} }

async function waitFor(
  tryLock: () => CatalogLock | null,
  { waitMs, signal }: LockOptions,
): Promise<CatalogLock | null> {
  const deadline = performance.now() + waitMs
  for (;;) {
    const lock = tryLock()
    if (lock !== null || performance.now() > deadline) return lock
    await sleep(RETRY_MS)
    throwIfCancelled(signal)
  }
}

function lockPath(store: Directory): string {
  return join(blocksDirectory(store.backupDir), '.readers.lock')
}
