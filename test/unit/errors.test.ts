import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { BackupError, ERRORS, type ErrorCode, fromFailure, toFailure } from '../../src/errors.ts'
import { isNotThere, toTypedError } from '../../src/storage/io-errors.ts'

const CODES = Object.keys(ERRORS) as ErrorCode[]

test('every code has an exit code of the documented set and an HTTP status of an error', () => {
  for (const code of CODES) {
    expect(code).toMatch(/^[A-Z]+(_[A-Z]+)*$/)
    expect([1, 2, 3, 10, 11, 12, 130]).toContain(ERRORS[code].exit)
    expect(ERRORS[code].http).toBeGreaterThanOrEqual(400)
    expect(ERRORS[code].http).toBeLessThan(600)
  }
})

test('exit codes follow their meanings: 10 not found, 11 locked, 130 cancelled, 2 usage', () => {
  for (const code of CODES) {
    const { exit, retryable } = ERRORS[code]
    expect(exit === 10).toBe(code.endsWith('_NOT_FOUND'))
    expect(exit === 130).toBe(code === 'CANCELLED')
    // What is locked is free later.
    if (exit === 11) expect(retryable).toBe(true)
    if (exit === 2) expect(retryable).toBe(false)
  }
})

test('every code is used somewhere in the product', () => {
  const src = fileURLToPath(new URL('../../src/', import.meta.url))
  const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter(
    name => name.endsWith('.ts') && name !== 'errors.ts',
  )
  const text = files.map(name => readFileSync(join(src, name), 'utf8')).join('\n')
  const thrown = readFileSync(join(src, 'errors.ts'), 'utf8')
  for (const code of CODES) {
    expect(text.includes(`'${code}'`) || thrown.includes(`BackupError('${code}'`), code).toBe(true)
  }
})

test('a failure crosses a process boundary and back without losing anything that callers see', () => {
  for (const code of CODES) {
    for (const hint of ['Do this.', undefined]) {
      const error = new BackupError(code, `It failed: ${code}`, {
        ...(hint === undefined ? {} : { hint }),
        path: '/x',
        cause: new Error('y'),
      })
      const failure = toFailure(error)
      expect(failure).toEqual({
        success: false,
        code,
        message: `It failed: ${code}`,
        ...(hint === undefined ? {} : { hint }),
      })
      expect(JSON.parse(JSON.stringify(failure))).toEqual(failure)
      expect(toFailure(fromFailure(failure))).toEqual(failure)
    }
  }
})

test('what was not foreseen is said to be so, whatever was thrown', () => {
  for (const thrown of [new TypeError('oops'), 'oops', { toString: () => 'oops' }]) {
    expect(toFailure(thrown)).toMatchObject({ code: 'UNEXPECTED', message: 'Unexpected error: oops' })
  }
  expect(toFailure(undefined).code).toBe('UNEXPECTED')
})

function systemError(code: string, errno: number): Error {
  return Object.assign(new Error(code), { code, errno, syscall: 'write' })
}

test.each([
  ['ENOSPC', -28, 'INSUFFICIENT_SPACE'],
  ['EDQUOT', -122, 'INSUFFICIENT_SPACE'],
  ['UNKNOWN', -122, 'INSUFFICIENT_SPACE'],
  ['EFBIG', -27, 'INSUFFICIENT_SPACE'],
  ['EACCES', -13, 'PERMISSION_DENIED'],
  ['EPERM', -1, 'PERMISSION_DENIED'],
  ['EROFS', -30, 'READ_ONLY'],
  ['EIO', -5, 'IO_FAILED'],
  ['EMFILE', -24, 'IO_FAILED'],
  ['ENFILE', -23, 'IO_FAILED'],
  ['ENOENT', -2, 'IO_FAILED'],
  ['EISDIR', -21, 'IO_FAILED'],
  ['ESOMETHING', -999, 'IO_FAILED'],
] as const)(
  '%s (%i) from the file system is %s, and says what was being done to which path',
  (code, errno, expected) => {
    const error = toTypedError(systemError(code, errno), 'copy to', '/data/x.db') as BackupError
    expect(error).toBeInstanceOf(BackupError)
    expect(error).toMatchObject({ code: expected, path: '/data/x.db' })
    expect(error.message).toContain('copy to: /data/x.db')
    expect(error.hint).toBeTruthy()
    if (expected === 'INSUFFICIENT_SPACE') expect(error.message).toMatch(/^Insufficient disk space/)
  },
)

test('typed errors and errors of other kinds stay what they are', () => {
  const typed = new BackupError('CANCELLED', 'Cancelled')
  const other = new RangeError('x')
  expect(toTypedError(typed, 'read', '/x')).toBe(typed)
  expect(toTypedError(other, 'read', '/x')).toBe(other)
})

test('only what says that a path is missing counts as that', () => {
  expect(isNotThere(systemError('ENOENT', -2))).toBe(true)
  expect(isNotThere(systemError('ENOTDIR', -20))).toBe(true)
  for (const other of [systemError('EACCES', -13), new Error('ENOENT'), 'ENOENT', null, undefined])
    expect(isNotThere(other)).toBe(false)
})
