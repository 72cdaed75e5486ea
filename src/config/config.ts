import type { CheckLevel } from '../catalog/backup-info.ts'
import type { Encoding } from '../catalog/encodings.ts'
import type { RedactionWay } from '../export/model.ts'
import type { NotifyConfig } from './notify.ts'
import type { RetentionConfig } from './retention.ts'
import type { SecretConfig } from './secret.ts'
import type { TargetConfig } from './targets.ts'
import type { JobKind } from '../schedule/jobs.ts'

/** What may be said for every database, and for one. */
export interface DatabaseConfig {
  path?: string | undefined
  backupDir?: string | undefined
  check?: CheckLevel | undefined
  keepDamaged?: boolean | undefined
  keepLocal?: boolean | undefined
  encoding?: Encoding | undefined
  zstd?: ZstdConfig | undefined
  encryption?: EncryptionConfig | undefined
  export?: ExportConfig | undefined
  retention?: RetentionConfig | undefined
}

/** How backups are compressed. */
export interface ZstdConfig {
  /** 1 (fastest) to 19 (smallest). */
  level?: number | undefined
  threads?: number | undefined
}

/** Who can read encrypted backups. Either recipients or a passphrase. */
export interface EncryptionConfig {
  /** Public keys, `age1…`. */
  recipients?: string[] | undefined
  passphrase?: SecretConfig | undefined
  /** Where the secret keys are, on machines that read backups. */
  identities?: SecretConfig[] | undefined
}

/** With what new backups are signed, and whose are taken. */
export interface SigningConfig {
  /** Where the secret key is, on machines that make backups. */
  key?: SecretConfig | undefined
  /** Public keys; that of `key` must be among them. */
  trusted: string[]
}

/** What exports leave out, beside what they find by themselves. */
export interface ExportConfig {
  /** By `table.column`. */
  redact?: Record<string, RedactionWay> | undefined
  sensitiveWords?: string[] | undefined
  /** As `table.column`. */
  notSensitive?: string[] | undefined
}

/** What runs at night. Durations are texts such as "90s", "15m", "36h", "7d". */
export interface ScheduleConfig {
  /** By name; `false` turns off one of the defaults: daily, weekly, cleanup, drill. */
  jobs?: Record<string, JobConfig | false> | undefined
  maxBackupAge?: string | undefined
  graceTime?: string | undefined
  digest?: string | false | undefined
  log?: LogConfig | undefined
}

/** The scheduler's log. */
export interface LogConfig {
  path?: string | undefined
  level?: 'debug' | 'info' | 'warn' | 'error' | undefined
  /** Bytes, or text such as "10MB". */
  maxSize?: number | string | undefined
  maxDays?: number | undefined
}

/** One job. What a default job leaves unsaid stays as it is; another one needs `kind` and `cron`. */
export interface JobConfig {
  kind?: JobKind | undefined
  cron?: string | undefined
  timeZone?: string | undefined
  type?: string | undefined
  databases?: string[] | undefined
  jitter?: string | undefined
  catchUpWindow?: string | undefined
  retries?: number | undefined
  timeout?: string | undefined
  maxBackups?: number | undefined
  maxTime?: string | undefined
  copies?: boolean | undefined
  within?: string | undefined
  share?: string | undefined
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
  /** Where backups are stored beside the backup directory, by name. */
  targets?: Record<string, TargetConfig> | undefined
  signing?: SigningConfig | undefined
  notify?: NotifyConfig | undefined
  schedule?: ScheduleConfig | undefined
}
