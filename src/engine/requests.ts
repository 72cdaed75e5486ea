/**
 * Checking requests. A module of its own, because zod takes a while to load: long enough for a child
 * process to start beside it.
 */
import { z } from 'zod'
import { CHECK_LEVELS, type CheckLevel } from '../catalog/backup-info.ts'
import { isType } from '../catalog/names.ts'
import { BackupError } from '../errors.ts'
import type { OperationName, Operations } from './operations.ts'

const text = z.string().max(10_000)
const check = z.enum(CHECK_LEVELS as [CheckLevel, ...CheckLevel[]]).optional()
const type = z.string().refine(isType, 'expected a backup type such as "manual"').optional()
const path = z.string().refine(value => !value.includes('\0'), 'a path cannot contain NUL')
const backup = path.min(1, 'expected a path, a file name or "latest"')

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
    to: path.min(1).optional(),
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
