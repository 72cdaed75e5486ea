/** Writes exports as docs/formats.md says they are, with code of its own: what the importer is held against. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { CsvDialect, ExportMetadata, ExportSchema, ExportTable } from '../../src/export/model.ts'

export interface Value {
  readonly kind: 'null' | 'integer' | 'real' | 'text' | 'blob'
  readonly bytes: Buffer
}

export interface Content {
  readonly metadata: Omit<ExportMetadata, 'format'>
  readonly schema: ExportSchema
  readonly rows: ReadonlyMap<string, readonly (readonly Value[])[]>
}

const INTERNAL = /^sqlite_(?:sequence|stat[1-4])$/

export function readContent(path: string): Content {
  const connection = new DatabaseSync(path, { enableDoubleQuotedStringLiterals: true })
  const pragma = (name: string): unknown => Object.values(connection.prepare(`PRAGMA ${name}`).get() ?? {})[0]
  const all = connection
    .prepare('SELECT type, name, tbl_name, rootpage, sql FROM sqlite_schema ORDER BY rowid')
    .all()
  const order = ['table', 'index', 'view', 'trigger']
  const objects = all
    .filter(({ sql, name }) => sql !== null && !String(name).startsWith('sqlite_'))
    .map(
      ({ type, name, tbl_name: table, sql }) =>
        ({ type, name, table, sql }) as ExportSchema['objects'][number],
    )
    .toSorted((a, b) => order.indexOf(a.type) - order.indexOf(b.type))
  const tables = all
    .filter(
      ({ type, name, rootpage }) =>
        type === 'table' &&
        rootpage !== 0 &&
        (!String(name).startsWith('sqlite_') || INTERNAL.test(String(name))),
    )
    .map(({ name }, index) => describeTable(connection, String(name), index))
  const rows = new Map(tables.map(table => [table.name, rowsOf(connection, table)]))
  const mode = pragma('journal_mode')
  const schema = {
    settings: {
      page_size: pragma('page_size'),
      encoding: pragma('encoding'),
      auto_vacuum: pragma('auto_vacuum'),
      user_version: pragma('user_version'),
      application_id: pragma('application_id'),
      journal_mode: mode === 'wal' ? 'wal' : 'delete',
    } as ExportSchema['settings'],
    objects,
    tables,
  }
  connection.close()
  return { metadata: METADATA, schema, rows }
}

const METADATA: Content['metadata'] = {
  version: 1,
  database: 'test',
  created_at: '2026-01-01T00:00:00.000Z',
  created_by: 'test',
  backup: null,
  sqlite_version: '3.53.4',
  sensitive: true,
  redacted: [],
  left_out: [],
}

function describeTable(connection: DatabaseSync, name: string, index: number): ExportTable {
  const quoted = quote(name)
  const all = connection.prepare(`PRAGMA table_xinfo(${quoted})`).all()
  const columns = all.filter(({ hidden }) => Number(hidden) === 0).map(column => String(column['name']))
  const taken = new Set(all.map(column => String(column['name']).toLowerCase()))
  const rowid = ['rowid', '_rowid_', 'oid'].find(candidate => {
    if (taken.has(candidate)) return false
    try {
      const [column] = connection.prepare(`SELECT ${candidate} FROM ${quoted}`).columns()
      // An INTEGER PRIMARY KEY is what its rowid is called.
      return column?.column === candidate || column?.column === 'rowid' || column?.column === null
    } catch {
      return false
    }
  })
  return {
    name,
    kind: name.startsWith('sqlite_') ? 'internal' : 'ordinary',
    columns,
    rowid: rowid ?? null,
    file: `table-${index}.csv`,
  }
}

function rowsOf(connection: DatabaseSync, { name, columns, rowid }: ExportTable): Value[][] {
  const fields = [...(rowid === null ? [] : [rowid]), ...columns.map(quote)]
  const picked = fields.flatMap(field => [
    `typeof(${field})`,
    `CASE typeof(${field}) WHEN 'real' THEN CAST(CAST(quote(${field}) AS TEXT) AS BLOB) ELSE CAST(${field} AS BLOB) END`,
  ])
  const statement = connection.prepare(`SELECT ${picked.join()} FROM ${quote(name)}`)
  statement.setReturnArrays(true)
  return (statement.all() as unknown as (string | Uint8Array | null)[][]).map(row =>
    fields.map((_, index): Value => ({
      kind: row[2 * index] as Value['kind'],
      bytes: Buffer.from((row[2 * index + 1] as Uint8Array | null) ?? []),
    })),
  )
}

/** The text of a value that is valid; null when it can only be shown by its bytes. */
function textOf(value: Value, content: Content): string | null {
  const { encoding } = content.schema.settings
  const bytes = Buffer.from(value.bytes)
  const decoder = new TextDecoder(encoding.toLowerCase(), { fatal: true, ignoreBOM: true })
  try {
    return decoder.decode(bytes)
  } catch {
    return null
  }
}

/** Numbers are ASCII in every encoding but of the database's own width. */
function digitsOf({ bytes }: Value): string {
  return bytes.toString('latin1').replaceAll('\0', '')
}

function realOf(value: Value): string {
  const digits = digitsOf(value)
  return digits.replace(/^(-?)9\.0e\+999$/, '$1Infinity')
}

function jsonOf(value: Value, content: Content): string {
  const base64 = value.bytes.toString('base64')
  if (value.kind === 'null') return 'null'
  if (value.kind === 'blob') return `{"$blob":"${base64}"}`
  if (value.kind === 'integer') {
    const digits = digitsOf(value)
    return Number.isSafeInteger(Number(digits)) ? digits : `{"$integer":"${digits}"}`
  }
  if (value.kind === 'real') {
    const digits = realOf(value)
    return digits.endsWith('Infinity') ? `{"$real":"${digits}"}` : digits
  }
  const text = textOf(value, content)
  return text === null ? `{"$text":"${base64}"}` : JSON.stringify(text)
}

function csvOf(value: Value, content: Content, dialect: CsvDialect): string {
  if (value.kind === 'null') return dialect.null
  if (value.kind === 'blob') return `X'${value.bytes.toString('hex').toUpperCase()}'`
  if (value.kind !== 'text') return value.kind === 'real' ? realOf(value) : digitsOf(value)
  const text = textOf(value, content)
  return text === null || text.includes('\0')
    ? `CAST(X'${value.bytes.toString('hex').toUpperCase()}' AS TEXT)`
    : `"${guarded(text, dialect).replaceAll('"', '""')}"`
}

function guarded(text: string, dialect: CsvDialect): string {
  return dialect.excel_safe && /^[=+\-@＝＋－＠\t\r\n']/.test(text) ? `'${text}` : text
}

function fieldsOf({ rowid, columns }: ExportTable): string[] {
  return rowid === null ? [...columns] : [rowid, ...columns]
}

function jsonRow(table: ExportTable, row: readonly Value[], content: Content): string {
  const fields = fieldsOf(table).map(
    (field, index) => `${JSON.stringify(field)}:${jsonOf(row[index] as Value, content)}`,
  )
  return `{${fields.join()}}`
}

function summaryOf({ rows }: Content): unknown {
  const tables = Object.fromEntries([...rows].map(([name, list]) => [name, list.length]))
  return { tables, rows: [...rows.values()].reduce((sum, list) => sum + list.length, 0), lost: [] }
}

function schemaOf({ schema }: Content, file: 'none' | 'named'): unknown {
  return file === 'named'
    ? schema
    : { ...schema, tables: schema.tables.map(table => ({ ...table, file: null })) }
}

export function jsonText(content: Content): string {
  const tables = content.schema.tables.map(table => {
    const rows = (content.rows.get(table.name) ?? []).map(row => jsonRow(table, row, content))
    return `${JSON.stringify(table.name)}:[\n${rows.join(',\n')}${rows.length > 0 ? '\n' : ''}]`
  })
  const metadata = JSON.stringify({ format: 'json', ...content.metadata })
  const schema = JSON.stringify(schemaOf(content, 'none'))
  return `{"metadata":${metadata},\n"schema":${schema},\n"tables":{\n${tables.join(',\n')}\n},\n"summary":${JSON.stringify(summaryOf(content))}}\n`
}

export function ndjsonText(content: Content): string {
  const lines = content.schema.tables.flatMap(table =>
    (content.rows.get(table.name) ?? []).map(
      row => `{"table":${JSON.stringify(table.name)},"row":${jsonRow(table, row, content)}}`,
    ),
  )
  return [
    JSON.stringify({ metadata: { format: 'ndjson', ...content.metadata } }),
    JSON.stringify({ schema: schemaOf(content, 'none') }),
    ...lines,
    JSON.stringify({ summary: summaryOf(content) }),
    '',
  ].join('\n')
}

const PLAIN: CsvDialect = { delimiter: ',', null: '', excel_safe: false }

/** The files of a CSV export by name. */
export function csvFiles(content: Content, csv: CsvDialect = PLAIN): Map<string, string> {
  const quoted = (name: string): string => `"${guarded(name, csv).replaceAll('"', '""')}"`
  const files = content.schema.tables.map((table): [string, string] => {
    const rows = (content.rows.get(table.name) ?? []).map(row =>
      row.map(value => csvOf(value, content, csv)).join(csv.delimiter),
    )
    return [table.file ?? '', [fieldsOf(table).map(quoted).join(csv.delimiter), ...rows, ''].join('\r\n')]
  })
  const head = {
    metadata: { format: 'csv', ...content.metadata, csv },
    schema: schemaOf(content, 'named'),
    summary: summaryOf(content),
  }
  return new Map([...files, ['schema.json', JSON.stringify(head)]])
}

export function writeFiles(directory: string, files: ReadonlyMap<string, string>): void {
  mkdirSync(directory)
  for (const [name, text] of files) writeFileSync(join(directory, name), text)
}

function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}
