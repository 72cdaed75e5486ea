/** The operations by name: what each is asked, what it answers, and which function does it. */
import type { Context } from '../operations/context.ts'
import { createBackup } from '../operations/create-backup.ts'
import { getInfo } from '../operations/get-info.ts'
import { type BackupsListed, listBackups } from '../operations/list-backups.ts'
import type {
  BackupCreated,
  BackupRestored,
  BackupVerified,
  CreateBackupRequest,
  Info,
  ListBackupsRequest,
  RestoreBackupRequest,
  RestorePlan,
  VerifyBackupRequest,
} from '../operations/reports.ts'
import { restoreBackup } from '../operations/restore-backup.ts'
import { verifyBackup } from '../operations/verify-backup.ts'

export interface Operations {
  create: { request: CreateBackupRequest; result: BackupCreated }
  list: { request: ListBackupsRequest; result: BackupsListed }
  restore: {
    request: RestoreBackupRequest & { readonly backup: string }
    result: BackupRestored | RestorePlan
  }
  verify: { request: VerifyBackupRequest & { readonly backup: string }; result: BackupVerified }
  info: { request: Record<never, never>; result: Info }
}

export type OperationName = keyof Operations

type Handler<Name extends OperationName> = (
  request: Operations[Name]['request'],
  context: Context,
) => Promise<Operations[Name]['result']>

const handlers: { readonly [Name in OperationName]: Handler<Name> } = {
  create: createBackup,
  list: listBackups,
  restore: restoreBackup,
  verify: verifyBackup,
  info: (_, context) => getInfo(context),
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
