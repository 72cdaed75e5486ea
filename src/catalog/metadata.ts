import { z } from 'zod'

/**
 * The metadata of one backup, as its JSON file holds it. The first seven keys have exactly these
 * names and forms since the first version; unknown keys are kept, so that a newer version's
 * files can be read by an older one.
 */
export const metadataSchema: z.ZodType<Metadata> = z.looseObject({
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
  encoding: z.enum(['plain', 'zstd', 'zstd+age']).optional(),
  journal_mode: z.string().optional(),
  sqlite_version: z.string().optional(),
  tables: z.record(z.string(), z.int().nonnegative()).optional(),
  check: z.enum(['none', 'quick', 'full']).optional(),
  unchecked: z.array(z.string()).optional(),
  verified_at: z.iso.datetime().nullable().optional(),
})

export interface Metadata {
  /** Local time in the configured time zone, "2025-06-27T14:30:22". */
  timestamp: string
  backup_type: string
  /** `PRAGMA user_version`, as a string. */
  database_version: string
  /** Bytes of the stored file. */
  file_size: number
  /** SHA-256 of the stored file, hex. */
  checksum: string
  description: string
  created_by: string
  /** Version of this format. Files of the system before this one have no such key. */
  schema?: 1 | undefined
  /** UTC, ISO 8601 with milliseconds: the sort key. */
  created_at?: string | undefined
  /** Name of the database. */
  database?: string | undefined
  /** Bytes of the image before encoding. */
  image_size?: number | undefined
  image_checksum?: string | undefined
  page_size?: number | undefined
  encoding?: 'plain' | 'zstd' | 'zstd+age' | undefined
  journal_mode?: string | undefined
  sqlite_version?: string | undefined
  /** Rows of each table, counted in the stored image; absent when it was not checked. */
  tables?: Record<string, number> | undefined
  /** How deep the stored image was checked. */
  check?: 'none' | 'quick' | 'full' | undefined
  /** Tables that the check had to leave out, and why: they need a function or collation of their application. */
  unchecked?: string[] | undefined
  /** When that check passed; null when there was none. */
  verified_at?: string | null | undefined
}

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
  if (parsed.success) return { metadata: parsed.data }
  const [issue] = parsed.error.issues
  return { problem: `${issue?.path.join('.') || 'its content'}: ${issue?.message ?? 'not understood'}` }
}

export function printMetadata(metadata: Metadata): string {
  return `${JSON.stringify(metadata, null, 2)}\n`
}
