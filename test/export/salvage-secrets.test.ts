/** Safe exports of damaged databases: what can still be read of a secret is redacted. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { protect, succeeded } from '../support/product.ts'
import { buildHostile } from '../malformed/hostile.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { damage, pagesOf, salvage } from './damage.ts'
import { build, NUMBERS, ROWS, TEXT } from './damaged-database.ts'
import { needleOf, secretsIn } from './secrets.ts'

const SECRET = '$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW'

test('a secret in what can still be read of a damaged table is found and redacted', async () => {
  // Its column's name gives nothing away, so that only its values do.
  const path = build(`CREATE TABLE people (id INTEGER PRIMARY KEY, extra TEXT, name TEXT);
    ${NUMBERS} INSERT INTO people SELECT x, '${SECRET}', ${TEXT} FROM n;
    CREATE TABLE keyed (k INTEGER PRIMARY KEY, extra TEXT, name TEXT) WITHOUT ROWID; INSERT INTO keyed SELECT * FROM people`)
  damage(path, [
    ...pagesOf(path, 'people').slice(0, 1),
    ...pagesOf(path, 'people').slice(-1),
    ...pagesOf(path, 'keyed').slice(2, 3),
  ])
  const { result } = await salvage(path, { includeSensitive: false })
  expect(result.redacted).toEqual([
    { table: 'people', column: 'extra', how: 'omit' },
    { table: 'keyed', column: 'extra', how: 'omit' },
  ])
  expect(readFileSync(result.exportPath, 'latin1')).not.toContain(SECRET)
  expect(result.tables['people']).toBeGreaterThan(ROWS - 100)
  expect(result.tables['keyed']).toBeGreaterThan(ROWS - 100)
})

test('a damaged table whose redaction cannot be planned is left out, and said so', async () => {
  // A CHECK on what is to be replaced has all rows tried out, which damage does not let happen.
  const path =
    build(`CREATE TABLE logins (id INTEGER PRIMARY KEY, password TEXT NOT NULL UNIQUE CHECK (length(password) > 3));
    ${NUMBERS} INSERT INTO logins SELECT x, 'secret' || x || hex(zeroblob(20)) FROM n;
    CREATE VIEW everybody AS SELECT * FROM logins; CREATE INDEX i ON logins (password)`)
  damage(path, pagesOf(path, 'logins').slice(4, 5))
  const { result, rows } = await salvage(path, {
    includeSensitive: false,
    redact: { 'logins.password': 'hash' },
  })
  const bytes = readFileSync(result.exportPath, 'latin1')
  expect(bytes).not.toContain('secret1')
  if (rows['logins'] === undefined) {
    expect(result.leftOut).toContainEqual({
      type: 'table',
      name: 'logins',
      why: expect.stringMatching(/damaged/) as string,
    })
    expect(bytes).not.toContain('CREATE TABLE logins')
    expect(bytes).not.toContain('CREATE VIEW everybody')
  }
  expect(rows['t']).toHaveLength(ROWS)
  const to = join(path, '..', 'new.db')
  succeeded(await protect(path).importData({ from: result.exportPath, to }))
})

const PLAIN = 'hunterzwei99'
const PASSWORDS = `CREATE TABLE d (id INTEGER PRIMARY KEY, password TEXT); INSERT INTO d VALUES (1, '${PLAIN}');`
const losing = (name: string): string =>
  `UPDATE sqlite_schema SET sql = 'CREATE TABLE ${name} (a, (' WHERE name = '${name}'`

type Case = readonly [sql: string, damaging: string, leftOut: readonly string[]]
const CASES: Readonly<Record<string, Case>> = {
  'a view that compares a column of a lost table': [
    `${PASSWORDS} CREATE TABLE e (id); CREATE VIEW v AS SELECT id FROM d WHERE password = '${PLAIN}'`,
    losing('d'),
    ['v'],
  ],
  'a trigger that fills a lost table': [
    `${PASSWORDS} CREATE TABLE e (id); CREATE TRIGGER r AFTER INSERT ON e BEGIN INSERT INTO d VALUES (7, '${PLAIN}'); END`,
    losing('d'),
    ['r'],
  ],
  'a column that refers to a lost table': [
    `CREATE TABLE users (api_key TEXT PRIMARY KEY); INSERT INTO users VALUES ('${PLAIN}');
       CREATE TABLE visits (id INTEGER PRIMARY KEY, who TEXT REFERENCES users (api_key)); INSERT INTO visits (who) VALUES ('${PLAIN}')`,
    losing('users'),
    [],
  ],
  'a column that refers to the key of a lost table': [
    `CREATE TABLE user_sessions (id TEXT PRIMARY KEY); INSERT INTO user_sessions VALUES ('${PLAIN}');
       CREATE TABLE visits (id INTEGER PRIMARY KEY, who TEXT REFERENCES user_sessions); INSERT INTO visits (who) VALUES ('${PLAIN}')`,
    losing('user_sessions'),
    [],
  ],
  'an index whose trigger is lost': [
    `${PASSWORDS} CREATE VIRTUAL TABLE f USING fts5(words, content = '');
       CREATE TRIGGER r AFTER INSERT ON d BEGIN INSERT INTO f (rowid, words) VALUES (NEW.id, NEW.password); END;
       INSERT INTO d VALUES (2, '${PLAIN} again')`,
    "UPDATE sqlite_schema SET sql = 'CREATE TRIGGER r AFTER' WHERE name = 'r'",
    ['f', 'f_data', 'f_idx'],
  ],
  ...Object.fromEntries(
    ['fts4', 'fts5'].map(module => [
      `the data of a lost ${module} table`,
      [
        `CREATE VIRTUAL TABLE f USING ${module}(password); INSERT INTO f VALUES ('${PLAIN}'); CREATE TABLE e (id)`,
        `DELETE FROM sqlite_schema WHERE name = 'f'; ${losing('e')}`,
        ['f_content'],
      ] as const,
    ]),
  ),
  'the data of a lost R-Tree': [
    `CREATE VIRTUAL TABLE f USING rtree(id, low, high, +password TEXT); INSERT INTO f VALUES (1, 1, 2, '${PLAIN}'); CREATE TABLE e (id)`,
    `DELETE FROM sqlite_schema WHERE name = 'f'; ${losing('e')}`,
    ['f_node', 'f_rowid'],
  ],
  'the reason why an index is lost': [
    `${PASSWORDS} CREATE INDEX i ON d (id) WHERE password = '${PLAIN}'`,
    `UPDATE sqlite_schema SET sql = rtrim(sql, '''') WHERE name = 'i'`,
    [],
  ],
  'the reason why a view is lost': [
    `CREATE VIEW v AS SELECT 1 AS "${PLAIN}"; CREATE TABLE e (id)`,
    `UPDATE sqlite_schema SET sql = replace(sql, 'AS "', '"" ') WHERE name = 'v'`,
    [],
  ],
}

describe('where a part of the schema is lost', () => {
  test.each(Object.entries(CASES))('%s carries no secret', async (_, [sql, damaging, leftOut]) => {
    const path = join(temporaryDirectory(), 'x.db')
    buildHostile(path, `PRAGMA journal_mode = delete; ${sql}; PRAGMA writable_schema = ON; ${damaging}`)
    const database = protect(path, { engine: 'here' })
    const request = { format: 'sql', salvage: true } as const
    const safe = succeeded(await database.exportData(request))
    expect(secretsIn(readFileSync(safe.exportPath), [needleOf(PLAIN)])).toEqual([])
    expect(JSON.stringify(safe)).not.toContain(PLAIN)
    expect(safe.lost.length).toBeGreaterThan(0)
    expect(safe.leftOut.map(({ name }) => name)).toEqual(expect.arrayContaining([...leftOut]))
    const to = join(path, '..', 'new.db')
    succeeded(await database.importData({ from: safe.exportPath, to }))
  })
})
