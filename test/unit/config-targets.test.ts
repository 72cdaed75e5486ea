import { expect, test } from 'vitest'
import type { Config } from '../../src/config/config.ts'
import { parseConfig } from '../../src/config/schema.ts'
import { secretVariables } from '../../src/config/secret.ts'
import { resolveSettings } from '../../src/config/settings.ts'

const KEYS = { accessKeyId: 'AK', secretAccessKey: { env: 'SECRET' } }
const S3 = { kind: 's3', bucket: 'backups', ...KEYS }
const SFTP = { kind: 'sftp', host: 'box', user: 'backup', path: 'here', password: { file: 'pass' } }

function problemsOf(target: unknown, name = 'there'): string {
  const parsed = parseConfig({ targets: { [name]: target } })
  return 'problems' in parsed ? parsed.problems : ''
}

test.each([
  [{ kind: 'local', path: '/mnt/disk' }],
  [
    {
      kind: 'local',
      path: 'x',
      bandwidth: '10MB',
      appendOnly: true,
      retention: { types: { daily: { keepLast: 3 } } },
    },
  ],
  [S3],
  [{ ...S3, endpoint: 'http://127.0.0.1:9000' }],
  [{ ...S3, endpoint: 'http://minio.lan:9000', allowHttp: true }],
  [{ ...S3, prefix: 'a/b', objectLock: { mode: 'COMPLIANCE', days: 30 }, partSize: '16MiB' }],
  [SFTP],
  [{ ...SFTP, hostKey: `SHA256:${'a'.repeat(43)}` }],
  [{ kind: 'rclone', remote: 'drive:backups', environment: { RCLONE_CONFIG_DRIVE_TYPE: 'drive' } }],
  [{ kind: 'rclone', remote: ':local:/x', environment: { RCLONE_CONFIG_PASS: { env: 'PASS' } } }],
])('%j is a target', target => {
  expect(problemsOf(target)).toBe('')
})

test.each([
  [{ kind: 'ftp' }, 'kind'],
  [{ ...S3, secretAccessKey: 'the-secret-itself' }, 'a secret does not belong in the configuration'],
  [{ ...SFTP, password: 'the-secret-itself' }, 'a secret does not belong in the configuration'],
  [
    { kind: 'rclone', remote: 'x:', environment: { RCLONE_CONFIG_X_PASS: 'the-secret-itself' } },
    'for passwords',
  ],
  [{ kind: 'rclone', remote: 'x:', environment: { LD_PRELOAD: 'x' } }, 'LD_PRELOAD'],
  [{ kind: 'rclone', remote: '--config=x:' }, 'remote'],
  [{ ...S3, endpoint: 'http://minio.lan:9000' }, 'plain http'],
  [{ ...S3, endpoint: 'https://user:the-secret-itself@host' }, 'without path'],
  [{ ...S3, prefix: '../other' }, 'prefix'],
  [{ ...S3, unknown: 1 }, 'unknown'],
  [{ ...SFTP, password: undefined }, 'privateKey or password'],
  [{ ...SFTP, hostKey: 'aa:bb' }, 'fingerprint'],
  [{ kind: 'local', path: 'x', bandwidth: 'fast' }, 'bandwidth'],
])('%j is none, and the reason quotes no secret', (target, reason) => {
  expect(problemsOf(target)).toContain(reason)
  expect(problemsOf(target)).not.toContain('the-secret-itself')
})

test.each(['../x', 'a b', '', '.a', 'a.json'])(
  '%j is no name of a target, as its check is kept under it',
  name => {
    expect(problemsOf({ kind: 'local', path: 'x' }, name)).not.toBe('')
  },
)

test('the retention of a target names types that there are', () => {
  const target = { kind: 'local', path: 'x', retention: { types: { nightly: { keepLast: 1 } } } }
  expect(problemsOf(target)).toContain('there is no such type')
})

test('the variables that hold secrets of targets are known, for logs to look out for', () => {
  const rclone = {
    kind: 'rclone',
    remote: 'x:',
    environment: { RCLONE_CONFIG_PASS: { env: 'PASS' }, RCLONE_X: 'y' },
  }
  expect(secretVariables({ a: S3, b: rclone, c: SFTP })).toEqual(['SECRET', 'PASS'])
  expect(secretVariables(undefined)).toEqual([])
})

test('a target keeps what it says itself, and otherwise what the database keeps', () => {
  const types = { daily: { keepLast: 3 }, hourly: { keepLast: 24 } }
  const config: Config = {
    backupTypes: ['hourly'],
    retention: { types, maxDeletions: 7 },
    targets: {
      far: { kind: 'local', path: 'far', retention: { types: { daily: { keepLast: 90 } } } },
      other: { kind: 'local', path: 'other', appendOnly: true, retention: { maxDeletions: 1 } },
    },
  }
  const { targets } = resolveSettings({ config, directory: '/x', file: null }, {}, {}, '/here')
  expect(targets).toMatchObject({
    far: {
      isAppendOnly: false,
      retention: { policy: { daily: { keepLast: 90 }, hourly: { keepLast: 24 } }, maxDeletions: 7 },
    },
    other: { isAppendOnly: true, retention: { policy: types, maxDeletions: 1 } },
  })
})

test('backups that would be kept nowhere are refused', () => {
  const config: Config = { keepLocal: false }
  const resolve = (): unknown => resolveSettings({ config, directory: '/x', file: null }, {}, {}, '/here')
  expect(resolve).toThrow('keepLocal is false')
})
