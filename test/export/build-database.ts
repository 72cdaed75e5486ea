/** Databases with generated schemas and rows: what an export, imported again, must be equal to. */
import type { DatabaseSync } from 'node:sqlite'
import fc from 'fast-check'
import { quoteName } from '../../src/sqlite/sql.ts'
import { type DatabaseForm, openDatabase } from '../support/databases.ts'
import { anyRowid, anyValue, RawText, type Value } from './build-values.ts'

/** Some statements, rows for one table, and some statements more. */
export interface Part {
  readonly before: readonly string[]
  /** What rows are inserted into: a table and its columns, as SQL. Rows that a constraint refuses are left out. */
  readonly into: string
  readonly rows: readonly (readonly Value[])[]
  readonly after: readonly string[]
}

export interface GeneratedDatabase {
  readonly form: DatabaseForm
  readonly userVersion: number
  readonly applicationId: number
  readonly parts: readonly Part[]
  readonly isAnalyzed: boolean
}

/** Names that are odd in SQL, in JSON, in JavaScript or in a file system. */
const ODD_NAMES: readonly string[] = [
  'select',
  'ROWID',
  '_rowid_',
  'oid',
  '$rowid',
  '__proto__',
  'constructor',
  'a "quoted" name',
  "it's",
  'x`y]z[',
  ' space ',
  'größe',
  'Größe',
  '名前',
  '😀',
  'e\u0301',
  '\u00e9',
  '1',
  '0',
  'a;b--c',
  '/* open',
  'line\nend',
  'cr\r',
  'tab\t',
  '../up',
  'CON',
  'schema',
  '\ufeff',
  '%41',
  'K',
  '\u212a',
]

const anyName = fc.oneof(
  { arbitrary: fc.constantFrom(...ODD_NAMES), weight: 3 },
  { arbitrary: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 8 }), weight: 1 },
)

/** SQLite takes names for one that differ in the case of A to Z only. */
function fold(name: string): string {
  return name.replaceAll(/[A-Z]/g, letter => letter.toLowerCase())
}

function namesOf(minLength: number, maxLength: number): fc.Arbitrary<string[]> {
  return fc.uniqueArray(anyName, { minLength, maxLength, selector: fold })
}

const anyType = fc.constantFrom(
  '',
  '',
  'INTEGER',
  'REAL',
  'TEXT',
  'BLOB',
  'NUMERIC',
  'VARCHAR(9) COLLATE NOCASE',
)
const strictType = fc.constantFrom('ANY', 'ANY', 'INT', 'INTEGER', 'REAL', 'TEXT', 'BLOB')
const ROWID_NAMES: readonly string[] = ['rowid', '_rowid_', 'oid']

interface Shape {
  readonly names: readonly string[]
  readonly types: readonly string[]
  readonly rows: readonly (readonly Value[])[]
  readonly rowids: readonly bigint[]
  readonly wishes: number
}

function shapeOf(type: fc.Arbitrary<string>): fc.Arbitrary<Shape> {
  return namesOf(1, 4).chain(names =>
    fc.record({
      names: fc.constant(names),
      types: fc.array(type, { minLength: names.length, maxLength: names.length }),
      rows: fc.array(fc.array(anyValue, { minLength: names.length, maxLength: names.length }), {
        maxLength: 6,
      }),
      rowids: fc.uniqueArray(anyRowid, { minLength: 6, maxLength: 6 }),
      wishes: fc.nat(),
    }),
  )
}

type Kind = (table: string, shape: Shape) => Part

/** Rowids of their own, where a name for them is left. */
const plain: Kind = (table, { names, types, rows, rowids, wishes }) => {
  const name = quoteName(table)
  const columns = names.map(quoteName)
  const rowid = ROWID_NAMES.find(each => !names.some(other => fold(other) === each))
  const [first = ''] = columns
  return {
    before: [
      `CREATE TABLE ${name} (${columns.map((column, i) => `${column} ${types[i]}`).join(', ')})${wishes % 2 ? ' /* "comment; */' : ''}`,
      ...(wishes % 3 === 0
        ? [`CREATE INDEX ${quoteName(`i of ${table}`)} ON ${name} (${first} COLLATE NOCASE DESC)`]
        : []),
      ...(wishes % 3 === 1
        ? [
            `CREATE INDEX ${quoteName(`i of ${table}`)} ON ${name} (length(${first}), ${first}) WHERE ${first} IS NOT NULL`,
          ]
        : []),
      ...(wishes % 5 === 0
        ? [`CREATE UNIQUE INDEX ${quoteName(`u of ${table}`)} ON ${name} (${columns.join()})`]
        : []),
    ],
    into: `${name} (${[...(rowid === undefined ? [] : [rowid]), ...columns].join()})`,
    rows: rows.map((row, i) => (rowid === undefined ? row : [rowids[i] ?? 0n, ...row])),
    after: [
      `CREATE VIEW ${quoteName(`v of ${table}`)} AS SELECT ${first} AS ";" FROM ${name}`,
      `CREATE TRIGGER ${quoteName(`t of ${table}`)} AFTER INSERT ON ${name} BEGIN INSERT INTO ${name} (${first}) VALUES (CASE 1 WHEN 1 THEN 'a;b' END); END`,
    ],
  }
}

const withoutRowid: Kind = (table, { names, types, rows, wishes }) => {
  const columns = names.map(quoteName)
  const key = columns
    .slice(0, (wishes % columns.length) + 1)
    .map((column, i) => (i % 2 ? `${column} DESC` : column))
  return {
    before: [
      `CREATE TABLE ${quoteName(table)} (${columns.map((column, i) => `${column} ${types[i]}`).join(', ')}, PRIMARY KEY (${key.join()})) WITHOUT ROWID`,
      `CREATE INDEX ${quoteName(`i of ${table}`)} ON ${quoteName(table)} (${columns.at(-1)})`,
    ],
    into: `${quoteName(table)} (${columns.join()})`,
    rows,
    after: [],
  }
}

const strict: Kind = (table, { names, types, rows }) => ({
  before: [
    `CREATE TABLE ${quoteName(table)} (${names.map((name, i) => `${quoteName(name)} ${types[i]}`).join(', ')}) STRICT`,
  ],
  into: `${quoteName(table)} (${names.map(quoteName).join()})`,
  rows,
  after: [],
})

const generated: Kind = (table, { names, types, rows, wishes }) => {
  const columns = names.map(quoteName)
  const [first = ''] = columns
  const own = columns.map((column, i) => `${column} ${types[i]} DEFAULT 'it''s'`)
  return {
    before: [
      `CREATE TABLE ${quoteName(table)} ("g:1" TEXT AS (typeof(${first})) STORED, ${own.join(', ')}, "g:2" AS (${first}) ${wishes % 2 ? 'VIRTUAL' : 'STORED'}, CHECK ("g:1" <> 'x'))`,
      `CREATE INDEX ${quoteName(`i of ${table}`)} ON ${quoteName(table)} ("g:2")`,
    ],
    into: `${quoteName(table)} (${columns.join()})`,
    rows,
    after: [],
  }
}

const counted: Kind = (table, { names, types, rows, rowids }) => ({
  before: [
    `CREATE TABLE ${quoteName(table)} ("id:" INTEGER PRIMARY KEY AUTOINCREMENT, ${names.map((name, i) => `${quoteName(name)} ${types[i]}`).join(', ')})`,
  ],
  into: `${quoteName(table)} ("id:", ${names.map(quoteName).join()})`,
  rows: rows.map((row, i) => [rowids[i] ?? null, ...row]),
  after: [
    `DELETE FROM ${quoteName(table)} WHERE "id:" > 9007199254740991`,
    `UPDATE sqlite_sequence SET seq = 77 WHERE seq = 1`,
  ],
})

/** All names of the rowid are taken, so that nothing reads it. */
const shadowing: Kind = (table, { rows, types }) => ({
  before: [`CREATE TABLE ${quoteName(table)} ("rowid" ${types[0]}, _rowid_ BLOB, "OID")`],
  into: `${quoteName(table)} ("rowid", _rowid_, "OID")`,
  rows: rows.map(row => [row[0] ?? null, row[1] ?? 'x', row[2] ?? 1n]),
  after: [],
})

/** Each refers to the other, and the rows to whatever there is. */
const cyclic: Kind = (table, { rows, rowids }) => ({
  before: [
    `CREATE TABLE ${quoteName(table)} (id INTEGER PRIMARY KEY, other REFERENCES ${quoteName(`${table}'s other`)} (id) DEFERRABLE)`,
    `CREATE TABLE ${quoteName(`${table}'s other`)} (id INTEGER PRIMARY KEY, other REFERENCES ${quoteName(table)} (id) ON DELETE CASCADE)`,
    `INSERT INTO ${quoteName(`${table}'s other`)} VALUES (1, 1)`,
  ],
  into: `${quoteName(table)} (id, other)`,
  rows: rows.map((_, i) => [rowids[i] ?? null, 1n]),
  after: [],
})

const text = (value: Value | undefined): Value =>
  typeof value === 'string' ? value : `word ${String(value)}`

const VIRTUAL: readonly Kind[] = [
  (table, { rows }) => ({
    before: [
      `CREATE VIRTUAL TABLE ${quoteName(table)} USING fts5 ("a b", c, prefix = '2', tokenize = 'porter')`,
    ],
    into: `${quoteName(table)} ("a b", c)`,
    rows: rows.map(row => [text(row[0]), text(row[1])]),
    after: [`DELETE FROM ${quoteName(table)} WHERE rowid = 2`],
  }),
  (table, { rows, rowids }) => ({
    before: [
      `CREATE TABLE ${quoteName(`${table} doc`)} (id INTEGER PRIMARY KEY, t)`,
      `CREATE VIRTUAL TABLE ${quoteName(table)} USING fts5 (t, content = '${table} doc', content_rowid = id)`,
    ],
    into: `${quoteName(`${table} doc`)} (id, t)`,
    rows: rows.map((row, i) => [rowids[i] ?? null, text(row[0])]),
    after: [
      `INSERT INTO ${quoteName(table)} (rowid, t) SELECT id, t FROM ${quoteName(`${table} doc`)}`,
      `CREATE VIRTUAL TABLE ${quoteName(`${table} vocab`)} USING fts5vocab ('${table}', 'row')`,
    ],
  }),
  (table, { rows }) => ({
    before: [`CREATE VIRTUAL TABLE ${quoteName(table)} USING fts5 (x, content = '', contentless_delete = 1)`],
    into: `${quoteName(table)} (x)`,
    rows: rows.map(row => [text(row[0])]),
    after: [],
  }),
  (table, { rows }) => ({
    before: [`CREATE VIRTUAL TABLE ${quoteName(table)} USING rtree (id, x0, x1, +note)`],
    into: `${quoteName(table)} (id, x0, x1, note)`,
    rows: rows.map((row, i) => [BigInt(i - 2), i / 3, i * 2 + 1, row[0] ?? null]),
    after: [],
  }),
]

const ORDINARY: readonly Kind[] = [
  plain,
  plain,
  plain,
  withoutRowid,
  withoutRowid,
  generated,
  counted,
  shadowing,
  cyclic,
]

const anyKind: fc.Arbitrary<{ kind: Kind; shape: Shape }> = fc.oneof(
  { arbitrary: fc.record({ kind: fc.constantFrom(...ORDINARY), shape: shapeOf(anyType) }), weight: 6 },
  { arbitrary: fc.record({ kind: fc.constant(strict), shape: shapeOf(strictType) }), weight: 2 },
  { arbitrary: fc.record({ kind: fc.constantFrom(...VIRTUAL), shape: shapeOf(anyType) }), weight: 2 },
)

const anyForm: fc.Arbitrary<DatabaseForm> = fc.record({
  journalMode: fc.constantFrom('wal', 'delete'),
  pageSize: fc.constantFrom(512, 4096, 65_536),
  encoding: fc.constantFrom('UTF-8', 'UTF-8', 'UTF-16le', 'UTF-16be'),
  autoVacuum: fc.constantFrom('none', 'full', 'incremental'),
})
const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })

/** Any database of up to six tables, each in a form of its own. */
export const anyDatabase: fc.Arbitrary<GeneratedDatabase> = fc
  .tuple(
    fc.uniqueArray(anyTableName(), { maxLength: 6, selector: fold }),
    fc.array(anyKind, { minLength: 6, maxLength: 6 }),
  )
  .chain(([tables, kinds]) =>
    fc.record({
      form: anyForm,
      userVersion: int32,
      applicationId: int32,
      isAnalyzed: fc.boolean(),
      parts: fc.constant(tables.flatMap((table, i) => partOf(table, i, kinds[i]))),
    }),
  )

/** Names that begin so are SQLite's own. */
function anyTableName(): fc.Arbitrary<string> {
  return anyName.filter(name => !/^sqlite_/i.test(name))
}

function partOf(table: string, index: number, chosen: { kind: Kind; shape: Shape } | undefined): Part[] {
  if (chosen === undefined) return []
  // A module reads its table's name in several ways; what is odd there is not ours to prove.
  const name = VIRTUAL.includes(chosen.kind) ? `f ${index}` : table
  return [chosen.kind(name, chosen.shape)]
}

/** Makes the database and closes it: it is whole in its one file. */
export function makeDatabase(path: string, { form, parts, ...rest }: GeneratedDatabase): void {
  const connection = openDatabase(path, form)
  try {
    connection.exec('PRAGMA foreign_keys = OFF; BEGIN')
    for (const part of parts) makePart(connection, part)
    connection.exec(
      `PRAGMA user_version = ${rest.userVersion}; PRAGMA application_id = ${rest.applicationId}; COMMIT`,
    )
    if (rest.isAnalyzed) connection.exec('ANALYZE')
  } finally {
    connection.close()
  }
}

function makePart(connection: DatabaseSync, { before, into, rows, after }: Part): void {
  for (const statement of before) connection.exec(statement)
  for (const row of rows) insert(connection, into, row)
  for (const statement of after) connection.exec(statement)
}

const SQLITE_CONSTRAINT = 19

function insert(connection: DatabaseSync, into: string, row: readonly Value[]): void {
  const places = row.map(value => (value instanceof RawText ? 'CAST(? AS TEXT)' : '?'))
  const statement = connection.prepare(`INSERT OR IGNORE INTO ${into} VALUES (${places.join()})`)
  statement.setReadBigInts(true)
  try {
    statement.run(...row.map(value => (value instanceof RawText ? value.bytes : value)))
  } catch (error) {
    // A STRICT column that does not take the value.
    const isRefused =
      error instanceof Error && 'errcode' in error && (Number(error.errcode) & 0xff) === SQLITE_CONSTRAINT
    if (!isRefused) throw error
  }
}
