import { z } from 'zod'
import type { SecretConfig } from './secret.ts'

/** Where a secret is. Its message quotes no value: that may be a secret put in the wrong place. */
export const secretSchema: z.ZodType<SecretConfig> = z
  .union(
    [
      z.strictObject({ env: z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/) }),
      z.strictObject({
        file: z
          .string()
          .min(1)
          .refine(text => !text.includes('\0')),
      }),
    ],
    'expected { "env": "NAME" } or { "file": "path" }: a secret does not belong in the configuration',
  )
  .describe('Where the secret is: { "env": "NAME" } or { "file": "path" }.')
