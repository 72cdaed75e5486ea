import { expect, test } from 'vitest'
import { fromSqlite } from '../../src/snapshot/sqlite-failure.ts'
import { SqliteError } from '../../src/sqlite/sqlite-process.ts'

test.each([
  [7, 'ENGINE_FAILED', 'SQLite found no more memory: /data/app.db'],
  [18, 'IO_FAILED', 'It has, or computes, a value too large for SQLite: /data/app.db'],
  [10, 'IO_FAILED', 'SQLite could not read or write the database (what SQLite says): /data/app.db'],
])('SQLite’s result code %i is told as %s, with what to do next', (resultCode, code, message) => {
  const error = fromSqlite(new SqliteError({ message: 'what SQLite says', resultCode }), '/data/app.db')
  expect(error).toMatchObject({ code, message, hint: expect.stringMatching(/\w/) as string })
})
