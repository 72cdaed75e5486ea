/** Where backups are stored beside the backup directory, and what was seen of it when it was tried. */
import { z } from '@hono/zod-openapi'
import type { TargetCheck, TargetInfo, TargetProbe, TargetsChecked } from '../../index.ts'
import { errorCode, mayLack, orNull } from './common.ts'

const probe = z.object({
  probe: z.string() as unknown as z.ZodType<TargetProbe['probe']>,
  status: z
    .enum(['yes', 'no', 'failed', 'skipped'])
    .describe(
      'no: it does not, and need not. failed: it does not, and has to. skipped: it has no meaning there.',
    ),
  detail: z.string(),
  code: mayLack(errorCode),
  hint: mayLack(z.string()),
})

const check: z.ZodType<TargetCheck> = z
  .object({
    checkedAt: z.string().describe('UTC, ISO 8601.'),
    status: z.enum(['usable', 'failed']).describe('failed: it cannot be used as it is.'),
    probes: z.array(probe),
    warnings: z.array(z.string()).describe('What to know before relying on it.'),
    left: z.array(z.string()).describe('Objects of the check that could not be deleted.'),
  })
  .openapi('TargetCheck')

const shape = {
  name: z.string(),
  kind: z.enum(['local', 's3', 'sftp', 'rclone']),
  place: z.string().describe('Where it is, without any secret.'),
  appendOnly: z.boolean(),
}

export const targetInfo: z.ZodType<TargetInfo> = z
  .object({ ...shape, check: orNull(check).describe('Null: never checked.') })
  .openapi('Target')

export const targetsChecked: z.ZodType<TargetsChecked> = z
  .object({
    success: z.literal(true),
    status: z.enum(['usable', 'failed']),
    targets: z.array(z.object({ ...shape, check })),
  })
  .openapi('TargetsChecked')
