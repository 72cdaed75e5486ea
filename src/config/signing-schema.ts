/** The part of the configuration's schema that says who signs backups. */
import { z } from 'zod'
import { publicKeyProblem } from '../signing/keys.ts'
import type { SigningConfig } from './config.ts'
import { secretSchema } from './secret-schema.ts'

const publicKey = z.string().superRefine((text, context) => {
  const problem = publicKeyProblem(text)
  if (problem !== null) context.addIssue(problem)
})

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
