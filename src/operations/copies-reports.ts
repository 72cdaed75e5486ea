/** Reading copies at targets again, and replacing what is damaged here. Part of reports.ts. */
import type { ErrorCode, Failure } from '../errors.ts'

export interface VerifyCopiesRequest {
  /** Only those at this target. Default: at all of the configuration. */
  readonly target?: string
  /** So much that each is read again within this time: `30d`. */
  readonly within?: string
  /** A share of the bytes at each target: `5%` or `1/30`, those first that were read longest ago. */
  readonly sample?: string
  /** No further one is begun after so long: `10m`. */
  readonly time?: string
}

export interface CopyProblem {
  /** `missing`: what was put there is gone. `damaged`: it is not what was put there. */
  readonly code: 'missing' | 'damaged'
  /** `<target>:<key>` of the object. */
  readonly path: string
  readonly message: string
  /** File names of the backups there that it hurts; of one that is gone altogether its name here. */
  readonly hurts: readonly string[]
}

/** What was found at one target. */
export interface CopiesAtTarget {
  readonly name: string
  /** `failed`: the target itself could not be used, or not to the end; what was found until then is told all the same. */
  readonly status: 'intact' | 'damaged' | 'failed'
  readonly problems: readonly CopyProblem[]
  /** Backups there. */
  readonly backups: number
  /** Objects there, stored files and packs, and how many of them were read in this run. */
  readonly objects: number
  readonly readObjects: number
  readonly bytes: number
  readonly readBytes: number
  /** What was read longest ago, or never, has lain there unread since then. UTC, ISO 8601; null where nothing is. */
  readonly unreadSince: string | null
  /** Why the target could not be used; null unless it failed. */
  readonly failure: Failure | null
  readonly durationMs: number
}

export interface CopiesVerified {
  readonly success: true
  /** `damaged`: some are damaged or missing. `incomplete`: none is, and a target could not be used. */
  readonly status: 'intact' | 'damaged' | 'incomplete'
  readonly targets: readonly CopiesAtTarget[]
  readonly durationMs: number
}

export interface RepairBackupsRequest {
  /** Paths, file names, or `latest`. Default: all that are known to be damaged, or whose files are gone. */
  readonly backups?: readonly string[]
  /** Only by copies from this target. Default: by those of whichever place has a good one. */
  readonly target?: string
  /** Path of an identity file that opens encrypted backups, beside those of the config: then what is in them is checked, too. */
  readonly identity?: string
}

export interface RepairedBackup {
  readonly filename: string
  /** Where it was damaged: a target; null: the backup directory. */
  readonly at: string | null
  /** `intact`: nothing was wrong with it. `failed`: it is as it was. `repaired` is said of the stored bytes. */
  readonly status: 'repaired' | 'intact' | 'failed'
  /**
   * The target that its file came from, or its metadata. Null: neither was replaced; of what is at a target: it came from the
   * backup directory.
   */
  readonly from: string | null
  /** Whether its metadata was lost, and has come back. */
  readonly metadata: boolean
  /** How many packs were replaced, which may hurt other backups no longer, either. */
  readonly packs: number
  readonly bytes: number
  /** What went wrong, when it failed; of one that was repaired: that it is damaged still, as it was when it was stored. */
  readonly code?: ErrorCode
  readonly message?: string
  readonly hint?: string
}

/** A target that could not be used, so that nobody knows what is to be repaired there. */
export interface TargetNotRepaired extends Omit<Failure, 'success'> {
  readonly name: string
}

export interface BackupsRepaired {
  readonly success: true
  /** `incomplete`: some could not be repaired, or are damaged as they were stored, or a target could not be looked at. */
  readonly status: 'repaired' | 'incomplete'
  /** Those in the backup directory first, then those at each target. */
  readonly backups: readonly RepairedBackup[]
  readonly failed: readonly TargetNotRepaired[]
  readonly durationMs: number
}
