/** Safe exports of damaged databases: what can still be read of a secret is redacted. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { protect, succeeded } from '../support/product.ts'
import { damage, pagesOf, salvage } from './damage.ts'
import { build, NUMBERS, ROWS, TEXT } from './damaged-database.ts'

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
