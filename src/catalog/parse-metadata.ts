/** Reading metadata files. Apart from their type, because zod takes a while to load and most runs read none. */
import { z } from 'zod'
import { ENCODINGS } from './encodings.ts'
import type { Metadata } from './metadata.ts'

/** Not zod's own record, which does not look at `__proto__`: a table may be called that. */
const rowsByTable = z.custom<Record<string, number>>(
  value =>
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    Object.values(value).every(rows => Number.isSafeInteger(rows) && (rows as number) >= 0),
  'expected a number of rows for each table',
)

/**
 * The metadata of one backup, as its JSON file holds it. The first seven keys have exactly these
 * names and forms since the first version; other keys are not looked at, and stay as they are, so that a newer version's
 * files can be read by an older one.
 */
const metadataSchema: z.ZodType<Metadata> = z.object({
  timestamp: z.string().regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$/, 'expected YYYY-MM-DDTHH:MM:SS'),
  backup_type: z.string(),
  database_version: z.string(),
  file_size: z.int().nonnegative(),
  checksum: z.string().regex(/^[0-9a-f]{64}$/, 'expected 64 hexadecimal digits'),
  description: z.string(),
  created_by: z.string(),
  schema: z.literal(1).optional(),
  created_at: z.iso.datetime().optional(),
  database: z.string().optional(),
  image_size: z.int().nonnegative().optional(),
  image_checksum: z.string().optional(),
  page_size: z.int().nonnegative().optional(),
  added_bytes: z.int().nonnegative().optional(),
  encrypted: z.literal(true).optional(),
  encoding: z.enum(ENCODINGS).optional(),
  converted_from: z.string().optional(),
  journal_mode: z.string().optional(),
  sqlite_version: z.string().optional(),
  tables: rowsByTable.optional(),
  check: z.enum(['none', 'quick', 'full']).optional(),
  unchecked: z.array(z.string()).optional(),
  verified_at: z.iso.datetime().nullable().optional(),
  damaged_at: z.iso.datetime().optional(),
  damaged_as_stored: z.literal(true).optional(),
  pinned: z.object({ reason: z.string(), by: z.string(), at: z.iso.datetime() }).optional(),
  duration_ms: z.number().nonnegative().optional(),
  last_drill: z
    .looseObject({ at: z.iso.datetime(), passed: z.boolean(), duration_ms: z.number().nonnegative() })
    .optional(),
  copies: z
    .record(
      z.string(),
      z
        .looseObject({
          at: z.iso.datetime(),
          size: z.int().nonnegative(),
          verified_at: z.iso.datetime().optional(),
          damaged_at: z.iso.datetime().optional(),
        })
        .nullable(),
    )
    .optional(),
  signature: z.object({ by: z.string(), value: z.string() }).optional(),
})

/** What a metadata file's text says, or what is wrong with it. */
export type ParsedMetadata = { readonly metadata: Metadata } | { readonly problem: string }

export function parseMetadata(text: string): ParsedMetadata {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return { problem: 'it is not JSON' }
  }
  const parsed = metadataSchema.safeParse(value)
  // Itself, and not the schema's copy: it has all keys, and as JSON has made it, it takes half the memory.
  if (parsed.success) return { metadata: value as Metadata }
  const issue = parsed.error.issues[0] as z.core.$ZodIssue
  return { problem: `${issue.path.join('.') || 'its content'}: ${issue.message}` }
}
