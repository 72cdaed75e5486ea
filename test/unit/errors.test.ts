import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { BackupError, type ErrorCode, ERRORS, fromFailure, toFailure } from '../../src/errors.ts'

const documented = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8')

test.each(Object.keys(ERRORS) as ErrorCode[])('docs/errors.md says of %s what the table says', code => {
  const { exit, http, retryable } = ERRORS[code]
  expect(documented).toContain(`| \`${code}\` | ${exit} | ${http} | ${retryable ? 'yes' : 'no'} |`)
})

test('docs/errors.md knows no code that is not in the table', () => {
  const codes = [...documented.matchAll(/^\| `([A-Z_]+)`/gm)].map(match => match[1])
  expect(codes).toEqual(Object.keys(ERRORS))
})

test('a failure says what its error said, on this side of a process boundary and on the other', () => {
  const error = new BackupError('DATABASE_LOCKED', 'Database is locked: /x', { hint: 'Wait.' })
  const failure = toFailure(error)
  expect(failure).toEqual({
    success: false,
    code: 'DATABASE_LOCKED',
    message: 'Database is locked: /x',
    hint: 'Wait.',
  })
  expect(toFailure(fromFailure(structuredClone(failure)))).toEqual(failure)
})

test('an error that nobody foresaw is a failure too, and its cause stays out of JSON', () => {
  const failure = toFailure(new TypeError('secret of the caller'))
  expect(failure.code).toBe('UNEXPECTED')
  expect(JSON.parse(JSON.stringify(failure))).not.toHaveProperty('cause')
})
