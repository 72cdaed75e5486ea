/** The parts of the configuration's schema that say how backups are stored. */
import { z } from 'zod'
import { recipientProblem } from '../encoding/age/recipient.ts'
import type { EncryptionConfig, ZstdConfig } from './config.ts'
import { secretSchema } from './secret-schema.ts'

/** Each takes some memory, and none more than there are threads in Node's pool helps. */
const ZSTD_THREADS_MAX = 16

export const zstd: z.ZodType<ZstdConfig> = z
  .strictObject({
    level: z.int().min(1).max(19).optional().describe('1 (fastest) to 19 (smallest). Default: 3'),
    threads: z
      .int()
      .min(1)
      .max(ZSTD_THREADS_MAX)
      .optional()
      .describe('How many blocks are compressed at once. Default: one for each core, at most 4'),
  })
  .describe('How backups are compressed.')

const recipient = z.string().superRefine((text, context) => {
  const problem = recipientProblem(text)
  if (problem !== null) context.addIssue(problem)
})

export const encryption: z.ZodType<EncryptionConfig> = z
  .strictObject({
    recipients: z
      .array(recipient)
      .min(1)
      .optional()
      .describe(
        'Public keys (age1…), each of which can read the backups. Name two, so that one can be lost.',
      ),
    passphrase: secretSchema.optional().describe('Instead of recipients: where the passphrase is.'),
    identities: z
      .array(secretSchema)
      .optional()
      .describe('Where the secret keys are, on machines that read backups.'),
  })
  .refine(
    ({ recipients, passphrase }) => recipients === undefined || passphrase === undefined,
    'a passphrase stands alone: give either recipients or a passphrase',
  )
  .describe('Who can read backups with the encoding zstd+age, and those with the encoding blocks.')
