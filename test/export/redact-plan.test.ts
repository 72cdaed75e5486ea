/** What becomes of a redacted column by itself, and of what cannot be redacted. */
import { describe, expect, test } from 'vitest'
import type { RedactionWay } from '../../src/export/model.ts'
import { quoteName } from '../../src/sqlite/sql.ts'
import { database, insert, planOf, redact, SECRET } from './redact-database.ts'

describe('A redacted export', () => {
  test.each<[string, string, RedactionWay, RedactionWay]>([
    ['a plain column is left out', 'secret TEXT', 'omit', 'omit'],
    ['a NOT NULL column is left out', 'secret TEXT NOT NULL', 'omit', 'omit'],
    [
      'a column with a CHECK of its own is left out',
      "secret TEXT CHECK (secret LIKE 'hunter2%')",
      'omit',
      'omit',
    ],
    ['a UNIQUE column that may be NULL becomes NULL', 'secret TEXT UNIQUE', 'omit', 'null'],
    ['a UNIQUE NOT NULL column is hashed', 'secret TEXT NOT NULL UNIQUE', 'omit', 'hash'],
    ['a PRIMARY KEY of text is hashed', 'secret TEXT PRIMARY KEY', 'omit', 'hash'],
    [
      'a UNIQUE column keeps its mask, with something to tell values apart',
      'secret TEXT UNIQUE',
      'mask',
      'mask',
    ],
    [
      'a UNIQUE column that ignores case is hashed',
      'secret TEXT NOT NULL COLLATE NOCASE UNIQUE',
      'fixed',
      'hash',
    ],
    ['a UNIQUE column is made up', 'secret TEXT UNIQUE NOT NULL', 'fake', 'fake'],
    ['a column becomes NULL', 'secret TEXT', 'null', 'null'],
    ['a NOT NULL column cannot become NULL and is fixed', 'secret TEXT NOT NULL', 'null', 'fixed'],
    ['a CHECK of the table keeps the column', 'secret TEXT, CHECK (length(secret) > 3)', 'omit', 'null'],
    [
      'a CHECK of the table is passed by a fixed value',
      'secret TEXT NOT NULL, CHECK (length(secret) > 3)',
      'omit',
      'fixed',
    ],
    [
      'a CHECK on the length is passed by a hash of the same shape',
      'secret TEXT NOT NULL, CHECK (length(secret) = 9)',
      'omit',
      'hash',
    ],
    [
      'a CHECK on JSON is passed by an empty object',
      "secret TEXT NOT NULL DEFAULT '{}', CHECK (json_valid('[' || json_quote(secret) || ']') AND secret GLOB 'h*')",
      'hash',
      'mask',
    ],
    [
      'a CHECK on several columns holds',
      'other INT DEFAULT 1, secret TEXT, CHECK ((secret IS NULL) = (other IS NULL))',
      'omit',
      'fixed',
    ],
  ])('%s', async (_, column, wanted, done) => {
    const source = database(`CREATE TABLE t (id INTEGER, z TEXT, ${column})`)
    insert(
      source,
      't',
      ['id', 'secret', 'z'],
      [
        [1, `${SECRET}-a`, 'x'],
        [2, `${SECRET}-b`, 'y'],
      ],
    )
    const { plan, result } = await redact(source, { t: { secret: wanted } })
    expect(plan.redacted).toEqual([{ table: 't', column: 'secret', how: done }])
    expect(result.prepare('SELECT id, z FROM t ORDER BY id').all()).toEqual([
      { id: 1, z: 'x' },
      { id: 2, z: 'y' },
    ])
  })

  test('what was asked for is done in each way', async () => {
    const rows = [['hunter2@example.com'], [null], [' hunter2 ']]
    for (const how of ['null', 'mask', 'hash', 'fixed', 'fake'] as const) {
      const source = database('CREATE TABLE t (email TEXT)')
      insert(source, 't', ['email'], rows)
      const { plan, result } = await redact(source, { t: { email: how } })
      expect(plan.redacted).toEqual([{ table: 't', column: 'email', how }])
      const [first, second] = result
        .prepare('SELECT email FROM t')
        .all()
        .map(row => row['email'])
      expect(second).toBeNull()
      if (how === 'mask') expect(first).toBe('h***@e***.com')
      if (how === 'fake') expect(first).toMatch(/@example\./)
    }
  })

  test('STRICT and WITHOUT ROWID tables keep the types of their columns', async () => {
    const types = ['INT', 'INTEGER', 'REAL', 'TEXT', 'BLOB', 'ANY']
    for (const how of ['mask', 'hash', 'fixed', 'fake'] as const) {
      const source = database(
        `CREATE TABLE t (k TEXT PRIMARY KEY, ${types.map(type => `c${type} ${type} NOT NULL`).join(', ')}) STRICT, WITHOUT ROWID`,
      )
      const columns = ['k', ...types.map(type => `c${type}`)]
      insert(source, 't', columns, [[`${SECRET}k`, 4711, -5n, 1.5, SECRET, Buffer.from(SECRET), SECRET]])
      const { result } = await redact(source, { t: Object.fromEntries(columns.map(column => [column, how])) })
      const row = result
        .prepare(`SELECT ${types.map(type => `typeof(c${type}) c${type}`).join(', ')} FROM t`)
        .get()
      expect(row).toEqual({
        cINT: 'integer',
        cINTEGER: 'integer',
        cREAL: 'real',
        cTEXT: 'text',
        cBLOB: 'blob',
        cANY: 'text',
      })
    }
  })

  test('a table that no way of redacting passes is refused with what to do', async () => {
    const source = database("CREATE TABLE t (secret TEXT NOT NULL, CHECK (secret IN ('hunter2', 'hunter3')))")
    insert(source, 't', ['secret'], [[SECRET]])
    await expect(redact(source, { t: { secret: 'omit' } })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      hint: expect.stringContaining('--exclude t'),
    })
  })

  test('a schema with functions that only its application has is redacted all the same', async () => {
    const source = database('SELECT 1')
    source.function('app_check', { deterministic: true, varargs: true }, () => 1)
    source.exec('CREATE TABLE t (id INTEGER PRIMARY KEY, secret TEXT NOT NULL, CHECK (app_check(secret)))')
    insert(source, 't', ['secret'], [[SECRET]])
    const plan = await planOf(source, { t: { secret: 'omit' } })
    expect(plan.redacted).toEqual([{ table: 't', column: 'secret', how: 'fixed' }])
  })

  test('names that are hostile reach no statement unquoted', async () => {
    const table = `x"; DROP TABLE "y'`
    const column = `sec"ret'); --`
    const source = database(
      `CREATE TABLE ${quoteName(table)} (id INTEGER PRIMARY KEY, ${quoteName(column)} TEXT, "group" TEXT NOT NULL)`,
    )
    insert(source, table, [column, 'group'], [[SECRET, SECRET]])
    const omitted = await redact(source, { [table]: { [column]: 'omit', group: 'omit' } })
    expect(omitted.plan.redacted.map(({ how }) => how)).toEqual(['omit', 'omit'])
    const hashed = await redact(source, { [table]: { [column]: 'hash', group: 'fixed' } })
    expect(hashed.plan.redacted.map(({ how }) => how)).toEqual(['hash', 'fixed'])
  })

  test('conflict clauses of the schema hide no row that does not fit', async () => {
    const source = database(
      "CREATE TABLE t (secret TEXT NOT NULL ON CONFLICT IGNORE, CHECK (secret <> 'redacted') ON CONFLICT ROLLBACK)",
    )
    insert(
      source,
      't',
      ['secret'],
      Array.from({ length: 200 }, (_, index) => [`${SECRET}${index}`]),
    )
    const { result } = await redact(source, { t: { secret: 'fixed' } })
    expect(result.prepare('SELECT count(*) AS n FROM t').get()).toEqual({ n: 200 })
  })
})
