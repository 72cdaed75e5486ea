/** The operations by name: what each is asked, what it answers, and which function does it. */
import type { Context } from '../operations/context.ts'
import { addBackup } from '../operations/add-backup.ts'
import type { AddBackupRequest, BackupAdded } from '../operations/file-reports.ts'
import { cleanupBackups } from '../operations/cleanup-backups.ts'
import { compareBackups } from '../operations/compare/compare-backups.ts'
import { convertBackups } from '../operations/convert-backups.ts'
import { createBackup } from '../operations/create-backup.ts'
import { deleteBackup } from '../operations/delete-backup.ts'
import { drillBackup } from '../operations/drill-backup.ts'
import { exportData } from '../operations/export-data.ts'
import { getInfo } from '../operations/get-info.ts'
import { type BackupsListed, listBackups } from '../operations/list-backups.ts'
import { lookInside } from '../operations/look/look-inside.ts'
import { queryBackup } from '../operations/look/query-backup.ts'
import { readRows } from '../operations/look/read-rows.ts'
import { pinBackup, unpinBackup } from '../operations/pin-backup.ts'
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
  CleanupRequest,
  CompareBackupsRequest,
  ConvertBackupsRequest,
  CreateBackupRequest,
  SyncTargetsRequest,
  TargetsSynced,
  DataExported,
  DeleteBackupRequest,
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
  VerifyStoreRequest,
} from '../operations/reports.ts'
import { importData } from '../operations/import-data.ts'
import { restoreBackup } from '../operations/restore-backup.ts'
import { scanSensitive } from '../operations/scan-sensitive.ts'
import { simulateRetention } from '../operations/simulate-retention.ts'
import { syncTargets } from '../operations/sync-targets.ts'
import { verifyBackup } from '../operations/verify-backup.ts'
import { verifyStore } from '../operations/verify-store.ts'

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
  drill: { request: DrillBackupRequest & { readonly backup: string }; result: BackupDrilled }
  info: { request: InfoRequest; result: Info }
  export: { request: ExportDataRequest; result: DataExported }
  scan: { request: ScanSensitiveRequest; result: SensitiveScan }
  import: { request: ImportDataRequest; result: DataImported }
  cleanup: { request: CleanupRequest; result: BackupsCleanedUp }
  simulate: { request: SimulateRetentionRequest; result: RetentionSimulated }
  delete: { request: DeleteBackupRequest & { readonly backup: string }; result: BackupDeleted }
  convert: { request: ConvertBackupsRequest; result: BackupsConverted }
  pin: { request: PinBackupRequest & { readonly backup: string }; result: BackupPinned }
  unpin: { request: UnpinBackupRequest & { readonly backup: string }; result: BackupPinned }
  look: { request: LookInsideRequest & { readonly backup: string }; result: BackupLookedInside }
  rows: { request: ReadRowsRequest & { readonly backup: string }; result: RowsRead }
  query: { request: QueryBackupRequest & { readonly backup: string }; result: BackupQueried }
  compare: { request: CompareBackupsRequest & { readonly backup: string }; result: BackupsCompared }
}

export type OperationName = keyof Operations

type Handler<Name extends OperationName> = (
  request: Operations[Name]['request'],
  context: Context,
) => Promise<Operations[Name]['result']>

const handlers: { readonly [Name in OperationName]: Handler<Name> } = {
  create: createBackup,
  sync: syncTargets,
  add: addBackup,
  list: listBackups,
  restore: restoreBackup,
  verify: verifyBackup,
  verifyStore,
  drill: drillBackup,
  info: getInfo,
  export: exportData,
  scan: scanSensitive,
  import: importData,
  cleanup: cleanupBackups,
  simulate: simulateRetention,
  delete: deleteBackup,
  convert: convertBackups,
  pin: pinBackup,
  unpin: unpinBackup,
  look: lookInside,
  rows: readRows,
  query: queryBackup,
  compare: compareBackups,
}

/** Runs an operation. Throws `BackupError`. */
export function perform<Name extends OperationName>(
  name: Name,
  request: Operations[Name]['request'],
  context: Context,
): Promise<Operations[Name]['result']> {
  const handle: Handler<Name> = handlers[name]
  return handle(request, context)
}
