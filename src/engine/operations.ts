/** The operations by name: what each is asked, what it answers, and which function does it. */
import { z } from 'zod'
import { CHECK_LEVELS, type CheckLevel } from '../catalog/backup-info.ts'
import { isType } from '../catalog/names.ts'
import { BackupError } from '../errors.ts'
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

const text = z.string().max(10_000)
const check = z.enum(CHECK_LEVELS as [CheckLevel, ...CheckLevel[]]).optional()
const type = z.string().refine(isType, 'expected a backup type such as "manual"').optional()
const backup = z.string().min(1, 'expected a path, a file name or "latest"')

const requests = {
  create: z.strictObject({
    backupType: type,
    description: text.optional(),
    createdBy: text.optional(),
    check,
    keepDamaged: z.boolean().optional(),
  }),
  list: z.strictObject({ type, limit: z.int().positive().optional() }),
  restore: z.strictObject({
    backup,
    confirm: z.boolean().optional(),
    to: z.string().min(1).optional(),
    dryRun: z.boolean().optional(),
  }),
  verify: z.strictObject({ backup, check }),
  info: z.strictObject({}),
} as const

/** Checks a request that a caller made, possibly without types. Throws `INVALID_ARGUMENT`. */
export function parseRequest<Name extends OperationName>(
  name: Name,
  request: unknown,
): Operations[Name]['request'] {
  const parsed = requests[name].safeParse(request)
  if (parsed.success) return parsed.data as Operations[Name]['request']
  throw new BackupError(
    'INVALID_ARGUMENT',
    `Not a valid request to ${name}: ${z.prettifyError(parsed.error)}`,
    {
      hint: 'Correct the option named above; docs/api.md lists all of them.',
    },
  )
}
