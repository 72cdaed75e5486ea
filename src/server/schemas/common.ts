import { z } from '@hono/zod-openapi'
import { ERRORS, type ErrorCode, type Failure } from '../../index.ts'

/** What HTTP itself refuses, before an operation is asked; the operations' own codes are in docs/errors.md. */
export const HTTP_CODES = {
  REQUEST_INVALID: 400,
  UNAUTHENTICATED: 401,
  FORBIDDEN: 403,
  NOT_FOUND: 404,
  REQUEST_TIMEOUT: 408,
  PLAN_STALE: 409,
  BODY_TOO_LARGE: 413,
  MEDIA_TYPE_UNSUPPORTED: 415,
  RANGE_NOT_SATISFIABLE: 416,
  HOST_NOT_ALLOWED: 421,
  KEY_REUSED: 422,
  TOO_MANY_REQUESTS: 429,
  HEADERS_TOO_LARGE: 431,
  UNAVAILABLE: 503,
} as const

export type HttpCode = keyof typeof HTTP_CODES

const codes = [...new Set([...Object.keys(ERRORS), ...Object.keys(HTTP_CODES)])]

/** What is wrong with one value of a request. */
export interface FieldProblem {
  pointer: string
  detail: string
}

/** An error as RFC 9457 has it. */
export interface Problem {
  type: string
  title: string
  status: number
  detail: string
  code: ErrorCode | HttpCode
  hint?: string | undefined
  errors?: FieldProblem[] | undefined
  instance: string
}

export const problem: z.ZodType<Problem> = z
  .object({
    type: z.string().describe('A name of this kind of error: "urn:chame-backup:error:<code>".'),
    title: z.string(),
    status: z.int().min(400).max(599),
    detail: z.string().describe('What happened, and where.'),
    code: z.enum(codes as [ErrorCode, ...ErrorCode[]]) as z.ZodType<ErrorCode | HttpCode>,
    hint: z.string().optional().describe('What to do next.'),
    errors: z
      .array(
        z.object({
          pointer: z
            .string()
            .describe('Of the value in the body, as a JSON pointer: "#/policy/daily/minAge".'),
          detail: z.string(),
        }),
      )
      .optional()
      .describe('With REQUEST_INVALID, where the body is not valid: each value that is wrong.'),
    instance: z.string().describe('Of this one answer; the log has it too.'),
  })
  .openapi('Problem')

/**
 * A key that may be missing, and is never undefined. Not zod's own `exactOptional`: what makes the document takes that for
 * a key that has to be there.
 */
export function mayLack<Schema extends z.ZodType>(schema: Schema): z.ZodExactOptional<Schema> {
  return schema.optional() as unknown as z.ZodExactOptional<Schema>
}

export const errorCode: z.ZodType<ErrorCode> = z.enum(Object.keys(ERRORS) as [ErrorCode, ...ErrorCode[]])

/** A part of an answer that failed, while the rest did not. */
export const failure: z.ZodType<Failure> = z
  .object({
    success: z.literal(false),
    code: errorCode,
    message: z.string(),
    hint: mayLack(z.string()),
  })
  .openapi('Failure')

interface ProblemResponse {
  readonly description: string
  readonly content: { readonly 'application/problem+json': { readonly schema: typeof problem } }
}

/** What any route may answer instead of its result. */
export const problems: { readonly default: ProblemResponse } = {
  default: {
    description: 'It failed: what happened, and what to do next.',
    content: { 'application/problem+json': { schema: problem } },
  },
}

export const databaseName: z.ZodType<string, string> = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, 'expected the name of a database')
  .openapi({ param: { name: 'database', in: 'path' }, description: 'Name of a database.', example: 'chame' })

/** A name is never a path: what it is compared with is the catalog's list. */
const backupName: z.ZodType<string, string> = z
  .string()
  .min(1)
  .max(255)
  .regex(/^[^/\\\0]+$/, 'expected the file name of a backup')
  .openapi({
    param: { name: 'backup', in: 'path' },
    description: 'File name of a backup, or "latest".',
    example: 'chame_backup_daily_20250627_020000.db',
  })

/** Text in, text out. */
type Text = z.ZodType<string, string>

/** Whether there is one of that name, only the configuration says. */
export const targetName: Text = z.string().min(1).max(64)

/** The query of whatever is about stored backups. */
export const atTarget: z.ZodObject<{ target: z.ZodOptional<Text> }> = z.object({
  target: targetName.optional().openapi({
    description:
      'Name of the target that is meant. Default: the backup directory; where nothing is kept there, the first target.',
  }),
})

export const inDatabase: z.ZodObject<{ database: Text }> = z.object({
  database: databaseName,
})

export const onBackup: z.ZodObject<{ database: Text; backup: Text }> = z.object({
  database: databaseName,
  backup: backupName,
})

export const cursorText: z.ZodType<string, string> = z
  .string()
  .max(200)
  .regex(/^[A-Za-z0-9_-]+$/, 'expected a cursor from an answer before this one')

/** How a query says a number. */
export function count(max: number, otherwise: number): z.ZodType<number, string | undefined> {
  return z
    .string()
    .regex(/^\d{1,9}$/, 'expected a whole number')
    .default(String(otherwise))
    .transform(Number)
    .pipe(z.int().min(1).max(max))
    .openapi({ type: 'integer', minimum: 1, maximum: max, default: otherwise })
}

/** Text that a person writes. */
export const text: z.ZodString = z.string().max(10_000)

/** The same request again, with the same key, gets the same answer, and is done once. */
export const idempotencyKey: z.ZodObject<{ 'idempotency-key': z.ZodOptional<z.ZodString> }> = z.object({
  'idempotency-key': z.string().min(1).max(200).optional().openapi({
    description: 'The same request again, with the same key, gets the same answer and is done once.',
  }),
})

/** The `content` of a body or an answer of JSON. */
export function json<Schema extends z.ZodType>(
  schema: Schema,
): { readonly 'application/json': { readonly schema: Schema } } {
  return { 'application/json': { schema } }
}

/** The `content` of a file. */
export const binary: { readonly 'application/octet-stream': { readonly schema: z.ZodString } } = {
  'application/octet-stream': { schema: z.string().openapi({ format: 'binary' }) },
}

/**
 * A schema that has a name of its own, or null. Not `.nullable()`: of a named schema the document would then say that it is
 * both an object and null.
 */
export function orNull<Schema extends z.ZodType>(schema: Schema): z.ZodUnion<[Schema, z.ZodNull]> {
  return z.union([schema, z.null()])
}
