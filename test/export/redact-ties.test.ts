/** What is tied to a redacted column: keys, generated columns, indexes, views, triggers, statistics. */
import { describe, expect, test } from 'vitest'
import type { RedactionPlan, WantedRedaction } from '../../src/export/redact/plan.ts'
import { planRedactions } from '../../src/sqlite/redaction.ts'
import {
  database,
  insert,
  objectsOf,
  OPTIONS,
  planOf,
  redact,
  SECRET,
  tablesOf,
  wanted,
} from './redact-database.ts'

describe('What is tied to a redacted column', () => {
  test('both sides of a foreign key are hashed alike, so that joins hold', async () => {
    const source = database(`
      CREATE TABLE sessions (token TEXT PRIMARY KEY COLLATE NOCASE, n INT);
      CREATE TABLE events (id INTEGER PRIMARY KEY, session TEXT REFERENCES sessions, prior TEXT REFERENCES sessions (token));
      CREATE TABLE deep (event_session TEXT, FOREIGN KEY (event_session) REFERENCES sessions (token))`)
    insert(
      source,
      'sessions',
      ['token', 'n'],
      [
        ['Hunter2-A', 1],
        ['hunter2-b', 2],
      ],
    )
    insert(
      source,
      'events',
      ['session', 'prior'],
      [
        ['hunter2-a', null],
        ['HUNTER2-B', 'Hunter2-A'],
      ],
    )
    insert(source, 'deep', ['event_session'], [['hunter2-B']])
    const { plan, result } = await redact(source, { sessions: { token: 'omit' } })
    expect(plan.redacted.map(({ table, column, how }) => `${table}.${column}=${how}`).sort()).toEqual([
      'deep.event_session=hash',
      'events.prior=hash',
      'events.session=hash',
      'sessions.token=hash',
    ])
    const joined = 'SELECT e.id, s.n FROM events e JOIN sessions s ON s.token = e.session ORDER BY e.id'
    expect(result.prepare(joined).all()).toEqual([
      { id: 1, n: 1 },
      { id: 2, n: 2 },
    ])
  })

  test('foreign keys of several columns, to itself and between types hold', async () => {
    const source = database(`
      CREATE TABLE p (a INTEGER, b TEXT, up INTEGER REFERENCES p (id), id INTEGER PRIMARY KEY, UNIQUE (a, b));
      CREATE TABLE c (a TEXT, b TEXT, FOREIGN KEY (a, b) REFERENCES p (a, b))`)
    insert(
      source,
      'p',
      ['id', 'a', 'b', 'up'],
      [
        [1, 10, `${SECRET}x`, null],
        [2, 20, `${SECRET}y`, 1],
      ],
    )
    insert(
      source,
      'c',
      ['a', 'b'],
      [
        ['10', `${SECRET}x`],
        ['20', `${SECRET}y`],
      ],
    )
    const { plan } = await redact(source, { p: { a: 'mask', b: 'fake', id: 'hash' } })
    expect(plan.redacted).toHaveLength(6)
    expect(plan.redacted.filter(({ column }) => column === 'b').map(({ how }) => how)).toEqual([
      'fake',
      'fake',
    ])
  })

  test('emptying the referring side alone leaves the other one as it is', async () => {
    const source = database(`
      CREATE TABLE users (id INTEGER PRIMARY KEY);
      CREATE TABLE orders (id INTEGER PRIMARY KEY, buyer INTEGER REFERENCES users)`)
    insert(source, 'users', ['id'], [[7]])
    insert(source, 'orders', ['buyer'], [[7]])
    const { plan } = await redact(source, { orders: { buyer: 'omit' } })
    expect(plan.redacted).toEqual([{ table: 'orders', column: 'buyer', how: 'omit' }])
  })

  test('a checked foreign key is hashed in its shape on both sides', async () => {
    const source = database(`
      CREATE TABLE a (k TEXT PRIMARY KEY CHECK (length(k) = 16));
      CREATE TABLE b (k TEXT REFERENCES a)`)
    insert(source, 'a', ['k'], [['hunter2-abcdefgh'], ['hunter2-ijklmnop']])
    insert(source, 'b', ['k'], [['hunter2-ijklmnop']])
    const plan = await planOf(source, { b: { k: 'omit' } })
    expect(plan.redacted).toEqual([{ table: 'b', column: 'k', how: 'null' }])
    const implied = await redact(source, { a: { k: 'omit' } })
    expect(implied.plan.redacted.map(({ how }) => how)).toEqual(['hash', 'hash'])
  })

  test('generated columns go with what they are computed from, and bring it with them', async () => {
    const schema = `CREATE TABLE t (id INTEGER PRIMARY KEY, data TEXT, low TEXT AS (lower(data)),
      twice TEXT AS (low || low) STORED, other TEXT)`
    const source = database(schema)
    insert(source, 't', ['data', 'other'], [[SECRET, 'x']])
    const dropped = await redact(source, { t: { data: 'omit' } })
    expect(dropped.plan.redacted.map(({ column, how }) => `${column}=${how}`)).toEqual([
      'data=omit',
      'low=omit',
      'twice=omit',
    ])
    const brought = await redact(source, { t: { twice: 'omit' } })
    expect(brought.plan.redacted.map(({ column, how }) => `${column}=${how}`)).toEqual([
      'data=omit',
      'low=omit',
      'twice=omit',
    ])
    const masked = await redact(source, { t: { data: 'mask' } })
    expect(masked.result.prepare('SELECT low FROM t').get()).toEqual({ low: 'h***' })
  })

  test('a generated column that reads JSON still can', async () => {
    const source = database(
      "CREATE TABLE t (data TEXT NOT NULL, kind TEXT AS (json_extract(data, '$.kind')) STORED UNIQUE)",
    )
    insert(source, 't', ['data'], [[`{"kind":"k","x":"${SECRET}"}`]])
    const { plan, result } = await redact(source, { t: { data: 'fixed' } })
    expect(plan.redacted).toEqual([{ table: 't', column: 'data', how: 'fixed' }])
    expect(result.prepare('SELECT data FROM t').get()).toEqual({ data: '{}' })
  })

  test('indexes, views and triggers that use or reveal a redacted column are left out and named', async () => {
    const source = database(`
      CREATE TABLE users (id INTEGER PRIMARY KEY, "e mail" TEXT, token TEXT, name TEXT);
      CREATE TABLE log (at TEXT, what TEXT);
      CREATE INDEX by_token ON users (token);
      CREATE INDEX by_secret ON users (name) WHERE token = '${SECRET}';
      CREATE INDEX by_name ON users (name);
      CREATE INDEX by_mail ON users ("e mail");
      CREATE INDEX by_low_mail ON users (lower([e mail]));
      CREATE VIEW everyone AS SELECT * FROM users;
      CREATE VIEW tokens AS SELECT token FROM everyone;
      CREATE VIEW more AS SELECT count(*) FROM tokens;
      CREATE VIEW mails AS SELECT "e mail" FROM users;
      CREATE VIEW one_mail AS SELECT id FROM users WHERE "e mail" = '${SECRET}@example.com';
      CREATE VIEW of_log AS SELECT 'token' AS token FROM log;
      CREATE TRIGGER copy AFTER UPDATE OF token ON users BEGIN INSERT INTO log VALUES ('', new.token); END;
      CREATE TRIGGER plain AFTER DELETE ON users BEGIN INSERT INTO log VALUES (old.id, ''); END`)
    insert(source, 'users', ['e mail', 'token', 'name'], [[`${SECRET}@x.com`, SECRET, 'Ann']])
    const { plan } = await redact(source, { users: { token: 'omit', 'e mail': 'mask' } })
    expect(plan.leftOut.map(({ name }) => name).sort()).toEqual(
      ['by_token', 'by_secret', 'by_low_mail', 'tokens', 'more', 'one_mail', 'copy'].sort(),
    )
    expect(plan.leftOut.find(({ name }) => name === 'more')?.why).toBe('it uses tokens, which is left out')
  })

  test('a full-text table that indexes, reads or is fed a redacted column goes with its shadow tables', async () => {
    const source = database(`
      CREATE TABLE notes (id INTEGER PRIMARY KEY, body TEXT, hidden TEXT, title TEXT);
      CREATE VIEW shown AS SELECT id, hidden AS x FROM notes;
      CREATE VIRTUAL TABLE over_content USING fts5(hidden, content='notes', content_rowid='id');
      CREATE VIRTUAL TABLE over_view USING fts5(x, content='shown', content_rowid='id');
      CREATE VIRTUAL TABLE fed USING fts5(y);
      CREATE TRIGGER feed AFTER INSERT ON notes BEGIN INSERT INTO fed VALUES (new.hidden); END;
      CREATE VIRTUAL TABLE filled USING fts4(z);
      CREATE VIRTUAL TABLE named USING fts5(password, content='');
      CREATE VIRTUAL TABLE kept USING fts5(title, content='notes', content_rowid='id');
      CREATE VIRTUAL TABLE places USING rtree(id, a, b)`)
    insert(source, 'notes', ['body', 'hidden', 'title'], [['b', SECRET, 'title']])
    insert(source, 'filled', ['z'], [[`postgres://app:${SECRET}@db/x`]])
    source.exec(
      "INSERT INTO over_content (over_content) VALUES ('rebuild'); INSERT INTO kept (kept) VALUES ('rebuild')",
    )
    const { plan } = await redact(source, { notes: { hidden: 'omit' } })
    const gone = new Set(plan.leftOut.map(({ name }) => name))
    for (const name of [
      'over_content',
      'over_content_data',
      'over_view',
      'fed',
      'fed_content',
      'feed',
      'filled',
      'filled_content',
      'filled_segments',
      'named',
      'named_data',
    ])
      expect(gone, name).toContain(name)
    expect([...gone].filter(name => /kept|places/.test(name))).toEqual([])
  })

  test('samples of the statistics are left out once anything is redacted', async () => {
    const source = database('CREATE TABLE t (secret TEXT)')
    const tables = [...tablesOf(source), { name: 'sqlite_stat4', kind: 'internal' as const, columns: [] }]
    const plan = (how: Map<string, Map<string, WantedRedaction>>): Promise<RedactionPlan> =>
      planRedactions(source, { objects: objectsOf(source), tables }, how, OPTIONS)
    expect((await plan(new Map())).leftOut).toEqual([])
    expect((await plan(wanted({ t: { secret: 'omit' } }))).leftOut.map(({ name }) => name)).toEqual([
      'sqlite_stat4',
    ])
  })
})
