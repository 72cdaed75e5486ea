import fc from 'fast-check'
import { expect, test } from 'vitest'
import { BackupError, cancelled } from '../../src/errors.ts'
import { limitBandwidth, type Pace } from '../../src/storage/bandwidth.ts'
import { directoryOf, isKey, isKeyPrefix } from '../../src/storage/keys.ts'
import { delayBeforeTry, PATIENCE, slowestMs, withRetry } from '../../src/storage/retry.ts'
import { algorithmsFor } from '../../src/storage/targets/sftp/host-keys.ts'
import { partSizeOf, partsOf } from '../../src/storage/targets/s3/pieces.ts'
import { RcloneFailed, rcloneFailure } from '../../src/storage/targets/rclone/failure.ts'
import { s3Failure } from '../../src/storage/targets/s3/failure.ts'
import { contentOf } from './contents.ts'
import { failureOf, SIGNAL } from './contract.ts'

/** Time that passes only by waiting. */
function fakePace(): Pace & { readonly at: () => number } {
  let now = 0
  return {
    at: () => now,
    now: () => now,
    async sleep(ms, signal) {
      if (signal.aborted) throw cancelled()
      now += ms
    },
  }
}

const UNREACHABLE = new BackupError('TARGET_UNREACHABLE', 'it does not answer')

test.each([
  ['daily/chame_backup_daily_20250627_020000.db.zst.age', true],
  ['a', true],
  ['-dash/_x', true],
  ['a/b/c/d/e/f/g/h', true],
  ['a/b/c/d/e/f/g/h/i', false],
  ['..', false],
  ['a/..', false],
  ['/a', false],
  ['a/', false],
  ['.a', false],
  ['a\\b', false],
  ['a%2f', false],
  ['aﬀ', false],
  ['a'.repeat(200), true],
  ['a'.repeat(201), false],
])('%j is a key: %s', (text, expected) => {
  expect(isKey(text)).toBe(expected)
})

test('a key never leads out of a directory, whatever it is made of', () => {
  const piece = fc.constantFrom('..', '.', '/', '\\', 'a', '-', '\0', ' ', 'ä', '\n')
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), pieces => {
      const text = pieces.join('')
      if (!isKey(text)) return
      const path = new URL(`file:///root/${text}`).pathname
      expect(path).toBe(`/root/${text}`)
    }),
  )
})

test.each([
  ['', true, ''],
  ['daily/', true, 'daily'],
  ['daily/ch', true, 'daily'],
  ['daily', true, ''],
  ['../', false, '..'],
])('%j may limit a listing: %s, and lies in %j', (prefix, expected, directory) => {
  expect(isKeyPrefix(prefix)).toBe(expected)
  if (expected) expect(directoryOf(prefix)).toBe(directory)
})

test('a bandwidth limit is kept whatever the size of the pieces, and all transfers share it', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 100_000 }), { minLength: 20 }), async sizes => {
      const pace = fakePace()
      const spend = limitBandwidth(50_000, pace)
      for (const size of sizes) await spend(size, SIGNAL)
      const bytes = sizes.reduce((sum, size) => sum + size, 0)
      // What may go at once is a quarter of a second's worth.
      expect(pace.at()).toBeGreaterThanOrEqual((bytes / 50_000) * 1000 - 251)
      expect(pace.at()).toBeLessThanOrEqual((bytes / 50_000) * 1000 + 1)
    }),
  )
})

test('without a limit nothing waits', async () => {
  const pace = fakePace()
  await limitBandwidth(undefined, pace)(1e12, SIGNAL)
  expect(pace.at()).toBe(0)
})

test('tries come at growing intervals, spread by chance', () => {
  const delays = [1, 2, 3, 4, 5, 6, 7, 20].map(failures => delayBeforeTry(failures, PATIENCE, 1))
  expect(delays).toEqual([500, 1000, 2000, 4000, 8000, 16_000, 20_000, 20_000])
  expect(delayBeforeTry(3, PATIENCE, 0)).toBe(1000)
})

test('what does not answer is tried for as long as is said, and no longer', async () => {
  const pace = fakePace()
  let tries = 0
  const work = withRetry(
    async () => {
      tries++
      throw UNREACHABLE
    },
    { ports: { patience: PATIENCE, pace, random: () => 0.5 }, signal: SIGNAL },
  )
  expect(await failureOf(work)).toBe(UNREACHABLE)
  expect(tries).toBeGreaterThan(8)
  expect(pace.at()).toBeLessThan(PATIENCE.deadlineMs)
  expect(pace.at()).toBeGreaterThan(PATIENCE.deadlineMs - PATIENCE.maxDelayMs)
})

test('what is refused is not tried again', async () => {
  let tries = 0
  const refused = new BackupError('TARGET_REFUSED', 'no')
  const ports = { patience: PATIENCE, pace: fakePace(), random: () => 0.5 }
  const work = withRetry(
    async () => {
      tries++
      throw refused
    },
    { ports, signal: SIGNAL },
  )
  expect(await failureOf(work)).toBe(refused)
  expect(tries).toBe(1)
})

test.each([
  [0, null, 8 << 20],
  [1 << 30, null, 8 << 20],
  [200e9, null, 20 << 20],
  [null, null, 16 << 20],
  [100, 5 << 20, 5 << 20],
  [100, 1000, 5 << 20],
  [null, 100 << 20, 100 << 20],
])(
  'an object of %s bytes, with parts of %s asked for, is put in parts of %s',
  (size, configured, expected) => {
    expect(partSizeOf(size, configured)).toBe(expected)
    if (size !== null) expect(size / expected).toBeLessThanOrEqual(10_000)
  },
)

test('parts have one size, and together the same bytes', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uint8Array({ maxLength: 500 }),
      fc.integer({ min: 1, max: 64 }),
      async (bytes, size) => {
        const content = contentOf(bytes, {
          async *open() {
            for (let at = 0; at < bytes.length; at += 7) yield bytes.subarray(at, at + 7)
          },
        })
        const parts = await Array.fromAsync(partsOf(content, size))
        expect(Buffer.concat(parts).equals(bytes)).toBe(true)
        expect(parts).toHaveLength(Math.max(1, Math.ceil(bytes.length / size)))
        expect(parts.slice(0, -1).every(part => part.length === size)).toBe(true)
      },
    ),
  )
})

test('an RSA key in a file of known hosts asks for its modern signatures first', () => {
  expect(algorithmsFor(['ssh-rsa'])).toEqual(['rsa-sha2-512', 'rsa-sha2-256', 'ssh-rsa'])
  expect(algorithmsFor([])).toBeUndefined()
})

function s3Error(name: string, status: number): Error {
  return Object.assign(new Error('secret words'), { name, $metadata: { httpStatusCode: status } })
}

test.each([
  ['ExpiredToken', 400, 'TARGET_REFUSED', 'expired'],
  ['RequestTimeTooSkewed', 403, 'TARGET_REFUSED', '20 minutes'],
  ['PermanentRedirect', 301, 'TARGET_REFUSED', 'another region'],
  ['QuotaExceeded', 403, 'TARGET_FULL', 'quota'],
  ['Whatever', 500, 'TARGET_UNREACHABLE', 'a problem of its own'],
  ['NotImplemented', 501, 'TARGET_REFUSED', '501'],
  ['Whatever', 418, 'TARGET_REFUSED', '418'],
  ['Whatever', 507, 'TARGET_FULL', 'no room'],
])('S3 that says %s with %i means %s', (name, status, code, words) => {
  const failure = s3Failure('there', s3Error(name, status), {
    doing: 'put a',
    signal: SIGNAL,
    skewMs: 20 * 60_000,
  })
  expect(failure.code).toBe(code)
  expect(failure.message).toContain(words)
  expect(failure.message).not.toContain('secret words')
  expect(failure.hint).not.toBe('')
})

test.each([
  [1, 'write /x: no space left on device', 'TARGET_FULL'],
  [1, 'googleapi: Error 403: The user has exceeded their Drive storage quota', 'TARGET_FULL'],
  [1, `Failed to create file system for "x:": didn't find section in config file`, 'TARGET_REFUSED'],
  [1, "couldn't connect SSH: ssh: handshake failed: ssh: unable to authenticate", 'TARGET_REFUSED'],
  [1, 'ssh: handshake failed: knownhosts: key mismatch', 'TARGET_REFUSED'],
  [1, 'dial tcp 127.0.0.1:1: connect: connection refused', 'TARGET_UNREACHABLE'],
  [5, 'something', 'TARGET_UNREACHABLE'],
  [null, '', 'TARGET_UNREACHABLE'],
  [3, 'directory not found', 'OBJECT_NOT_FOUND'],
  [7, 'something', 'TARGET_REFUSED'],
])('rclone that ends with %s and says %j means %s', (exit, words, code) => {
  const failure = rcloneFailure('there', new RcloneFailed(exit, words), { doing: 'put a', signal: SIGNAL })
  expect(failure.code).toBe(code)
  if (words !== '') expect(failure.message).not.toContain(words)
})

test('a try that the deadline cut off is told by what failed before it', async () => {
  const pace = fakePace()
  const busy = new BackupError('TARGET_UNREACHABLE', 'the server asks for fewer requests')
  let tries = 0
  const work = withRetry(
    async signal => {
      if (++tries === 1) throw busy
      await pace.sleep(PATIENCE.deadlineMs, signal)
      throw UNREACHABLE
    },
    { ports: { patience: PATIENCE, pace, random: () => 0.5 }, signal: SIGNAL },
  )
  expect(await failureOf(work)).toBe(busy)
  expect(tries).toBe(2)
})

test('what does not get a large body off is given up no later than what has none', async () => {
  const pace = fakePace()
  const work = withRetry(() => Promise.reject(UNREACHABLE), {
    ports: { patience: PATIENCE, pace, random: () => 0.5 },
    signal: SIGNAL,
    extraMs: slowestMs(64 << 20),
  })
  expect(await failureOf(work)).toBe(UNREACHABLE)
  expect(pace.at()).toBeLessThan(PATIENCE.deadlineMs)
})

test('while bytes go no patience is lost, for as long as they take on the slowest line', async () => {
  const pace = fakePace()
  let tries = 0
  const work = withRetry(
    async (signal, moved) => {
      tries++
      for (let sent = 0; sent < 8; sent++) {
        await pace.sleep(60_000, signal)
        moved()
      }
      throw UNREACHABLE
    },
    { ports: { patience: PATIENCE, pace, random: () => 0.5 }, signal: SIGNAL, extraMs: slowestMs(16 << 20) },
  )
  expect(await failureOf(work)).toBe(UNREACHABLE)
  // Eight minutes each, and there are 17 for it.
  expect(tries).toBe(3)
})
