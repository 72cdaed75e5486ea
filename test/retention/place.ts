/** A backup directory with backups that were made up, and what is done with it. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { cleanupBackups } from '../../src/operations/cleanup-backups.ts'
import type { Context } from '../../src/operations/context.ts'
import type { BackupsCleanedUp, CleanupRequest } from '../../src/operations/reports.ts'
import { Database } from '../../src/index.ts'
import type { Candidate } from '../../src/retention/standing.ts'
import { contextOf } from '../support/operation.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { store } from './made-up.ts'

/** When cleanups are made: half a day after the newest of {@link daily}'s usual backups. */
export const NOW = '2025-06-27T12:00:00Z'

export interface Scene {
  readonly backupDir: string
  readonly database: Database
  readonly cleanup: (request?: CleanupRequest, context?: Partial<Context>) => Promise<BackupsCleanedUp>
  readonly path: (...parts: string[]) => string
  readonly names: (...parts: string[]) => string[]
}

/** A backup directory with made-up backups; there is no database. */
export function openScene(
  backups: readonly Candidate[] = [],
  directory: string = temporaryDirectory(),
): Scene {
  const backupDir = join(directory, 'backups')
  store(backupDir, backups)
  const path = join(directory, 'app.db')
  return {
    backupDir,
    database: new Database({ path, backupDir, engine: 'here' }),
    cleanup: (request = {}, context = {}) =>
      cleanupBackups(request, { ...contextOf({ path, now: () => new Date(NOW) }), ...context }),
    path: (...parts) => join(backupDir, ...parts),
    names: (...parts) => readdirSync(join(backupDir, ...parts)).toSorted(),
  }
}
