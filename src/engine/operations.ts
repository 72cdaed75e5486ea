/** The operations by name: what each is asked, what it answers, and which function does it. */
import type { NoteRequest, Noted } from '../audit/recorder.ts'
import type { AuditLogVerified, VerifyAuditLogRequest } from '../audit/reports.ts'
import type { Context } from '../operations/context.ts'
import { during } from '../storage/io-errors.ts'
import type {
  AddBackupRequest,
  BackupAdded,
  BackupUnpacked,
  UnpackBackupRequest,
} from '../operations/file-reports.ts'
import type { CheckKeysRequest, KeysChecked } from '../operations/key-reports.ts'
import type { BackupsListed } from '../operations/list-backups.ts'
import type {
  BackupCreated,
  BackupDeleted,
  BackupLookedInside,
  BackupPinned,
  BackupQueried,
  BackupsConverted,
  BackupDrilled,
  BackupRestored,
  BackupsCleanedUp,
  BackupVerified,
  BackupsCompared,
  BackupsRepaired,
  CleanupRequest,
  CompareBackupsRequest,
  ConvertBackupsRequest,
  CopiesVerified,
  CreateBackupRequest,
  SyncTargetsRequest,
  TargetsSynced,
  DatabaseDescribed,
  DataExported,
  DeleteBackupRequest,
  DescribeRequest,
  ExportDataRequest,
  DataImported,
  DrillBackupRequest,
  ImportDataRequest,
  Info,
  InfoRequest,
  ListBackupsRequest,
  LookInsideRequest,
  PinBackupRequest,
  QueryBackupRequest,
  ReadRowsRequest,
  RepairBackupsRequest,
  RestoreBackupRequest,
  RestorePlan,
  RetentionSimulated,
  RowsRead,
  ScanSensitiveRequest,
  SensitiveScan,
  SimulateRetentionRequest,
  StoreVerified,
  UnpinBackupRequest,
  VerifyBackupRequest,
  VerifyCopiesRequest,
  VerifyStoreRequest,
} from '../operations/reports.ts'

export interface Operations {
  create: { request: CreateBackupRequest; result: BackupCreated }
  sync: { request: SyncTargetsRequest; result: TargetsSynced }
  add: { request: AddBackupRequest & { readonly from: string }; result: BackupAdded }
  list: { request: ListBackupsRequest; result: BackupsListed }
  restore: {
    request: RestoreBackupRequest & { readonly backup: string }
    result: BackupRestored | RestorePlan
  }
  verify: { request: VerifyBackupRequest & { readonly backup: string }; result: BackupVerified }
  verifyStore: { request: VerifyStoreRequest; result: StoreVerified }
  verifyCopies: { request: VerifyCopiesRequest; result: CopiesVerified }
  repair: { request: RepairBackupsRequest; result: BackupsRepaired }
  drill: { request: DrillBackupRequest & { readonly backup: string }; result: BackupDrilled }
  info: { request: InfoRequest; result: Info }
  checkKeys: { request: CheckKeysRequest; result: KeysChecked }
  /** The part of it for which the database is opened. */
  describe: { request: DescribeRequest; result: DatabaseDescribed }
  export: { request: ExportDataRequest; result: DataExported }
  scan: { request: ScanSensitiveRequest; result: SensitiveScan }
  import: { request: ImportDataRequest; result: DataImported }
  cleanup: { request: CleanupRequest; result: BackupsCleanedUp }
  simulate: { request: SimulateRetentionRequest; result: RetentionSimulated }
  delete: { request: DeleteBackupRequest & { readonly backup: string }; result: BackupDeleted }
  convert: { request: ConvertBackupsRequest; result: BackupsConverted }
  pin: { request: PinBackupRequest & { readonly backup: string }; result: BackupPinned }
  unpin: { request: UnpinBackupRequest & { readonly backup: string }; result: BackupPinned }
  unpack: { request: UnpackBackupRequest; result: BackupUnpacked }
  look: { request: LookInsideRequest & { readonly backup: string }; result: BackupLookedInside }
  rows: { request: ReadRowsRequest & { readonly backup: string }; result: RowsRead }
  query: { request: QueryBackupRequest & { readonly backup: string }; result: BackupQueried }
  compare: { request: CompareBackupsRequest & { readonly backup: string }; result: BackupsCompared }
  /** With the anchors of targets; without them nothing here is needed. */
  verifyAudit: { request: VerifyAuditLogRequest; result: AuditLogVerified }
  /** A line of the audit log: by the process that opens files, so that a disk that hangs keeps nobody else. */
  note: { request: NoteRequest; result: Noted }
}

export type OperationName = keyof Operations

type Handler<Name extends OperationName> = (
  request: Operations[Name]['request'],
  context: Context,
) => Promise<Operations[Name]['result']>

/** What loads each: a command that does one thing need not wait for what does all the others. */
const loaders: { readonly [Name in OperationName]: () => Promise<Handler<Name>> } = {
  create: async () => (await import('../operations/create-backup.ts')).createBackup,
  sync: async () => (await import('../operations/sync-targets.ts')).syncTargets,
  add: async () => (await import('../operations/add-backup.ts')).addBackup,
  list: async () => (await import('../operations/list-backups.ts')).listBackups,
  restore: async () => (await import('../operations/restore-backup.ts')).restoreBackup,
  verify: async () => (await import('../operations/verify-backup.ts')).verifyBackup,
  verifyStore: async () => (await import('../operations/verify-store.ts')).verifyStore,
  verifyCopies: async () => (await import('../operations/verify-copies.ts')).verifyCopies,
  repair: async () => (await import('../operations/repair-backups.ts')).repairBackups,
  drill: async () => (await import('../operations/drill-backup.ts')).drillBackup,
  info: async () => (await import('../operations/get-info.ts')).getInfo,
  checkKeys: async () => (await import('../operations/keys/check-keys.ts')).checkKeys,
  describe: async () => (await import('../operations/describe-database.ts')).describeDatabase,
  export: async () => (await import('../operations/export-data.ts')).exportData,
  scan: async () => (await import('../operations/scan-sensitive.ts')).scanSensitive,
  import: async () => (await import('../operations/import-data.ts')).importData,
  cleanup: async () => (await import('../operations/cleanup-backups.ts')).cleanupBackups,
  simulate: async () => (await import('../operations/simulate-retention.ts')).simulateRetention,
  delete: async () => (await import('../operations/delete-backup.ts')).deleteBackup,
  convert: async () => (await import('../operations/convert-backups.ts')).convertBackups,
  pin: async () => (await import('../operations/pin-backup.ts')).pinBackup,
  unpin: async () => (await import('../operations/pin-backup.ts')).unpinBackup,
  unpack: async () => (await import('../operations/unpack-backup.ts')).unpackBackup,
  look: async () => (await import('../operations/look/look-inside.ts')).lookInside,
  rows: async () => (await import('../operations/look/read-rows.ts')).readRows,
  query: async () => (await import('../operations/look/query-backup.ts')).queryBackup,
  compare: async () => (await import('../operations/compare/compare-backups.ts')).compareBackups,
  verifyAudit: async () => (await import('../operations/verify-audit.ts')).verifyAudit,
  note: async () => {
    const { writeNote } = await import('../audit/recorder.ts')
    return (request, { settings }) => writeNote(settings.backupDir, request)
  },
}

/** Runs an operation. Throws `BackupError`. */
export async function perform<Name extends OperationName>(
  name: Name,
  request: Operations[Name]['request'],
  context: Context,
): Promise<Operations[Name]['result']> {
  const load: () => Promise<Handler<Name>> = loaders[name]
  // A process that may open no further file cannot read its own programs either.
  const handle = await during('load', `the operation ${name}`, load)
  return await handle(request, context)
}
