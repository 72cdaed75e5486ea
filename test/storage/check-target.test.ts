import { mkdirSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Database } from '../../src/index.ts'
import { readCapabilities, readCheck } from '../../src/operations/target/checks.ts'
import { openWorkplace } from '../cli/run-cli.ts'
import { failedWith, succeeded } from '../support/product.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { checked } from './checked.ts'

test('a check of a directory sees what it can do, and leaves nothing there', async () => {
  const root = temporaryDirectory()
  const { check, seen } = await checked({ config: { kind: 'local', path: root } })
  expect(check.status).toBe('usable')
  expect(seen).toEqual({
    put: 'yes',
    get: 'yes',
    range: 'yes',
    list: 'yes',
    paging: 'skipped',
    multipart: 'skipped',
    checksum: 'skipped',
    clock: 'skipped',
    'put-if-absent': 'yes',
    race: 'yes',
    'object-lock': 'skipped',
    'free-space': 'yes',
    delete: 'yes',
  })
  const { detail } = check.probes.find(({ probe }) => probe === 'free-space') ?? {}
  expect(detail).toMatch(/^\d+(\.\d+)? ([KMGTPE]i)?B may still be written$/)
  expect(readdirSync(root)).toEqual([])
})

test('a check is kept in the backup directory for its owner, and tells what may be relied on', async () => {
  const { check, backupDir } = await checked({ config: { kind: 'local', path: temporaryDirectory() } })
  const path = join(backupDir, 'targets/there.json')
  expect(statSync(path).mode & 0o777).toBe(0o600)
  expect(readdirSync(join(backupDir, 'targets'))).toEqual(['there.json'])
  expect(await readCheck(backupDir, 'there')).toEqual(check)
  expect(await readCapabilities(backupDir, 'there')).toEqual({ conditionalPut: true })
  expect(await readCapabilities(backupDir, 'another')).toBeUndefined()
  const text = readFileSync(path, 'utf8')
  for (const unreadable of [text.slice(0, 100), text.replace('"schema": 1', '"schema": 2')]) {
    writeFileSync(path, unreadable)
    expect(await readCheck(backupDir, 'there')).toBeNull()
  }
})

test('a target that cannot be reached fails its check with the reason, and nothing else is tried', async () => {
  const { check, seen } = await checked({ config: { kind: 'local', path: '/nowhere/at/all' } })
  expect(check.status).toBe('failed')
  expect(seen).toEqual({ put: 'failed', delete: 'failed' })
  expect(check.probes[0]).toMatchObject({
    code: 'TARGET_UNREACHABLE',
    hint: expect.stringContaining('Mount'),
  })
})

test('an append-only target whose key can delete is warned of', async () => {
  const { check } = await checked({ config: { kind: 'local', path: temporaryDirectory(), appendOnly: true } })
  expect(check.warnings.join()).toContain('can delete there all the same')
})

test('a bucket whose secret is not there is not asked', async () => {
  const secretAccessKey = { env: 'NOT_THERE' }
  const config = { kind: 's3', bucket: 'bucket', accessKeyId: 'a', secretAccessKey } as const
  await expect(checked({ config })).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
})

test('a check that is cancelled says nothing of the target, and leaves nothing there', async () => {
  const root = temporaryDirectory()
  const cancelling = new AbortController()
  // So slow that it is met in the middle.
  const config = { kind: 'local', path: root, bandwidth: '1KiB' } as const
  const checking = checked({ config }, { signal: cancelling.signal })
  checking.catch(() => {}) // Awaited below.
  await expect.poll(() => readdirSync(root).length, { timeout: 60_000 }).toBeGreaterThan(1)
  cancelling.abort()
  await expect(checking).rejects.toMatchObject({ code: 'CANCELLED' })
  expect(readdirSync(root)).toEqual([])
})

test('what checks have left that were killed goes with the next one: their objects after a day, their files after an hour', async () => {
  const root = temporaryDirectory()
  const backupDir = join(temporaryDirectory(), 'backups')
  mkdirSync(join(backupDir, 'targets'), { recursive: true })
  const left = (path: string, ageMs: number): void => {
    const then = new Date(Date.now() - ageMs)
    writeFileSync(path, 'x')
    utimesSync(path, then, then)
  }
  left(join(root, 'chame-check-0123abcd-race-1'), 25 * 3_600_000)
  left(join(root, 'chame-check-0123abcd-large'), 23 * 3_600_000)
  left(join(root, 'chame-check-list-of-mine'), 25 * 3_600_000)
  left(join(backupDir, 'targets', 'there.json.0123456789ab'), 61 * 60_000)
  const { check } = await checked({ config: { kind: 'local', path: root } }, { backupDir })
  expect(check).toMatchObject({ status: 'usable', left: [] })
  expect(readdirSync(root).toSorted()).toEqual(['chame-check-0123abcd-large', 'chame-check-list-of-mine'])
  expect(readdirSync(join(backupDir, 'targets'))).toEqual(['there.json'])
})

/** A database whose configuration has these targets. */
function withTargets(targets: object | undefined): Database {
  const directory = temporaryDirectory()
  const config = join(directory, 'config.json')
  writeFileSync(config, JSON.stringify(targets === undefined ? {} : { targets }))
  const place = { path: join(directory, 'app.db'), backupDir: join(directory, 'backups') }
  return new Database({ ...place, config, engine: 'here' })
}

test('targets are listed with where they are, without any secret, and none is asked', async () => {
  const secretAccessKey = { env: 'NOT_THERE' }
  const database = withTargets({
    bucket: { kind: 's3', bucket: 'bucket', prefix: 'p/q', accessKeyId: 'a', secretAccessKey },
    whole: { kind: 's3', bucket: 'bucket', accessKeyId: 'a', secretAccessKey },
    box: { kind: 'sftp', host: 'h', user: 'u', path: '/p', privateKey: { env: 'NOT_THERE' } },
    cloud: { kind: 'rclone', remote: ':webdav,pass=secret:p' },
    quoted: { kind: 'rclone', remote: ':webdav,pass="se:cret",user=me:p' },
    half: { kind: 'rclone', remote: ':webdav,pass="se:cret' },
    drive: { kind: 'rclone', remote: 'drive,token=secret:p' },
    plain: { kind: 'rclone', remote: 'drive:a,b:c' },
    disk: { kind: 'local', path: '/mnt', appendOnly: true },
  })
  const { targets } = succeeded(await database.listTargets())
  expect(targets.map(({ place }) => place)).toEqual([
    's3://bucket/p/q',
    's3://bucket/',
    'u@h:/p',
    ':webdav,…:p',
    ':webdav,…:p',
    ':webdav,…',
    'drive,…:p',
    'drive:a,b:c',
    '/mnt',
  ])
  expect(targets.flatMap(({ name, appendOnly }) => (appendOnly ? name : []))).toEqual(['disk'])
  expect(succeeded(await withTargets(undefined).listTargets()).targets).toEqual([])
})

test('targets are checked all at once or by name, and one that there is not is refused', async () => {
  const root = temporaryDirectory()
  const database = withTargets({ disk: { kind: 'local', path: root }, gone: { kind: 'local', path: 'gone' } })
  expect(succeeded(await database.checkTarget('disk'))).toMatchObject({
    status: 'usable',
    targets: [{ name: 'disk' }],
  })
  const all = succeeded(await database.checkTarget())
  expect(all).toMatchObject({ status: 'failed', targets: [{ name: 'disk' }, { name: 'gone' }] })
  const unknown = failedWith('INVALID_ARGUMENT', await database.checkTarget('nobody'))
  expect(unknown.hint).toContain('disk, gone')
  failedWith('CONFIG_INVALID', await withTargets(undefined).checkTarget())
})

test('chame-backup target check and list show what there is', async () => {
  using place = openWorkplace()
  const root = temporaryDirectory()
  const targets = { disk: { kind: 'local', path: root }, gone: { kind: 'local', path: 'not/mounted' } }
  writeFileSync(place.path('chame-backup.config.json'), JSON.stringify({ targets }))
  const before = await place.cli(['target', 'list'])
  expect(before).toMatchObject({ exit: 0, stderr: '' })
  expect(before.stdout).toMatch(/^disk +local +\S+ +never/m)
  const usable = await place.cli(['target', 'check', 'disk'])
  expect(usable).toMatchObject({ exit: 0, stderr: '' })
  expect(usable.stdout).toContain('✔ Usable: disk')
  expect(readdirSync(root)).toEqual([])
  const all = await place.cli(['target', 'check', '--json'])
  expect(all.exit).toBe(3)
  expect(JSON.parse(all.stdout)).toMatchObject({
    success: true,
    status: 'failed',
    targets: [
      { name: 'disk', check: { status: 'usable' } },
      { name: 'gone', check: { status: 'failed' } },
    ],
  })
  expect((await place.cli(['target', 'list'])).stdout).toMatch(/^gone .* failed, /m)
  const unknown = await place.cli(['target', 'check', 'nobody'])
  expect(unknown.exit).toBe(2)
  expect(unknown.stderr).toContain('disk, gone')
})

test('without targets there is nothing to check', async () => {
  using place = openWorkplace()
  const none = await place.cli(['target', 'check'])
  expect(none.exit).toBe(2)
  expect(none.stderr).toContain('docs/targets.md')
})
