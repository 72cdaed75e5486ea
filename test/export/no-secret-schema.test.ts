/** Ways by which a schema would carry a secret past the redaction of the column that it stands in. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import type { ExportDataRequest } from '../../src/index.ts'
import { protect, succeeded } from '../support/product.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { needleOf, secretsIn } from './secrets.ts'

const SECRET = 'hunterzwei99'
const CARD = '4111111111111111'
const JSON_TEXT = `{"password":"${SECRET}"}`

const PASSWORDS = `CREATE TABLE d (id INTEGER PRIMARY KEY, password TEXT); INSERT INTO d VALUES (1, '${SECRET}');`
/** Its passwords are replaced: the schema does not let go of them. */
const KEPT = `CREATE TABLE d (id INTEGER PRIMARY KEY, password TEXT NOT NULL UNIQUE); INSERT INTO d VALUES (1, '${SECRET}');`
const CHILD = `CREATE TABLE sessions (session_token TEXT PRIMARY KEY);
  CREATE TABLE events (id INTEGER PRIMARY KEY, ref TEXT REFERENCES sessions (session_token));
  INSERT INTO sessions VALUES ('${SECRET}'); INSERT INTO events (ref) VALUES ('${SECRET}');`
const PARENT = `CREATE TABLE users (id INTEGER PRIMARY KEY, code TEXT UNIQUE);
  CREATE TABLE links (token TEXT REFERENCES users (code));
  INSERT INTO users (code) VALUES ('${SECRET}'); INSERT INTO links VALUES ('${SECRET}');`
const INDEXED = `CREATE TABLE documents (id INTEGER PRIMARY KEY, body TEXT); INSERT INTO documents (body) VALUES ('${JSON_TEXT}');
  CREATE VIRTUAL TABLE f USING fts5(body, content = 'documents', content_rowid = 'id'); INSERT INTO f (f) VALUES ('rebuild');`
const FED = `${KEPT} CREATE VIRTUAL TABLE f USING fts5(words, content = '');
  CREATE TRIGGER t AFTER INSERT ON d BEGIN INSERT INTO f (rowid, words) VALUES (NEW.id, NEW.password); END;
  INSERT INTO d VALUES (2, '${SECRET} again');`

const CASES: Readonly<Record<string, readonly [sql: string, request?: ExportDataRequest]>> = {
  'the child of a foreign key': [CHILD],
  'the child of a foreign key, exported alone': [CHILD, { tables: ['events'] }],
  'the parent of a foreign key': [PARENT],
  'the parent of a foreign key, exported alone': [PARENT, { exclude: ['links'] }],
  'a full-text index': [INDEXED],
  'a full-text index, exported alone': [INDEXED, { tables: ['f'] }],
  'a full-text index that a trigger feeds': [FED],
  'a full-text index that a trigger feeds, exported alone': [FED, { tables: ['f'] }],
  'a full-text table with its own content': [
    `CREATE VIRTUAL TABLE f USING fts5(body); INSERT INTO f VALUES ('${JSON_TEXT}')`,
  ],
  'a column of a full-text table that has the name of a secret': [
    `CREATE VIRTUAL TABLE f USING fts5(title, "api key", content = ''); INSERT INTO f VALUES ('x', '${SECRET}')`,
  ],
  'a table that a full-text one only indexes, called like a part of it': [
    `CREATE TABLE f_content (id INTEGER PRIMARY KEY, body TEXT, password TEXT); INSERT INTO f_content VALUES (1, 'x', '${SECRET}');
     CREATE VIRTUAL TABLE f USING fts5(body, content = 'f_content', content_rowid = 'id')`,
  ],
  'a part of a full-text table, exported alone': [
    `CREATE VIRTUAL TABLE f USING fts5(body); INSERT INTO f VALUES ('${JSON_TEXT}')`,
    { tables: ['f_content'] },
  ],
  'an FTS4 table': [`CREATE VIRTUAL TABLE f USING fts4(body); INSERT INTO f VALUES ('${JSON_TEXT}')`],
  'an R-Tree with more than numbers': [
    `CREATE VIRTUAL TABLE r USING rtree(id, low, high, +password TEXT); INSERT INTO r VALUES (1, 1, 2, '${SECRET}')`,
  ],
  'the counter of AUTOINCREMENT': [
    `CREATE TABLE cards (card_number INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT); INSERT INTO cards VALUES (${CARD}, 'x')`,
  ],
  'the counter of AUTOINCREMENT, exported with some of the tables': [
    `CREATE TABLE cards (card_number INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT); INSERT INTO cards VALUES (${CARD}, 'x');
     CREATE TABLE other (id INTEGER PRIMARY KEY AUTOINCREMENT); INSERT INTO other VALUES (7); CREATE TABLE third (x)`,
    { tables: ['cards', 'other'] },
  ],
  'an INTEGER PRIMARY KEY and what refers to it': [
    `CREATE TABLE cards (card_number INTEGER PRIMARY KEY, name TEXT); INSERT INTO cards VALUES (${CARD}, 'x');
     CREATE TABLE payments (card REFERENCES cards); INSERT INTO payments VALUES (${CARD})`,
  ],
  'a database in UTF-16': [
    `PRAGMA encoding = 'UTF-16le'; CREATE TABLE d (password TEXT NOT NULL, j TEXT, b BLOB);
     INSERT INTO d VALUES ('${SECRET}', '${JSON_TEXT}', CAST('${JSON_TEXT}' AS BLOB))`,
  ],
  'a view of a view under another name': [
    `${KEPT} CREATE VIEW v AS SELECT password AS p FROM d; CREATE VIEW w AS SELECT * FROM v WHERE p = '${SECRET}'`,
  ],
  'a view that adds a row': [`${KEPT} CREATE VIEW v AS SELECT * FROM d UNION SELECT 2, '${SECRET}'`],
  'a view that looks for a value in the whole table': [
    `CREATE TABLE secrets (value TEXT NOT NULL UNIQUE); INSERT INTO secrets VALUES ('${SECRET}'); CREATE VIEW v AS SELECT '${SECRET}' IN main.secrets`,
  ],
  'a view that gives the columns other names': [
    `${KEPT} CREATE VIEW v AS WITH c (a, b) AS MATERIALIZED (SELECT * FROM d) SELECT a FROM c WHERE b = '${SECRET}'`,
  ],
  'a view that gives columns other names, some of which are left out': [
    `${PASSWORDS} CREATE VIEW v AS WITH c (a, b) AS (SELECT * FROM d) SELECT a FROM c WHERE b = '${SECRET}'`,
  ],
  'a trigger on a view': [
    `${KEPT} CREATE VIEW v AS SELECT password AS p FROM d;
     CREATE TRIGGER t INSTEAD OF INSERT ON v WHEN NEW.p = '${SECRET}' BEGIN SELECT 1; END`,
  ],
  'a trigger that inserts without naming columns': [
    `${PASSWORDS} CREATE TRIGGER t AFTER DELETE ON d BEGIN INSERT INTO d VALUES (7, '${SECRET}'); END`,
  ],
  'a trigger of another table that does': [
    `${KEPT} CREATE TABLE e (id); CREATE TRIGGER t AFTER INSERT ON e BEGIN INSERT INTO "d" SELECT 7, '${SECRET}'; END`,
  ],
  'a partial index': [`${KEPT} CREATE INDEX i ON d (id) WHERE password = '${SECRET}'`],
  'settings WITHOUT ROWID, STRICT': [
    `CREATE TABLE kv (k TEXT PRIMARY KEY, v ANY) STRICT, WITHOUT ROWID; INSERT INTO kv VALUES ('smtp.password', '${SECRET}'), ('a', 'b')`,
  ],
}

test.each(Object.entries(CASES))('%s carries no secret', async (_, [sql, request = {}]) => {
  const directory = temporaryDirectory()
  const path = join(directory, 'x.db')
  const connection = new DatabaseSync(path)
  connection.exec(`PRAGMA journal_mode = wal; ${sql}`)
  connection.close()
  const database = protect(path, { engine: 'here' })
  const found = async (options: ExportDataRequest): Promise<string[]> => {
    const { exportPath } = succeeded(await database.exportData({ format: 'sql', ...request, ...options }))
    return secretsIn(readFileSync(exportPath), [SECRET, CARD].map(needleOf))
  }
  expect(await found({})).toEqual([])
  // Otherwise nothing would be proven.
  expect(await found({ includeSensitive: true })).toHaveLength(1)
  const { exportPath } = succeeded(await database.exportData(request))
  const imported = succeeded(await database.importData({ from: exportPath, to: join(directory, 'new.db') }))
  // A part of the tables may refer to others.
  const isWhole = request.tables === undefined && request.exclude === undefined
  if (isWhole) expect(imported.notes).toEqual([])
})

test('a request that names further columns leaves what is included otherwise as it is', async () => {
  const path = join(temporaryDirectory(), 'x.db')
  const connection = new DatabaseSync(path)
  connection.exec(`PRAGMA journal_mode = wal; CREATE TABLE u (id INTEGER PRIMARY KEY, email TEXT);
    CREATE VIRTUAL TABLE f USING fts5(body); INSERT INTO f VALUES ('${JSON_TEXT}')`)
  connection.close()
  const request = { includeSensitive: true, redact: { 'u.email': 'mask' } } as const
  const exported = succeeded(await protect(path, { engine: 'here' }).exportData(request))
  expect(exported.leftOut).toEqual([])
})

test('a full-text index stays where only a column of the same name in another table is redacted', async () => {
  const path = join(temporaryDirectory(), 'x.db')
  const connection = new DatabaseSync(path)
  connection.exec(`PRAGMA journal_mode = wal; CREATE TABLE user_sessions (id TEXT PRIMARY KEY); INSERT INTO user_sessions VALUES ('${SECRET}');
    CREATE TABLE posts (id INTEGER PRIMARY KEY, title TEXT);
    CREATE VIRTUAL TABLE f USING fts5(title, content = 'posts', content_rowid = 'id')`)
  connection.close()
  const exported = succeeded(await protect(path, { engine: 'here' }).exportData())
  expect(exported.redacted).toEqual([{ table: 'user_sessions', column: 'id', how: 'hash' }])
  expect(exported.leftOut).toEqual([])
})
