/** What each format's files look like, byte by byte: what docs/formats.md promises to whoever reads them. */
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { ExportDataRequest } from '../../src/index.ts'
import { buildDatabase } from '../support/databases.ts'
import { protect, succeeded } from '../support/product.ts'
import { run, testWith } from '../support/requirements.ts'
import { filesBelow, temporaryDirectory } from '../support/temporary.ts'
import { readExport } from './export-bytes.ts'

const TINY = `
  CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, "e ""x""" BLOB);
  INSERT INTO users VALUES (1, 'Ada "the first", O''Hara', x'00ff'), (2, '', NULL), (3, '=1+1', 1.0);
  CREATE TABLE numbers (n);
  INSERT INTO numbers (rowid, n) VALUES (-5, 9223372036854775807), (7, 9e999), (8, -0.5), (9, 'a' || char(0)), (10, CAST(x'80' AS TEXT)), (11, 'x' || char(10) || 'y');
  CREATE TABLE empty (a, b) WITHOUT ROWID`.replace('(a, b)', '(a PRIMARY KEY, b)')

/** Exports the tiny database; answers the text of each file by its name within the export. */
async function exported(request: ExportDataRequest): Promise<Map<string, string>> {
  const path = join(temporaryDirectory(), 'tiny.db')
  buildDatabase(path, TINY, { pageSize: 1024 })
  const { exportPath } = succeeded(
    await protect(path, { engine: 'here' }).exportData({ includeSensitive: true, ...request }),
  )
  const files = await readExport(exportPath)
  return new Map([...files].map(([name, bytes]) => [name, fixed(bytes.toString())]))
}

async function exportedFile(request: ExportDataRequest): Promise<string> {
  const [file] = (await exported(request)).values()
  return file ?? ''
}

/** What differs from run to run, and from one version to the next. */
function fixed(text: string): string {
  return text
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, '<time>')
    .replaceAll(/"sqlite_version":( ?)"[\d.]+"/g, '"sqlite_version":$1"<version>"')
    .replaceAll(/"created_by":( ?)"[^"]*"/g, '"created_by":$1"<who>"')
}

function metadata(format: string, more: string = ''): string {
  return `{"format":"${format}","version":1,"database":"tiny","created_at":"<time>","created_by":"<who>","backup":null,"sqlite_version":"<version>","sensitive":true,"redacted":[],"left_out":[]${more}}`
}

const SETTINGS =
  '"settings":{"page_size":1024,"encoding":"UTF-8","auto_vacuum":0,"user_version":0,"application_id":0,"journal_mode":"wal"}'
const OBJECTS = String.raw`"objects":[{"type":"table","name":"users","table":"users","sql":"CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, \"e \"\"x\"\"\" BLOB)"},{"type":"table","name":"numbers","table":"numbers","sql":"CREATE TABLE numbers (n)"},{"type":"table","name":"empty","table":"empty","sql":"CREATE TABLE empty (a PRIMARY KEY, b) WITHOUT ROWID"}]`
const TABLES = String.raw`"tables":[{"name":"users","kind":"ordinary","columns":["id","name","e \"x\""],"rowid":null,"file":null},{"name":"numbers","kind":"ordinary","columns":["n"],"rowid":"rowid","file":null},{"name":"empty","kind":"ordinary","columns":["a","b"],"rowid":null,"file":null}]`
const SCHEMA = `{${SETTINGS},${OBJECTS},${TABLES}}`
const SUMMARY = '{"tables":{"users":3,"numbers":6,"empty":0},"rows":9,"lost":[]}'
const USERS = [
  String.raw`{"id":1,"name":"Ada \"the first\", O'Hara","e \"x\"":{"$blob":"AP8="}}`,
  String.raw`{"id":2,"name":"","e \"x\"":null}`,
  String.raw`{"id":3,"name":"=1+1","e \"x\"":1.0}`,
]
const NUMBERS = [
  '{"rowid":-5,"n":{"$integer":"9223372036854775807"}}',
  '{"rowid":7,"n":{"$real":"Infinity"}}',
  '{"rowid":8,"n":-0.5}',
  String.raw`{"rowid":9,"n":"a\u0000"}`,
  '{"rowid":10,"n":{"$text":"gA=="}}',
  String.raw`{"rowid":11,"n":"x\ny"}`,
]

describe('json', () => {
  test('is one document with a row a line', async () => {
    expect(await exportedFile({ format: 'json' })).toBe(`{
"metadata":${metadata('json')},
"schema":${SCHEMA},
"tables":{
"users":[
${USERS.join(',\n')}
],
"numbers":[
${NUMBERS.join(',\n')}
],
"empty":[
]
},
"summary":${SUMMARY}
}
`)
  })

  test('is the default, and JSON.parse reads it', async () => {
    const document = JSON.parse(await exportedFile({})) as Record<string, Record<string, unknown>>
    expect(Object.keys(document)).toEqual(['metadata', 'schema', 'tables', 'summary'])
    expect(document['tables']?.['users']).toHaveLength(3)
    expect(document['tables']?.['empty']).toEqual([])
    expect(document['summary']).toEqual(JSON.parse(SUMMARY))
  })

  test('says the same when it is laid out for people', async () => {
    const pretty = await exportedFile({ pretty: true })
    expect(JSON.parse(pretty)).toEqual(JSON.parse(await exportedFile({})))
    expect(pretty).toContain(`  "tables": {
    "users": [
      {
        "id": 1,
        "name": "Ada \\"the first\\", O'Hara",
        "e \\"x\\"": {
          "$blob": "AP8="
        }
      },
      {
        "id": 2,`)
    expect(pretty).toContain('\n    "empty": [\n    ]\n  },\n  "summary": {\n    "tables": {')
  })

  test('is a document too when the database has no table', async () => {
    const path = join(temporaryDirectory(), 'nothing.db')
    buildDatabase(path, 'PRAGMA user_version = 1')
    const { exportPath, rows } = succeeded(await protect(path, { engine: 'here' }).exportData())
    expect(rows).toBe(0)
    expect(JSON.parse(readFileSync(exportPath, 'utf8'))).toMatchObject({
      schema: { objects: [], tables: [] },
      tables: {},
      summary: { tables: {}, rows: 0, lost: [] },
    })
  })
})

test('ndjson has a document a line', async () => {
  const lines = [
    `{"metadata":${metadata('ndjson')}}`,
    `{"schema":${SCHEMA}}`,
    ...USERS.map(row => `{"table":"users","row":${row}}`),
    ...NUMBERS.map(row => `{"table":"numbers","row":${row}}`),
    `{"summary":${SUMMARY}}`,
  ]
  expect(await exportedFile({ format: 'ndjson' })).toBe(`${lines.join('\n')}\n`)
})

describe('csv', () => {
  test('is a directory with a file for each table, and one that describes them', async () => {
    const files = await exported({ format: 'csv' })
    expect([...files.keys()].toSorted()).toEqual(['empty.csv', 'numbers.csv', 'schema.json', 'users.csv'])
    expect(files.get('users.csv')).toBe(
      ['"id","name","e ""x"""', `1,"Ada ""the first"", O'Hara",X'00FF'`, '2,"",', '3,"=1+1",1.0', ''].join(
        '\r\n',
      ),
    )
    expect(files.get('numbers.csv')).toBe(
      [
        '"rowid","n"',
        '-5,9223372036854775807',
        '7,Infinity',
        '8,-0.5',
        "9,CAST(X'6100' AS TEXT)",
        "10,CAST(X'80' AS TEXT)",
        '11,"x\ny"',
        '',
      ].join('\r\n'),
    )
    expect(files.get('empty.csv')).toBe('"a","b"\r\n')
    const schema = JSON.parse(files.get('schema.json') ?? '') as unknown
    const tables = (JSON.parse(SCHEMA) as { tables: { name: string }[] }).tables
    expect(schema).toEqual({
      metadata: JSON.parse(metadata('csv', ',"csv":{"delimiter":",","null":"","excel_safe":false}')),
      schema: {
        ...(JSON.parse(SCHEMA) as object),
        tables: tables.map(table => ({ ...table, file: `${table.name}.csv` })),
      },
      summary: JSON.parse(SUMMARY),
    })
  })

  test('takes another delimiter and another word for NULL, and keeps spreadsheets from computing', async () => {
    const files = await exported({ format: 'csv', csv: { delimiter: ';', null: 'NULL', excelSafe: true } })
    expect(files.get('users.csv')).toBe(
      `"id";"name";"e ""x"""\r\n1;"Ada ""the first"", O'Hara";X'00FF'\r\n2;"";NULL\r\n3;"'=1+1";1.0\r\n`,
    )
  })

  test('is the same in a ZIP', async () => {
    const plain = await exported({ format: 'csv' })
    expect(await exported({ format: 'csv', zip: true })).toEqual(plain)
  })

  testWith(['python3'], "is what Python's csv module reads", async () => {
    const directory = temporaryDirectory()
    const path = join(directory, 'tiny.db')
    buildDatabase(path, TINY)
    const { exportPath } = succeeded(
      await protect(path, { engine: 'here' }).exportData({ format: 'csv', includeSensitive: true }),
    )
    const script =
      'import csv, json, sys\nprint(json.dumps([list(csv.reader(open(f, newline="", encoding="utf-8"), strict=True)) for f in sys.argv[1:]]))'
    const read = run('python3', [
      '-c',
      script,
      join(exportPath, 'users.csv'),
      join(exportPath, 'numbers.csv'),
    ])
    expect(JSON.parse(read)).toEqual([
      [
        ['id', 'name', 'e "x"'],
        ['1', 'Ada "the first", O\'Hara', "X'00FF'"],
        ['2', '', ''],
        ['3', '=1+1', '1.0'],
      ],
      [
        ['rowid', 'n'],
        ['-5', '9223372036854775807'],
        ['7', 'Infinity'],
        ['8', '-0.5'],
        ['9', "CAST(X'6100' AS TEXT)"],
        ['10', "CAST(X'80' AS TEXT)"],
        ['11', 'x\ny'],
      ],
    ])
  })
})

test('sql is a script that makes the database', async () => {
  expect(await exportedFile({ format: 'sql' }))
    .toBe(`-- Chame Backup export. Load it into a new database: sqlite3 new.db < this-file
-- metadata: ${metadata('sql')}
PRAGMA foreign_keys = OFF;
PRAGMA encoding = 'UTF-8';
PRAGMA page_size = 1024;
PRAGMA auto_vacuum = 0;
BEGIN;
CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, "e ""x""" BLOB);
CREATE TABLE numbers (n);
CREATE TABLE empty (a PRIMARY KEY, b) WITHOUT ROWID;
INSERT INTO "users"("id","name","e ""x""") VALUES(1,'Ada "the first", O''Hara',X'00FF');
INSERT INTO "users"("id","name","e ""x""") VALUES(2,'',NULL);
INSERT INTO "users"("id","name","e ""x""") VALUES(3,'=1+1',1.0);
INSERT INTO "numbers"("rowid","n") VALUES(-5,9223372036854775807);
INSERT INTO "numbers"("rowid","n") VALUES(7,9.0e+999);
INSERT INTO "numbers"("rowid","n") VALUES(8,-0.5);
INSERT INTO "numbers"("rowid","n") VALUES(9,CAST(X'6100' AS TEXT));
INSERT INTO "numbers"("rowid","n") VALUES(10,CAST(X'80' AS TEXT));
INSERT INTO "numbers"("rowid","n") VALUES(11,'x
y');
PRAGMA user_version = 0;
PRAGMA application_id = 0;
COMMIT;
PRAGMA journal_mode = WAL;
-- summary: ${SUMMARY}
`)
})

test('parquet is a file for each table, which other programs read', async () => {
  const files = await exported({ format: 'parquet', tables: ['users', 'empty'] })
  expect([...files.keys()].toSorted()).toEqual([
    'empty.parquet',
    'empty.parquet as read',
    'schema.json',
    'users.parquet',
    'users.parquet as read',
  ])
  expect(JSON.parse(files.get('users.parquet as read') ?? '')).toEqual([
    { id: '1', name: 'Ada "the first", O\'Hara', 'e "x"': '{"$blob":"AP8="}' },
    { id: '2', name: '', 'e "x"': null },
    { id: '3', name: '=1+1', 'e "x"': '1.0' },
  ])
  expect(JSON.parse(files.get('empty.parquet as read') ?? '')).toEqual([])
})

test.each(['zstd', 'gzip'] as const)('what is compressed with %s is the same inside', async compress => {
  for (const format of ['json', 'ndjson', 'csv', 'sql'] as const) {
    const plain = [...(await exported({ format })).values()]
    const files = await exported({ format, compress })
    const suffix = { zstd: '.zst', gzip: '.gz' }[compress]
    expect([...files.keys()].filter(name => name.endsWith(suffix))).toHaveLength(plain.length)
    expect([...files].filter(([name]) => !name.endsWith(suffix)).map(([, text]) => text)).toEqual(plain)
  }
})

describe('the names of exports', () => {
  test('tell the database, the time and whether it is sensitive, and only the owner reads those that are', async () => {
    const path = join(temporaryDirectory(), 'tiny.db')
    buildDatabase(path, TINY)
    const database = protect(path, { engine: 'here', timeZone: 'UTC' })
    const stamp = /^tiny_export_\d{8}_\d{6}/
    for (const [request, rest] of [
      [{}, '.json'],
      [{ includeSensitive: true }, '_sensitive.json'],
      [{ format: 'ndjson', compress: 'zstd' }, '.ndjson.zst'],
      [{ format: 'sql', compress: 'gzip' }, '.sql.gz'],
      [{ format: 'csv' }, ''],
      [{ format: 'csv', zip: true, includeSensitive: true }, '_sensitive.zip'],
      [{ format: 'parquet', includeSensitive: true }, '_sensitive'],
    ] as readonly (readonly [ExportDataRequest, string])[]) {
      const { exportPath, files, bytes } = succeeded(await database.exportData(request))
      const name = exportPath.slice(join(path, '..', 'backups', 'exports').length + 1)
      expect(name).toMatch(stamp)
      expect(name.replace(stamp, '').replace(/_\d+(?=\.|$)/, '')).toBe(rest)
      const isDirectory = statSync(exportPath).isDirectory()
      const stored = isDirectory
        ? files.map(file => statSync(join(exportPath, file)))
        : [statSync(exportPath)]
      expect(stored.map(({ mode }) => mode & 0o777)).toEqual(stored.map(() => 0o600))
      expect(stored.reduce((sum, { size }) => sum + size, 0)).toBe(bytes)
    }
    expect(filesBelow(join(path, '..', 'backups', 'exports')).some(name => name.startsWith('.'))).toBe(false)
  })

  test('get a number when two of them are made in one second', async () => {
    const path = join(temporaryDirectory(), 'tiny.db')
    buildDatabase(path, TINY)
    const database = protect(path, { engine: 'here' })
    const made = await Promise.all(Array.from({ length: 4 }, () => database.exportData({ format: 'csv' })))
    const paths = made.map(result => succeeded(result).exportPath)
    expect(new Set(paths).size).toBe(4)
    for (const exportPath of paths) expect(filesBelow(exportPath)).toHaveLength(4)
    expect(
      filesBelow(join(path, '..', 'backups', 'exports')).filter(name => !name.includes('/')),
    ).toHaveLength(4)
  })
})
