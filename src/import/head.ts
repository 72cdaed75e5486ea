/** The head and the end of an export, checked once: everything after this may rely on it. */
import { z } from 'zod'
import {
  EXPORT_VERSION,
  type ExportMetadata,
  type ExportSchema,
  type ExportTable,
  FORMATS,
  REDACTIONS,
  type ExportFormat,
} from '../export/model.ts'
import { Malformed, shown } from './malformed.ts'

/** It may be empty: SQLite takes "" for a name. */
const name = z.string().refine(text => !text.includes('\0'), 'a name cannot contain NUL')
const sqlText = z.string().refine(text => !text.includes('\0'), 'SQL cannot contain NUL')
const type = z.enum(['table', 'index', 'view', 'trigger'])
const int32 = z
  .int()
  .min(-(2 ** 31))
  .max(2 ** 31 - 1)

const metadataSchema = z.object({
  format: z.enum(FORMATS),
  version: z.int(),
  database: z.string(),
  created_at: z.string(),
  created_by: z.string(),
  backup: z.string().nullable(),
  sqlite_version: z.string(),
  sensitive: z.boolean(),
  redacted: z.array(z.object({ table: z.string(), column: z.string(), how: z.enum(REDACTIONS) })),
  left_out: z.array(z.object({ type, name: z.string(), why: z.string() })),
  csv: z
    .object({
      delimiter: z.string().refine(text => /^[^"\r\n]$/u.test(text), 'expected one character'),
      null: z.string().refine(text => !/["\r\n]/.test(text), 'expected a token without quotes'),
      excel_safe: z.boolean(),
    })
    .optional(),
})

const settingsSchema = z.object({
  page_size: z.literal([512, 1024, 2048, 4096, 8192, 16_384, 32_768, 65_536]),
  encoding: z.enum(['UTF-8', 'UTF-16le', 'UTF-16be']),
  auto_vacuum: z.literal([0, 1, 2]),
  user_version: int32,
  application_id: int32,
  journal_mode: z.enum(['wal', 'delete']),
})

const tableSchema = z.object({
  name,
  kind: z.enum(['ordinary', 'shadow', 'internal']),
  columns: z.array(name),
  rowid: z
    .string()
    .regex(/^(?:rowid|_rowid_|oid)$/i)
    .nullable(),
  file: z.string().nullable(),
})

const schemaSchema = z.object({
  settings: settingsSchema,
  objects: z.array(z.object({ type, name, table: name, sql: sqlText })),
  tables: z.array(tableSchema),
})

const summarySchema = z.object({
  tables: z.unknown(),
  rows: z.int().min(0),
  lost: z.array(z.object({ table: z.string(), what: z.string(), why: z.string() })),
})

/** The rows that each table must have, and all together. A map: tables may be called anything, also `__proto__`. */
export interface CheckedSummary {
  readonly tables: ReadonlyMap<string, number>
  readonly rows: number
  readonly lost: readonly { readonly table: string; readonly what: string; readonly why: string }[]
}

export function parseMetadata(value: unknown, format: ExportFormat): ExportMetadata {
  const metadata = checked(metadataSchema, value, 'metadata')
  if (metadata.version !== EXPORT_VERSION) {
    throw new Malformed(
      `it is of version ${metadata.version}, and only version ${EXPORT_VERSION} is known here; a newer chame-backup may read it`,
      'metadata',
    )
  }
  if (metadata.format !== format) {
    throw new Malformed(`it says that it is ${metadata.format}, but is read as ${format}`, 'metadata')
  }
  return metadata as ExportMetadata
}

/** Names are told apart as SQLite does: without regard to the case of A to Z. */
export function parseSchema(value: unknown): ExportSchema {
  const schema: ExportSchema = checked(schemaSchema, value, 'schema')
  const objects = new Set<string>()
  for (const object of schema.objects) {
    // Indexes have names of their own, apart from those of the triggers, but nobody shares them between tables.
    const key = `${object.type === 'trigger' ? 'trigger' : 'other'} ${asciiLower(object.name)}`
    if (objects.has(key)) throw new Malformed(`there are two called ${shown(object.name)}`, 'schema')
    if (isReserved(object.name)) {
      throw new Malformed(`the name ${shown(object.name)} is SQLite's own`, 'schema')
    }
    objects.add(key)
  }
  const made = new Set(schema.objects.filter(o => o.type === 'table').map(o => o.name))
  const seen = new Set<string>()
  for (const table of schema.tables) requireSound(table, made, seen)
  return schema
}

export function parseSummary(value: unknown): CheckedSummary {
  const { tables, rows, lost } = checked(summarySchema, value, 'summary')
  if (typeof tables !== 'object' || tables === null)
    throw new Malformed('tables must be an object', 'summary')
  const counts = new Map<string, number>()
  for (const [table, count] of Object.entries(tables)) {
    if (!Number.isSafeInteger(count) || Number(count) < 0) {
      throw new Malformed(`the rows of ${shown(table)} are no number`, 'summary')
    }
    counts.set(table, Number(count))
  }
  return { tables: counts, rows, lost }
}

/** What is wrong between the rows that came and those that the summary tells of; null when nothing is. */
export function differenceFrom(summary: CheckedSummary, counted: ReadonlyMap<string, number>): string | null {
  for (const table of new Set([...summary.tables.keys(), ...counted.keys()])) {
    const told = summary.tables.get(table)
    const came = counted.get(table)
    if (told === undefined || came === undefined) {
      return `table ${shown(table)} is in only one of the schema and the summary`
    }
    if (told !== came) return `table ${shown(table)} has ${came} rows, but the summary tells of ${told}`
  }
  const sum = [...counted.values()].reduce((all, count) => all + count, 0)
  return sum === summary.rows ? null : `there are ${sum} rows, but the summary tells of ${summary.rows}`
}

/** SQLite's own tables whose rows stand in exports, with the statements that make them. */
export const INTERNAL_TABLES: ReadonlyMap<string, string> = new Map([
  ['sqlite_sequence', 'CREATE TABLE sqlite_sequence(name,seq)'],
  ['sqlite_stat1', 'CREATE TABLE sqlite_stat1(tbl,idx,stat)'],
  ['sqlite_stat2', 'CREATE TABLE sqlite_stat2(tbl,idx,sampleno,sample)'],
  ['sqlite_stat3', 'CREATE TABLE sqlite_stat3(tbl,idx,neq,nlt,ndlt,sample)'],
  ['sqlite_stat4', 'CREATE TABLE sqlite_stat4(tbl,idx,neq,nlt,ndlt,sample)'],
])

function isReserved(name: string): boolean {
  return /^sqlite_/i.test(name)
}

function asciiLower(text: string): string {
  return text.replaceAll(/[A-Z]/g, letter => letter.toLowerCase())
}

function requireSound(table: ExportTable, made: ReadonlySet<string>, seen: Set<string>): void {
  const where = `schema, table ${shown(table.name)}`
  if (seen.has(asciiLower(table.name))) throw new Malformed('it is there twice', where)
  seen.add(asciiLower(table.name))
  const isMade = table.kind === 'internal' ? INTERNAL_TABLES.has(table.name) : made.has(table.name)
  if (!isMade) throw new Malformed('no statement makes it', where)
  const names = (table.rowid === null ? table.columns : [table.rowid, ...table.columns]).map(asciiLower)
  if (new Set(names).size < names.length) throw new Malformed('two of its columns have one name', where)
}

function checked<T>(schema: z.ZodType<T>, value: unknown, what: string): T {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  const place = issue === undefined ? '' : ` at ${issue.path.map(String).join('.') || 'its top'}`
  throw new Malformed(`it is not of its form${place} (${issue?.message ?? 'unknown reason'})`, what)
}
