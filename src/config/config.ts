import type { CheckLevel } from '../catalog/backup-info.ts'

/** What may be said for every database, and for one. */
export interface DatabaseConfig {
  path?: string | undefined
  backupDir?: string | undefined
  check?: CheckLevel | undefined
  keepDamaged?: boolean | undefined
}

/** The configuration file. */
export interface Config extends DatabaseConfig {
  $schema?: string | undefined
  databases?: Record<string, DatabaseConfig> | undefined
  defaultDatabase?: string | undefined
  timeZone?: string | undefined
  backupTypes?: string[] | undefined
  fileMode?: string | undefined
  directoryMode?: string | undefined
  waitForLockMs?: number | undefined
  stallAfterMs?: number | undefined
}
