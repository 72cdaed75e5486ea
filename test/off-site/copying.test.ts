import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { expect, test } from 'vitest'
import { failedWith, succeeded } from '../support/product.ts'
import { local, makeBackups, namesAt, openPlace, type Place, readJson } from './place.ts'

test('a new backup is copied to every target, and the catalog says where it is', async () => {
  const place = openPlace(['far', 'farther'])
  const made = succeeded(await place.database().createBackup())
  expect(made.targets).toMatchObject([
    { name: 'far', status: 'copied', filename: made.filename, bytes: made.metadata.file_size },
    { name: 'farther', status: 'copied', filename: made.filename, bytes: made.metadata.file_size },
  ])
  const [listed] = await place.database().listBackups()
  expect(listed).toMatchObject({ target: null, copies: ['far', 'farther'] })
  for (const target of ['far', 'farther']) {
    expect(place.files(target)).toEqual([`manual/${made.filename}`, `metadata/${made.filename}.json`])
    expect(readFileSync(place.path(target, 'manual', made.filename))).toEqual(readFileSync(made.backupPath))
    const [there] = await place.database().listBackups({ target })
    expect(there).toMatchObject({
      ...listed,
      target,
      path: `${target}:manual/${made.filename}`,
      copies: [],
      metadata: made.metadata,
    })
  }
})

test("a target's metadata is the backup directory's but for what only that knows", async () => {
  const place = openPlace()
  const { filename } = succeeded(await place.database().createBackup())
  const here = readJson(join(place.backupDir, 'metadata', `${filename}.json`))
  expect(here['copies']).toMatchObject({ far: { size: here['file_size'] } })
  const { copies: _, ...rest } = here
  expect(readJson(place.path('far', 'metadata', `${filename}.json`))).toEqual(rest)
})

test('a target that is away does not make the backup fail, and the next sync copies it', async () => {
  const place = openPlace(['far', '!away'])
  const made = succeeded(await place.database().createBackup())
  expect(made.targets).toMatchObject([
    { name: 'far', status: 'copied' },
    { name: 'away', status: 'failed', code: 'TARGET_UNREACHABLE', bytes: 0, filename: null },
  ])
  expect(await place.database().listBackups()).toMatchObject([{ copies: ['far'] }])
  const still = succeeded(await place.database().syncTargets())
  expect(still).toMatchObject({
    status: 'incomplete',
    targets: [
      { name: 'far', status: 'synced', copied: [], present: 1, failure: null },
      { name: 'away', status: 'failed', copied: [], failure: { code: 'TARGET_UNREACHABLE' } },
    ],
  })
  mkdirSync(place.path('away'))
  const synced = succeeded(await place.database().syncTargets())
  expect(synced).toMatchObject({
    status: 'synced',
    targets: [
      { name: 'far', copied: [] },
      { name: 'away', status: 'synced', copied: [made.filename], present: 1 },
    ],
  })
  expect(await place.database().listBackups()).toMatchObject([{ copies: ['away', 'far'] }])
  expect(place.files('away')).toEqual(place.files('far'))
})

test('a sync copies what is lacking, the newest first, to one target where one is named', async () => {
  const place = openPlace(['far', 'farther'])
  const names = await makeBackups(place, 3)
  const synced = succeeded(await place.database().syncTargets({ target: 'far' }))
  expect(synced.targets).toHaveLength(1)
  expect(synced.targets[0]?.copied.toSorted()).toEqual(names.toSorted())
  expect(await namesAt(place, 'far')).toEqual(names.toReversed())
  expect(await namesAt(place, 'farther')).toEqual([])
  failedWith('INVALID_ARGUMENT', await place.database().syncTargets({ target: 'nowhere' }))
})

test('what a target has lost is copied there again', async () => {
  const place = openPlace()
  const { filename } = succeeded(await place.database().createBackup())
  rmSync(place.path('far', 'manual', filename))
  expect(await namesAt(place, 'far')).toEqual([])
  expect(succeeded(await place.database().syncTargets()).targets).toMatchObject([{ copied: [filename] }])
  expect(await namesAt(place, 'far')).toEqual([filename])
  // Cut short there.
  writeFileSync(place.path('far', 'manual', filename), 'short')
  expect(succeeded(await place.database().syncTargets()).targets).toMatchObject([{ copied: [filename] }])
  const there = readFileSync(place.path('far', 'manual', filename))
  expect(there).toEqual(readFileSync(join(place.backupDir, 'manual', filename)))
})

test.for([
  [
    'verification',
    { status: 'damaged' },
    (place: Place, name: string) => place.database().verifyBackup(name, { target: 'far', record: true }),
  ],
  [
    'drill',
    { status: 'failed' },
    (place: Place, backup: string) => place.database().drillBackup({ backup, target: 'far' }),
  ],
] as const)(
  'a copy that a %s found to be damaged is copied anew, and its pin stays',
  async ([, found, look]) => {
    const place = openPlace()
    const { filename } = succeeded(await place.database().createBackup())
    succeeded(await place.database().pinBackup(filename, { target: 'far', reason: 'audit' }))
    const path = place.path('far', 'manual', filename)
    const bytes = readFileSync(path)
    writeFileSync(path, bytes.with(5000, (bytes[5000] ?? 0) ^ 1))
    expect(await look(place, filename)).toMatchObject({ ...found, recorded: true })
    expect(succeeded(await place.database().syncTargets()).targets).toMatchObject([{ copied: [filename] }])
    expect(readFileSync(path)).toEqual(bytes)
    const [there] = await place.database().listBackups({ target: 'far' })
    expect(there).toMatchObject({
      pinned: { reason: 'audit' },
      metadata: { verified_at: expect.any(String) },
    })
    expect(there?.metadata?.damaged_at).toBeUndefined()
    expect(succeeded(await place.database().syncTargets()).targets).toMatchObject([{ copied: [] }])
  },
)

test('a backup that is stored in another encoding by now is not copied once more', async () => {
  const place = openPlace()
  const { filename } = succeeded(await place.database().createBackup())
  succeeded(await place.database().convertBackups({ encoding: 'zstd' }))
  expect(succeeded(await place.database().syncTargets()).targets).toMatchObject([{ copied: [], present: 1 }])
  expect(await namesAt(place, 'far')).toEqual([filename])
})

test('the backup directory forgets a copy that a target has lost, while it cannot be made anew', async () => {
  const place = openPlace()
  const { filename } = succeeded(await place.database().createBackup())
  rmSync(place.path('far', 'manual'), { recursive: true })
  rmSync(place.path('far', 'metadata'), { recursive: true })
  writeFileSync(join(place.backupDir, 'manual', filename), 'damaged')
  succeeded(await place.database().syncTargets())
  expect(await place.database().listBackups()).toMatchObject([{ copies: [] }])
})

test('a backup that is damaged in the backup directory is copied nowhere, and the others are', async () => {
  const place = openPlace()
  const [older = '', newer = ''] = await makeBackups(place, 2)
  const path = join(place.backupDir, 'manual', older)
  const bytes = readFileSync(path)
  bytes[5000] = (bytes[5000] ?? 0) ^ 1
  writeFileSync(path, bytes)
  const synced = succeeded(await place.database().syncTargets())
  expect(synced).toMatchObject({
    status: 'incomplete',
    targets: [
      { status: 'incomplete', copied: [newer], failed: [{ filename: older, code: 'BACKUP_DAMAGED' }] },
    ],
  })
  expect(await namesAt(place, 'far')).toEqual([newer])
  expect(existsSync(place.path('far', 'manual', older))).toBe(false)
})

test('what was deleted at a target on purpose is not copied there again', async () => {
  const place = openPlace()
  const [older = '', newer = ''] = await makeBackups(place, 2)
  succeeded(await place.database().syncTargets())
  const deleted = succeeded(await place.database().deleteBackup(older, { target: 'far', confirm: true }))
  expect(deleted.backup).toMatchObject({ target: 'far', filename: older })
  expect(place.files('far')).toEqual([`manual/${newer}`, `metadata/${newer}.json`])
  expect(succeeded(await place.database().syncTargets()).targets).toMatchObject([
    { status: 'synced', copied: [], present: 1, leftOut: 1 },
  ])
  expect(await namesAt(place)).toEqual([newer, older])
})

test("what a target's retention would delete again is not copied there", async () => {
  const place = openPlace()
  const names = await makeBackups(place, 3, 'daily')
  place.configure({ targets: { far: local('far', { retention: { types: { daily: { keepLast: 1 } } } }) } })
  const synced = succeeded(await place.database().syncTargets())
  expect(synced.targets).toMatchObject([{ status: 'synced', copied: [names[2]], leftOut: 2 }])
  const cleaned = succeeded(await place.database().cleanupOldBackups({ target: 'far' }))
  expect(cleaned.targets).toMatchObject([{ target: 'far', status: 'done', deleted: [] }])
})

test('two machines that give two backups one name both keep theirs', async () => {
  const place = openPlace()
  const [name = ''] = await makeBackups(place, 1)
  succeeded(await place.database().syncTargets())
  const first = readFileSync(place.path('far', 'manual', name))
  // The other machine: the same database name, the same second, other content and another instant.
  const other = openPlace(['far'], {}, { commits: 30 })
  const [theirs = ''] = await makeBackups(other, 1)
  for (const [from, to] of [
    [join('manual', theirs), join('manual', name)],
    [join('metadata', `${theirs}.json`), join('metadata', `${name}.json`)],
  ] as const) {
    renameSync(join(other.backupDir, from), join(other.backupDir, `${to}`))
  }
  other.configure({ targets: { far: local(place.path('far')) } })
  expect(succeeded(await other.database().syncTargets()).targets).toMatchObject([{ copied: [name] }])
  const second = name.replace('.db', '_2.db')
  expect(await namesAt(place, 'far')).toEqual(expect.arrayContaining([name, second]))
  expect(readFileSync(place.path('far', 'manual', name))).toEqual(first)
  expect(readFileSync(place.path('far', 'manual', second))).toEqual(
    readFileSync(join(other.backupDir, 'manual', name)),
  )
  // Each knows its own again.
  expect(succeeded(await other.database().syncTargets()).targets).toMatchObject([{ copied: [], present: 1 }])
  expect(succeeded(await place.database().syncTargets()).targets).toMatchObject([{ copied: [], present: 1 }])
})

test('a file that somebody put at a target is never overwritten', async () => {
  const place = openPlace()
  const [name = ''] = await makeBackups(place, 1)
  mkdirSync(place.path('far', 'manual'))
  writeFileSync(place.path('far', 'manual', name), 'mine')
  succeeded(await place.database().syncTargets())
  expect(readFileSync(place.path('far', 'manual', name), 'utf8')).toBe('mine')
  expect(await namesAt(place, 'far')).toEqual([name.replace('.db', '_2.db')])
})

test('databases with targets in common do not disturb each other', async () => {
  const place = openPlace()
  const shop = place.database({ path: place.path('shop.db') })
  renameSync(place.databasePath, place.path('shop.db'))
  const other = openPlace()
  other.configure({ targets: { far: local(place.path('far')) } })
  const ofShop = succeeded(await shop.createBackup())
  const ofApp = succeeded(await other.database().createBackup())
  expect((await shop.listBackups({ target: 'far' })).map(({ filename }) => filename)).toEqual([
    ofShop.filename,
  ])
  expect(await namesAt(other, 'far')).toEqual([ofApp.filename])
  expect(succeeded(await shop.cleanupOldBackups({ target: 'far' })).targets).toMatchObject([
    { kept: [{ backup: { filename: ofShop.filename } }], deleted: [] },
  ])
})

test('a backup in a throw-away set-up, or with copy: false, is copied nowhere', async () => {
  const place = openPlace()
  expect(succeeded(await place.database({ disposable: true }).createBackup()).targets).toEqual([])
  expect(succeeded(await place.database().createBackup({ copy: false })).targets).toEqual([])
  expect(place.files('far')).toEqual([])
})

test('a copy that is cancelled leaves the backup, and the next sync copies it', async () => {
  const place = openPlace()
  const cancel = new AbortController()
  const made = succeeded(
    await place.database().createBackup({
      signal: cancel.signal,
      onProgress: ({ step }) => step === 'copy-off-site' && cancel.abort(),
    }),
  )
  expect(made.targets).toMatchObject([{ name: 'far', status: 'failed', code: 'CANCELLED' }])
  expect(await namesAt(place)).toEqual([basename(made.backupPath)])
  expect(succeeded(await place.database().syncTargets()).targets).toMatchObject([{ copied: [made.filename] }])
})

test('what was read of a target is not read again while it is as it was, and whatever is wrong with that cache', async () => {
  const place = openPlace()
  const [name = ''] = await makeBackups(place, 1)
  succeeded(await place.database().syncTargets())
  const path = place.path('far', 'metadata', `${name}.json`)
  const old = new Date(Date.now() - 3_600_000)
  const { utimesSync } = await import('node:fs')
  const text = readFileSync(path, 'utf8')
  utimesSync(path, old, old)
  expect(await namesAt(place, 'far')).toEqual([name])
  // Of the same size and time: what is cached counts.
  writeFileSync(path, 'x'.repeat(text.length))
  utimesSync(path, old, old)
  expect(await place.database().listBackups({ target: 'far' })).toMatchObject([{ metadataState: 'ok' }])
  writeFileSync(join(place.backupDir, 'targets', 'far', 'metadata.jsonl'), '{"key": 3}\n')
  // What a killed process left.
  const half = join(place.backupDir, 'targets', 'far', 'metadata.jsonl.0123456789ab')
  writeFileSync(half, '')
  utimesSync(half, old, new Date(old.getTime() - 3_600_000))
  // What another one writes.
  const another = join(place.backupDir, 'targets', 'far', 'metadata.jsonl.ba9876543210')
  writeFileSync(another, '')
  expect(await place.database().listBackups({ target: 'far' })).toMatchObject([{ metadataState: 'invalid' }])
  writeFileSync(path, text)
  const older = new Date(old.getTime() - 3_600_000)
  utimesSync(path, older, older)
  expect(await place.database().listBackups({ target: 'far' })).toMatchObject([{ metadataState: 'ok' }])
  expect(existsSync(half)).toBe(false)
  expect(existsSync(another)).toBe(true)
})
