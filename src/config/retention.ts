import type { RetentionPolicy } from '../retention/policy.ts'

/** Which backups a cleanup keeps. */
export interface RetentionConfig {
  /** By type of backups; it replaces what is said of that type elsewhere. */
  types?: RetentionPolicy | undefined
  /** How many backups one cleanup deletes at most. */
  maxDeletions?: number | undefined
}
