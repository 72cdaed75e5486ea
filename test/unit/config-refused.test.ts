/** Configurations that are wrong, each refused by what is wrong with it. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { loadConfig } from '../../src/config/load.ts'
import { Database } from '../../src/index.ts'
import { temporaryDirectory } from '../support/temporary.ts'

function place(name: string, text: string): string {
  const directory = temporaryDirectory()
  writeFileSync(join(directory, name), text)
  return directory
}

test.each([
  ['path', '{"path": ""}'],
  ['path', '{"path": 5}'],
  ['path', '{"path": "a\\u0000b"}'],
  ['backupDir', '{"backupDir": []}'],
  ['check', '{"check": "deep"}'],
  ['keepDamaged', '{"keepDamaged": "yes"}'],
  ['timeZone', '{"timeZone": "Mars/Olympus"}'],
  ['fileMode', '{"fileMode": "9999"}'],
  ['fileMode', '{"fileMode": 600}'],
  ['directoryMode', '{"directoryMode": "rwx"}'],
  ['waitForLockMs', '{"waitForLockMs": -1}'],
  ['waitForLockMs', '{"waitForLockMs": 1.5}'],
  ['stallAfterMs', '{"stallAfterMs": 0}'],
  ['stallAfterMs', '{"stallAfterMs": "1h"}'],
  ['backupTypes', '{"backupTypes": ["Bad Type"]}'],
  ['backupTypes', '{"backupTypes": ["metadata"]}'],
  // Its files would be read as those of a database `x_backup_full`.
  ['backupTypes', '{"backupTypes": ["full_backup_nightly"]}'],
  ['backupdir', '{"backupdir": "typing-mistake"}'],
  ['databases.shop.chek', '{"databases": {"shop": {"chek": "none"}}}'],
  ['databases', '{"databases": {"../x": {}}}'],
  ['databases.__proto__', '{"databases": {"shop": {}, "__proto__": {}}}'],
  ['export.redact.__proto__', '{"export": {"redact": {"users.email": "hash", "__proto__": "hash"}}}'],
  ['retention.types.__proto__', '{"retention": {"types": {"__proto__": {"keepLast": 1}}}}'],
  ['schedule.jobs.__proto__', '{"schedule": {"jobs": {"__proto__": false}}}'],
  ['targets.__proto__', '{"targets": {"__proto__": {"kind": "local", "path": "/mnt"}}}'],
  ['notify.channels.__proto__', '{"notify": {"channels": {"__proto__": {"kind": "ping"}}}}'],
  ['export.words', '{"export": {"words": ["badge"]}}'],
  ['export.redact', '{"export": {"redact": {"users.email": "encrypt"}}}'],
  ['export.sensitiveWords', '{"export": {"sensitiveWords": [""]}}'],
  ['export.notSensitive', '{"export": {"notSensitive": "users.pin"}}'],
  ['export.redactionKey', '{"export": {"redactionKey": "not here"}}'],
  ['retention.keepLast', '{"retention": {"keepLast": 3}}'],
  ['retention.types', '{"retention": {"types": []}}'],
  ['retention.types.daily', '{"retention": {"types": {"daily": {}}}}'],
  ['retention.types.daily', '{"retention": {"types": {"daily": {"keepLast": 0, "minCount": 3}}}}'],
  ['retention.types.daily.keepLast', '{"retention": {"types": {"daily": {"keepLast": -1}}}}'],
  ['retention.types.daily.keepDaily', '{"retention": {"types": {"daily": {"keepDaily": "7"}}}}'],
  ['retention.types.daily.keepWithin', '{"retention": {"types": {"daily": {"keepWithin": "soon"}}}}'],
  ['retention.types.daily.maxSize', '{"retention": {"types": {"daily": {"maxSize": "10 apples"}}}}'],
  ['retention.types.daily.maxSize', '{"retention": {"types": {"daily": {"maxSize": 0}}}}'],
  ['retention.types.daily.minAge', '{"retention": {"types": {"daily": {"keepLast": 1, "minAge": "0d"}}}}'],
  ['retention.types.daily.keep', '{"retention": {"types": {"daily": {"keepLast": 1, "keep": 3}}}}'],
  ['retention.types.dayly', '{"retention": {"types": {"dayly": {"keepLast": 7}}}}'],
  ['retention.maxDeletions', '{"retention": {"maxDeletions": 0}}'],
  [
    'databases.shop.retention.types.hourly',
    '{"databases": {"shop": {"retention": {"types": {"hourly": {"keepLast": 7}}}}}}',
  ],
  ['databases.shop.export', '{"databases": {"shop": {"export": {"redact": []}}}}'],
  ['schedule.jobs.daily', '{"schedule": {"jobs": {"daily": {"cron": "61 * * * *"}}}}'],
  ['schedule.jobs.daily', '{"schedule": {"jobs": {"daily": true}}}'],
  ['schedule.jobs.daily', '{"schedule": {"jobs": {"daily": {"kind": "restore"}}}}'],
  ['schedule.jobs', '{"schedule": {"jobs": {"../x": {}}}}'],
  ['schedule.maxBackupAge', '{"schedule": {"maxBackupAge": "a day"}}'],
  ['schedule.maxBackupAge', '{"schedule": {"maxBackupAge": 36}}'],
  ['schedule.digest', '{"schedule": {"digest": "@reboot"}}'],
  ['schedule.every', '{"schedule": {"every": "1h"}}'],
])('a wrong %s is refused, by the name of the key: %s', async (key, text) => {
  const directory = place('chame-backup.config.json', text)
  const failure: unknown = await loadConfig(directory).catch((error: unknown) => error)
  expect(failure).toMatchObject({ code: 'CONFIG_INVALID', path: join(directory, 'chame-backup.config.json') })
  for (const part of key.split('.')) expect((failure as Error).message).toContain(part)
})

test.each([
  ['chame-backup.config.json', '{ not JSON'],
  ['chame-backup.config.json', ''],
  ['chame-backup.config.json', 'null'],
  ['chame-backup.config.json', '[]'],
  ['chame-backup.config.js', 'throw new Error("boom")'],
  ['chame-backup.config.js', 'export const path = 1'],
  ['chame-backup.config.ts', 'export default 5'],
])('a %s of %j is refused, with its path', async (name, text) => {
  const directory = place(name, text)
  await expect(loadConfig(directory)).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    message: expect.stringContaining(join(directory, name)) as unknown,
  })
})

test('an explicit file that is not there is refused', async () => {
  await expect(loadConfig('/tmp', 'no-such-file.json')).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
})

test.each([
  [{ jobs: { daily: { cron: '61 * * * *' } } }, 'daily', 'cron: not a cron expression'],
  [{ jobs: { nightly: { kind: 'bakcup', cron: '0 2 * * *' } } }, 'nightly', 'kind: Invalid option'],
  [{ jobs: { daily: { crn: '0 2 * * *' } } }, 'daily', 'Unrecognized key: "crn"'],
  [{ jobs: { daily: true } }, 'daily', 'expected a job, or false'],
])('what is wrong with a job is said, not only that something is: %j', async (schedule, job, problem) => {
  const directory = place('chame-backup.config.json', JSON.stringify({ schedule }))
  await expect(loadConfig(directory)).rejects.toThrow(problem)
  await expect(loadConfig(directory)).rejects.toThrow(`→ at schedule.jobs.${job}`)
})

test.each([
  { schedule: { log: { maxSize: '10Q' } } },
  { schedule: { log: { maxSize: true } } },
  { targets: { disk: { kind: 'local', path: 'x', bandwidth: '10Q' } } },
  { targets: { disk: { kind: 'local', path: 'x', bandwidth: true } } },
])('a size that is none is told what it may be: %j', async config => {
  const directory = place('chame-backup.config.json', JSON.stringify(config))
  await expect(loadConfig(directory)).rejects.toThrow('expected bytes, or text such as "10MB"')
})

test('a key that is needed and not there is said to be missing', async () => {
  const directory = place('chame-backup.config.json', '{ "targets": { "disk": { "kind": "local" } } }')
  await expect(loadConfig(directory)).rejects.toThrow('✖ Missing: expected string\n  → at targets.disk.path')
})

test('one that was mended is taken by who has met it before', async () => {
  const directory = place('chame.json', '{"path": 5}')
  const config = join(directory, 'chame.json')
  const database = new Database({ config, backupDir: join(directory, 'backups'), engine: 'here' })
  await expect(database.listBackups()).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
  writeFileSync(config, '{}')
  expect(await database.listBackups()).toEqual([])
})
