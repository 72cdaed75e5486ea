export type * from './audit/entry.ts'
export type * from './audit/reports.ts'
export { Database } from './database.ts'
export type { DatabaseOptions } from './database-core.ts'
export { BackupError, ERRORS, type ErrorCode, type Failure, toFailure } from './errors.ts'
export type { BackupInfo, CheckLevel, Encoding, SignatureState } from './catalog/backup-info.ts'
export type { LastDrill, Metadata, Signature, StoredCopy } from './catalog/metadata.ts'
export type { ChannelConfig, NotifyConfig } from './config/notify.ts'
export type { SecretConfig } from './config/secret.ts'
export type * from './config/targets.ts'
export type { DigestEntry, EventKind, NotifyEvent } from './notify/event.ts'
export { type Notifier, type NotifierPorts, type NotifyOptions, openNotifier } from './notify/notifier.ts'
export type { ToldState } from './notify/reminders.ts'
export { type KeptImage, KeptImages, type KeptLimits } from './operations/look/kept-images.ts'
export { summarizeComparison } from './operations/compare/summarize.ts'
export {
  generateKeys,
  type GenerateKeysRequest,
  generateSigningKey,
  type GenerateSigningKeyRequest,
  type KeysGenerated,
  type SigningKeyGenerated,
} from './operations/generate-keys.ts'
export type * from './operations/key-reports.ts'
export type * from './operations/monitoring-reports.ts'
export type {
  Config,
  DatabaseConfig,
  EncryptionConfig,
  JobConfig,
  ScheduleConfig,
  SigningConfig,
  ZstdConfig,
} from './config/config.ts'
export { type RunOnceOptions, Scheduler, type SchedulerRunOptions } from './daemon/scheduler.ts'
export { isSize, isSpan } from './retention/units.ts'
export { cronProblem } from './schedule/cron.ts'
export type { SchedulerLog, SchedulerLogEntry, SchedulerLogEvent } from './daemon/log-entry.ts'
export type * from './daemon/reports.ts'
export type { SchedulerOptions } from './daemon/schedule-plan.ts'
export type * from './operations/reports.ts'
export type * from './operations/target-reports.ts'
export { AccessStore } from './access/access-store.ts'
export type * from './access/reports.ts'
export { Administration } from './administration.ts'
export type { CatalogListing } from './catalog/listing.ts'
export type * from './operations/file-reports.ts'
