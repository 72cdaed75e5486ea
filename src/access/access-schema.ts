/** The form of the file of tokens and log-in links. */
import { z } from 'zod'
import type { AccessFile } from './access-file.ts'
import { ROLES, type Role } from './token.ts'

const id = z.string().regex(/^[0-9a-f]{16}$/)
const digest = z.string().regex(/^[0-9a-f]{64}$/)
const role = z.enum(ROLES as [Role, ...Role[]])

export const accessSchema: z.ZodType<AccessFile> = z.object({
  schema: z.literal(1),
  tokens: z.array(
    z.object({
      id,
      name: z.string(),
      role,
      digest,
      createdAt: z.iso.datetime(),
      expiresAt: z.iso.datetime().nullable(),
    }),
  ),
  links: z.array(z.object({ id, digest, role, expiresAt: z.iso.datetime() })),
})
