/** CSV that a spreadsheet opens: no text in it, and no name of a column, is taken for a formula. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { quoteName } from '../../src/sqlite/sql.ts'
import { expectEqualDatabases } from '../import/equality.ts'
import { buildDatabase } from '../support/databases.ts'
import { protect, succeeded } from '../support/product.ts'

const TRIGGERS: Readonly<Record<string, string>> = {
  'an equals sign': '=',
  'a plus': '+',
  'a minus': '-',
  'an at sign': '@',
  'a wide equals sign': '＝',
  'a wide plus': '＋',
  'a wide minus': '－',
  'a wide at sign': '＠',
  'a tab': '\t',
  'a carriage return': '\r',
  'a line feed': '\n',
  // Nothing to a spreadsheet, but the import must know it from ours.
  'an apostrophe': "'",
}
const HARMLESS: Readonly<Record<string, string>> = {
  'a letter': 'a',
  'a quote': '"',
  'a blank': ' ',
  'a hash sign': '#',
  'an emoji': '😀',
}
const ALL = { ...TRIGGERS, ...HARMLESS }

let directory: string
let source: string
/** The files of tables that begin with a character everywhere: one encoded in SQL, one outside of it. */
const files = new Map<string, readonly [string, string]>()

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'chame-test-'))
  source = join(directory, 'app.db')
  const tables = Object.values(ALL).map((first, index) => {
    const text = `'${`${first}1+1`.replaceAll("'", "''")}'`
    const columns = `(${quoteName(`${first}c`)} TEXT, other)`
    // What is not valid UTF-8 has the texts beside it encoded outside of SQL.
    return `CREATE TABLE s${index} ${columns}; INSERT INTO s${index} VALUES (${text}, 1);
      CREATE TABLE t${index} ${columns}; INSERT INTO t${index} VALUES (${text}, CAST(X'80' AS TEXT))`
  })
  buildDatabase(source, tables.join(';\n'))
  const request = { format: 'csv', includeSensitive: true, csv: { excelSafe: true } } as const
  const { exportPath } = succeeded(await protect(source, { engine: 'here' }).exportData(request))
  const read = (name: string): string => readFileSync(join(exportPath, `${name}.csv`), 'utf8')
  for (const [index, first] of Object.values(ALL).entries())
    files.set(first, [read(`s${index}`), read(`t${index}`)])
  const to = join(directory, 'new.db')
  succeeded(await protect(source, { engine: 'here' }).importData({ from: exportPath, to }))
})

afterAll(() => rmSync(directory, { recursive: true, force: true }))

/** The files as they have to be, with `guard` in front of what begins with `first`. */
function expected(first: string, guard: string): readonly string[] {
  const text = (rest: string): string => `"${`${guard}${first}${rest}`.replaceAll('"', '""')}"`
  const head = `"rowid",${text('c')},"other"`
  return ['1', "CAST(X'80' AS TEXT)"].map(other => `${head}\r\n1,${text('1+1')},${other}\r\n`)
}

describe('with excelSafe', () => {
  test.each(Object.entries(TRIGGERS))(
    '%s has an apostrophe in front, in a name and in a text',
    (_, first) => {
      expect(files.get(first)).toEqual(expected(first, "'"))
    },
  )

  test.each(Object.entries(HARMLESS))('%s stays as it is', (_, first) => {
    expect(files.get(first)).toEqual(expected(first, ''))
  })

  test('the import takes away the apostrophes, and no others', () => {
    expectEqualDatabases(source, join(directory, 'new.db'))
  })
})
