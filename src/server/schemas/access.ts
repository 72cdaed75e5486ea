/** Who may do what, and what they did. */
import { z } from '@hono/zod-openapi'
import type { AccessToken, AuditLogRead, AuditLogVerified, Role, TargetAnchors } from '../../index.ts'
import { failure, mayLack, orNull } from './common.ts'

export const role: z.ZodType<Role> = z.enum(['viewer', 'operator', 'admin']).openapi('Role')

export const token: z.ZodType<AccessToken> = z
  .object({
    id: z.string(),
    name: z.string(),
    role,
    createdAt: z.string(),
    expiresAt: z.string().nullable().describe('Null: never.'),
    lastUsedAt: z.string().nullable().describe('To the minute; null: never.'),
  })
  .openapi('AccessToken')

/** Who asks, and how. */
export interface SessionView {
  readonly name: string
  readonly role: Role
  readonly via: 'token' | 'session'
  readonly expiresAt: string | null
  /** Goes into the header X-CSRF-Token of whatever changes something; null for API tokens, which need none. */
  readonly csrfToken: string | null
}

export const session: z.ZodType<SessionView> = z
  .object({
    name: z.string(),
    role,
    via: z.enum(['token', 'session']),
    expiresAt: z.string().nullable(),
    csrfToken: z
      .string()
      .nullable()
      .describe('Goes into the header X-CSRF-Token of whatever changes something; null for API tokens.'),
  })
  .openapi('Session')

export const auditLogRead: z.ZodType<AuditLogRead> = z
  .object({
    success: z.literal(true),
    path: z.string(),
    entries: z.array(
      z
        .looseObject({
          seq: z.number(),
          time: z.string(),
          actor: z.object({
            door: z.enum(['library', 'cli', 'scheduler', 'http', 'console']),
            who: z.string(),
          }),
          action: z.string(),
          database: z.string().nullable(),
          on: z.string().nullable(),
          parameters: z.record(z.string(), z.unknown()),
          result: z.string().describe('"success", or the code of the failure.'),
          durationMs: z.number(),
          boot: z.string().optional().describe('Which start of the machine it was written in.'),
          previous: z.string(),
          hash: z.string(),
        })
        .openapi('AuditEntry'),
    ) as unknown as z.ZodType<AuditLogRead['entries']>,
    hasMore: z.boolean(),
  })
  .openapi('AuditLogRead')

const targetAnchors: z.ZodType<TargetAnchors> = z
  .object({
    target: z.string(),
    status: z.enum(['agrees', 'contradicts', 'none', 'failed']),
    agreeing: z.number(),
    earlier: z.number().describe('Of lines that were put away.'),
    others: z.number().describe('Of the logs of other backup directories.'),
    newest: z.object({ seq: z.number(), hash: z.string(), time: z.string() }).nullable(),
    failure: orNull(failure),
  })
  .openapi('TargetAnchors')

export const auditLogVerified: z.ZodType<AuditLogVerified> = z
  .object({
    success: z.literal(true),
    status: z
      .enum(['intact', 'damaged', 'incomplete'])
      .describe('incomplete: a target that was asked for vouches for nothing.'),
    path: z.string(),
    entries: z.number(),
    problems: z.array(
      z.object({
        code: z.enum([
          'LINE_INVALID',
          'LINE_CHANGED',
          'LINE_MISSING',
          'LINE_REORDERED',
          'TAIL_MISSING',
          'HEAD_INVALID',
          'LOG_REWRITTEN',
          'LOG_REPLACED',
        ]),
        line: z.number().nullable(),
        message: z.string(),
        target: mayLack(z.string()).describe('The target that knows better.'),
      }),
    ),
    notes: z.array(z.string()),
    head: z.object({ seq: z.number(), hash: z.string() }).nullable(),
    anchors: z.array(targetAnchors),
    durationMs: z.number(),
  })
  .openapi('AuditLogVerified')
