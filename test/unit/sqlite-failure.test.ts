import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { BackupError } from '../../src/index.ts'
import { fromSqlite } from '../../src/snapshot/sqlite-failure.ts'
import { SqliteError } from '../../src/sqlite/sqlite-process.ts'
import { run, testWith } from '../support/requirements.ts'
import { temporaryDirectory } from '../support/temporary.ts'

function makeFile(): string {
  const path = join(temporaryDirectory(), 'app.db')
  writeFileSync(path, '')
  return path
}

// Primary and extended codes of sqlite.org/rescode.html.
test.each([
  ['SQLITE_ERROR', 1, 'DATABASE_DAMAGED'],
  ['SQLITE_PERM', 3, 'PERMISSION_DENIED'],
  ['SQLITE_BUSY', 5, 'DATABASE_LOCKED'],
  ['SQLITE_BUSY_SNAPSHOT', 517, 'DATABASE_LOCKED'],
  ['SQLITE_LOCKED', 6, 'DATABASE_LOCKED'],
  ['SQLITE_NOMEM', 7, 'ENGINE_FAILED'],
  ['SQLITE_READONLY', 8, 'READ_ONLY'],
  ['SQLITE_READONLY_DIRECTORY', 1544, 'READ_ONLY'],
  ['SQLITE_READONLY_ROLLBACK', 776, 'DATABASE_LOCKED'],
  ['SQLITE_IOERR', 10, 'IO_FAILED'],
  ['SQLITE_IOERR_SHORT_READ', 522, 'DATABASE_DAMAGED'],
  ['SQLITE_IOERR_FSYNC', 1034, 'IO_FAILED'],
  ['SQLITE_IOERR_SHMSIZE', 4874, 'INSUFFICIENT_SPACE'],
  ['SQLITE_CORRUPT', 11, 'DATABASE_DAMAGED'],
  ['SQLITE_TOOBIG', 18, 'IO_FAILED'],
  ['SQLITE_CORRUPT_INDEX', 779, 'DATABASE_DAMAGED'],
  ['SQLITE_FULL', 13, 'INSUFFICIENT_SPACE'],
  ['SQLITE_CANTOPEN', 14, 'IO_FAILED'],
  ['SQLITE_AUTH', 23, 'PERMISSION_DENIED'],
  ['SQLITE_NOTADB', 26, 'DATABASE_INVALID'],
  ['no code at all', null, 'IO_FAILED'],
] as const)('what SQLite calls %s is told with the path and what to do next', (_, resultCode, code) => {
  const path = makeFile()
  const cause = new SqliteError({ message: 'what SQLite says', resultCode })
  const typed = fromSqlite(cause, path) as BackupError
  expect(typed).toBeInstanceOf(BackupError)
  expect(typed).toMatchObject({ code, path, cause })
  expect(typed.message).toContain(path)
  expect(typed.hint).toBeTruthy()
})

test('why SQLite cannot open a database is told where a second look shows it', () => {
  const missing = join(temporaryDirectory(), 'missing', 'app.db')
  const typed = fromSqlite(new SqliteError({ message: 'unable to open', resultCode: 14 }), missing)
  expect(typed).toMatchObject({ code: 'IO_FAILED', message: `Could not open: ${missing} (ENOENT)` })
})

testWith(['root', 'mount'], 'a file system without inodes is why SQLite cannot make its files', () => {
  const directory = temporaryDirectory()
  run('mount', ['-t', 'tmpfs', '-o', 'size=1m,nr_inodes=1', 'tmpfs', directory])
  onTestFinished(() => void run('umount', [directory]))
  const path = join(directory, 'app.db')
  const typed = fromSqlite(new SqliteError({ message: 'unable to open', resultCode: 14 }), path)
  expect(typed).toMatchObject({ code: 'INSUFFICIENT_SPACE', path })
})

test('what the operating system said beside SQLite is told as such', () => {
  const system = { code: 'ENOSPC', errno: -28, syscall: 'open' }
  const typed = fromSqlite(new SqliteError({ message: 'ENOSPC', resultCode: null, system }), '/data/app.db')
  expect(typed).toBeInstanceOf(BackupError)
  expect(typed).toMatchObject({ code: 'INSUFFICIENT_SPACE', path: '/data/app.db' })
})

test.each([[new Error('something else')], [new BackupError('CANCELLED', 'Cancelled')]])(
  '%s is not SQLite’s, and stays what it is',
  error => {
    expect(fromSqlite(error, '/data/app.db')).toBe(error)
  },
)
