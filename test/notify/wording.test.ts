import fc from 'fast-check'
import { expect, test } from 'vitest'
import { wordEvent } from '../../src/notify/message.ts'
import { cut, cutBy, utf8Length } from '../../src/notify/text.ts'
import { span } from '../../src/notify/time.ts'
import { EVENTS, FAILED } from './events.ts'

const OPTIONS = { host: 'web1', timeZone: 'UTC' }

test('a failure says which database, what failed, since when and what to do', () => {
  expect(wordEvent(FAILED, OPTIONS)).toEqual({
    subject: 'shop: daily failed',
    body: `What failed: job daily of database shop, at 2026-11-25 02:00 UTC
Why: Insufficient disk space: the backup needs 4.21 GiB (4520453603 bytes), 12 bytes are available: /backups (INSUFFICIENT_SPACE)
Since: 2026-11-24 02:00 UTC (24 hours, 3 attempts)
What to do: Free some space there, or choose another backup directory.

Host: web1`,
    level: 'bad',
  })
})

test('a failure without a hint says where to look', () => {
  const { hint: _, ...withoutHint } = FAILED
  expect(wordEvent(withoutHint, OPTIONS).body).toContain(
    'What to do: see its state with: chame-backup info --database shop',
  )
})

test('a recovery says from when to when it failed', () => {
  expect(wordEvent(EVENTS.recovered, OPTIONS)).toEqual({
    subject: 'shop: daily works again',
    body: `It failed from 2026-11-22 02:00 UTC to 2026-11-25 02:00 UTC (3 days).
What to do: nothing.

Host: web1`,
    level: 'good',
  })
})

test('a database without a good backup for too long says how long, since when and what to do', () => {
  expect(wordEvent(EVENTS.overdue, OPTIONS)).toEqual({
    subject: 'shop: no good backup for 30 hours',
    body: `What failed: the last good backup of database shop is older than 26 hours
Since: 2026-11-23 20:00 UTC, when it was made
What to do: make one now with: chame-backup create --database shop
If that works, look why the scheduler did not: is it running, and is its log quiet?

Host: web1`,
    level: 'bad',
  })
})

test('a database that never had a good backup is said to have none', () => {
  const { subject, body } = wordEvent({ ...EVENTS.overdue, lastGoodAt: null }, OPTIONS)
  expect(subject).toBe('shop: there is no good backup')
  expect(body).toContain('database shop has no good backup at all; it must have one every 26 hours')
})

test('a digest has the worst first, and begins with what to do there', () => {
  expect(wordEvent(EVENTS.digest, OPTIONS)).toEqual({
    subject: 'Backups: 2 of 3 not protected',
    body: `From 2026-11-18 02:00 UTC to 2026-11-25 02:00 UTC:

FAILING shop: no good backup; 1 backup, 1 KiB; 7 failures; drill FAILED 2026-11-20 05:00 UTC
AT RISK wiki: last good backup 3 days ago; 3 backups, 2 KiB; 1 failure; never drilled
protected blog: last good backup 60 minutes ago; 11 backups, 4.21 MiB; no failures; drill passed 2026-11-23 05:00 UTC

What to do: begin with chame-backup info --database shop

Host: web1`,
    level: 'bad',
  })
})

test('a digest of a good week says that there is nothing to do', () => {
  const databases = EVENTS.digest.databases.filter(({ verdict }) => verdict === 'protected')
  const { subject, body, level } = wordEvent({ ...EVENTS.digest, databases }, OPTIONS)
  expect(subject).toBe('Backups: all well, 1 of 1 protected')
  expect(body).toContain('What to do: nothing.')
  expect(level).toBe('info')
})

test('a test says that nothing has happened', () => {
  const { subject, body } = wordEvent(EVENTS.test, OPTIONS)
  expect(subject).toBe('chame-backup: this is a test')
  expect(body).toContain('What to do: nothing.')
})

test('times are those of the configured time zone, by its name', () => {
  expect(wordEvent(FAILED, { host: 'web1', timeZone: 'Europe/Berlin' }).body).toContain(
    'at 2026-11-25 03:00 CET',
  )
  expect(wordEvent(FAILED, { host: 'web1', timeZone: 'Asia/Tokyo' }).body).toContain(
    'at 2026-11-25 11:00 GMT+9',
  )
})

test.each(Object.values(EVENTS))('what $kind says names its database and the machine', event => {
  const { subject, body } = wordEvent(event, OPTIONS)
  if ('database' in event) expect(subject).toContain('shop')
  expect(body).toContain('Host: web1')
  expect(`${subject}\n${body}`).not.toMatch(/undefined|null|NaN|Invalid/)
})

test('whatever is in a failure, the subject is one line and nothing in it drives a terminal or turns text around', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'binary' }),
      fc.string({ unit: 'binary' }),
      fc.string({ unit: 'binary', maxLength: 3000 }),
      (database, job, message) => {
        const event = { ...FAILED, database, job, message, code: message, hint: message }
        const { subject, body } = wordEvent(event, { host: job, timeZone: 'UTC' })
        // oxlint-disable-next-line no-control-regex
        expect(subject).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/)
        // oxlint-disable-next-line no-control-regex
        expect(body).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/)
        expect(body.length).toBeLessThan(2500)
        expect(body.isWellFormed()).toBe(true)
      },
    ),
  )
})

test('what to do is never cut off by a long message', () => {
  const { body } = wordEvent({ ...FAILED, message: 'x'.repeat(100_000) }, OPTIONS)
  expect(body).toContain('…')
  expect(body).toContain('What to do: Free some space there')
})

test.each([
  [-5000, '0 seconds'],
  [0, '0 seconds'],
  [1000, '1 second'],
  [119_000, '119 seconds'],
  [5 * 60_000, '5 minutes'],
  [119 * 60_000, '119 minutes'],
  [26 * 3_600_000, '26 hours'],
  [50 * 3_600_000, '2 days'],
  [400 * 86_400_000, '400 days'],
])('%i ms are %s', (ms, words) => {
  expect(span(ms)).toBe(words)
})

test('a text is cut to what a channel takes, measured as the channel measures, and no character in two', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'grapheme', maxLength: 300 }),
      fc.integer({ min: 4, max: 200 }),
      (text, limit) => {
        const short = cutBy(text, limit, utf8Length)
        expect(utf8Length(short)).toBeLessThanOrEqual(limit)
        expect(short.isWellFormed()).toBe(true)
        if (utf8Length(text) <= limit) expect(short).toBe(text)
        else expect(text.startsWith(short.slice(0, -1))).toBe(true)
        expect(cut(text, limit).length).toBeLessThanOrEqual(limit)
      },
    ),
  )
})
