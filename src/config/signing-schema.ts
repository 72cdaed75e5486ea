/** The part of the configuration's schema that says who signs backups. */
import { z } from 'zod'
import { isPublicKey } from '../signing/keys.ts'
import type { SigningConfig } from './config.ts'
import { secretSchema } from './secret-schema.ts'

/** Its message quotes nothing: the text may be a secret key put in the wrong place. */
const publicKey = z
  .string()
  .refine(
    isPublicKey,
    'expected a public key as chame-backup keys generate --signing prints it, which begins with MCowBQYDK2VwAyEA',
  )

export const signing: z.ZodType<SigningConfig> = z
  .strictObject({
    key: secretSchema
      .optional()
      .describe('Where the secret key is that signs new backups, on machines that make them.'),
    trusted: z
      .array(publicKey)
      .min(1)
      .describe(
        'Public keys (MCowBQYDK2VwAyEA…), that of key among them: a backup that none of them has signed is not restored.',
      ),
  })
  .describe('With what new backups are signed, and whose are restored.')
