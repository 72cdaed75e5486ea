import { sqlText } from '../encode/expression.ts'
import type { ExportSchema, SchemaObject } from '../model.ts'
import type { Framing } from './framing.ts'

const TITLE = '-- Chame Backup export. Load it into a new database: sqlite3 new.db < this-file'

/**
 * A script that makes the database anew with any `sqlite3`. What depends on rows comes after them: so triggers do
 * not run, and indexes are made once.
 */
export const SQL_FRAMING: Framing = {
  head: ({ metadata, schema }) =>
    lines([
      TITLE,
      `-- metadata: ${commentOf(metadata)}`,
      ...settingsBefore(schema),
      'BEGIN;',
      // First, so that the schema may use any name.
      ...internalTables(schema),
      // Of a virtual table only the data; what it is follows at the end.
      ...tablesOf(schema).map(({ sql }) => statement(sql)),
    ]),
  tableHead: ({ name, kind }) => (kind === 'internal' ? `DELETE FROM ${name};\n` : ''),
  separator: '',
  tableTail: () => '',
  tail: (summary, { schema }) =>
    lines([
      ...schema.objects.filter(({ type }) => type !== 'table').map(({ sql }) => statement(sql)),
      ...virtualTables(schema),
      `PRAGMA user_version = ${schema.settings.user_version};`,
      `PRAGMA application_id = ${schema.settings.application_id};`,
      'COMMIT;',
      ...(schema.settings.journal_mode === 'wal' ? ['PRAGMA journal_mode = WAL;'] : []),
      `-- summary: ${commentOf(summary)}`,
    ]),
}

function settingsBefore({ settings }: ExportSchema): string[] {
  return [
    'PRAGMA foreign_keys = OFF;',
    `PRAGMA encoding = '${settings.encoding}';`,
    `PRAGMA page_size = ${settings.page_size};`,
    `PRAGMA auto_vacuum = ${settings.auto_vacuum};`,
  ]
}

function tablesOf({ objects }: ExportSchema): SchemaObject[] {
  return objects.filter(object => object.type === 'table' && !isVirtual(object))
}

function isVirtual({ type, sql }: SchemaObject): boolean {
  return type === 'table' && /^\s*create\s+virtual\b/i.test(sql)
}

/** SQLite makes its own tables when something needs them; so something does, for a moment. */
function internalTables({ tables }: ExportSchema): string[] {
  const has = (name: string): boolean => tables.some(table => table.name === name)
  return [
    ...(has('sqlite_sequence')
      ? [
          'CREATE TABLE chame_backup_sequence (id INTEGER PRIMARY KEY AUTOINCREMENT);',
          'DROP TABLE chame_backup_sequence;',
        ]
      : []),
    ...(has('sqlite_stat1') ? ['ANALYZE sqlite_master;'] : []),
  ]
}

/** Their entries alone: their data are tables already, and their modules may be unknown to who loads this. */
function virtualTables({ objects }: ExportSchema): string[] {
  const entries = objects.filter(isVirtual).map(({ name, sql }) => {
    const values = [`'table'`, sqlText(name), sqlText(name), '0', sqlText(sql)]
    return `INSERT INTO sqlite_master (type, name, tbl_name, rootpage, sql) VALUES (${values.join(', ')});`
  })
  return entries.length === 0
    ? []
    : ['PRAGMA writable_schema = ON;', ...entries, 'PRAGMA writable_schema = OFF;']
}

/** A comment, or what is quoted, in which no comment begins. */
const COMMENT_OR_QUOTED = /--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|'[^']*'|"[^"]*"|`[^`]*`|\[[^\]]*\]/g

/** A comment at the end would swallow the semicolon; elsewhere SQLite would keep what stands before that. */
function statement(sql: string): string {
  const last = [...sql.matchAll(COMMENT_OR_QUOTED)].at(-1)
  const isAtEnd = last !== undefined && last.index + last[0].length === sql.length
  if (isAtEnd && last[0].startsWith('--')) return `${sql}\n;`
  const isOpen = isAtEnd && last[0].startsWith('/*') && !(last[0].length >= 4 && last[0].endsWith('*/'))
  return isOpen ? `${sql} */;` : `${sql};`
}

/** On one line, whatever is in it. */
function commentOf(value: unknown): string {
  return JSON.stringify(value)
}

function lines(texts: readonly string[]): string {
  return texts.map(text => `${text}\n`).join('')
}
