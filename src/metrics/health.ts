/** The state of backups as a monitor wants to know it: numbers and times, by database and type. */
export interface Health {
  /** When it was looked at. */
  readonly at: Date
  readonly databases: readonly DatabaseHealth[]
  /** Of a scheduler, where one keeps such states. */
  readonly jobs?: readonly JobHealth[]
}

export interface DatabaseHealth {
  readonly database: string
  /** False when its catalog could not be read; nothing else is known then. */
  readonly isReadable: boolean
  /** When the newest backup was made whose last check passed and that was not made by a restore; null when there is none. */
  readonly newestGoodAt: Date | null
  readonly types: readonly TypeHealth[]
  /** What the packs in its backup directory take, of all databases there; null where there are none. */
  readonly packBytes: number | null
}

export interface TypeHealth {
  readonly type: string
  readonly backups: number
  /** What their own files take together. */
  readonly bytes: number
  /** Backups whose metadata is missing or cannot be read. */
  readonly withoutMetadata: number
  /** The newest one with metadata; null when there is none. */
  readonly newest: {
    readonly at: Date
    readonly sizeBytes: number
    /** Null where the metadata does not say. */
    readonly durationMs: number | null
    /** Whether it was read back and found intact. */
    readonly isVerified: boolean
  } | null
  /** When any of them was last found intact. */
  readonly lastVerifiedAt: Date | null
  /** The latest drill of any of them. */
  readonly lastDrill: {
    readonly at: Date
    readonly passed: boolean
    readonly durationMs: number | null
  } | null
}

export interface JobHealth {
  readonly database: string
  readonly job: string
  readonly lastRunAt: Date | null
  readonly lastSuccessAt: Date | null
  /** Null while all is well. */
  readonly failingSince: Date | null
  readonly nextRunAt: Date | null
}
