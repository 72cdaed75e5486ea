/** What a restore may be pointed at, and where the backup may come from. */
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { openDatabase } from '../support/databases.ts'
import { NOBODY, run, testWith } from '../support/requirements.ts'
import { commitToLedger } from '../support/ledger.ts'
import { failedWith } from '../support/product.ts'
import {
  BACKED_UP,
  backUpThenChange,
  expectCommit,
  leftoversIn,
  NOW,
  openScene,
  rebuild,
  removeDatabase,
  restored,
  treeOf,
} from './scene.ts'

test('a link to the database stays a link, and the file behind it is restored', async () => {
  const scene = openScene()
  await backUpThenChange(scene)
  const link = scene.path('link.db')
  symlinkSync(join('data', 'app.db'), link)
  restored(await scene.product({ path: link, database: 'app' }).restoreBackup('latest', { confirm: true }))
  expect(readlinkSync(link)).toBe(join('data', 'app.db'))
  expectCommit(scene.databasePath, BACKED_UP)
  expect(Object.keys(treeOf(scene.path('data')))).toEqual(['app.db'])
})

test('a link to garbage stays a link, and the garbage behind it is replaced', async () => {
  const scene = openScene()
  await backUpThenChange(scene)
  const [link, real] = [scene.path('link.db'), scene.path('data', 'real.db')]
  writeFileSync(real, 'garbage')
  symlinkSync(real, link)
  const result = restored(await scene.product().restoreBackup('latest', { to: link, confirm: true }))
  expect(result).toMatchObject({ way: 'replace', targetPath: link })
  expect(readlinkSync(link)).toBe(real)
  expectCommit(real, BACKED_UP)
  expect(leftoversIn(scene.directory)).toEqual([])
})

test('a dangling link stays, and the file that it names comes to be', async () => {
  const scene = openScene()
  await backUpThenChange(scene)
  const link = scene.path('link.db')
  mkdirSync(scene.path('volume'))
  symlinkSync(join('volume', 'app.db'), link)
  restored(await scene.product().restoreBackup('latest', { to: link, confirm: true }))
  expect(readlinkSync(link)).toBe(join('volume', 'app.db'))
  expectCommit(scene.path('volume', 'app.db'), BACKED_UP)
})

test('links that lead from one to the next stay, though the last one dangles', async () => {
  const scene = openScene()
  await backUpThenChange(scene)
  mkdirSync(scene.path('volume'))
  symlinkSync(scene.path('volume', 'second'), scene.path('first'))
  symlinkSync('app.db', scene.path('volume', 'second'))
  restored(await scene.product().restoreBackup('latest', { to: scene.path('first'), confirm: true }))
  expect(lstatSync(scene.path('first')).isSymbolicLink()).toBe(true)
  expect(lstatSync(scene.path('volume', 'second')).isSymbolicLink()).toBe(true)
  expectCommit(scene.path('volume', 'app.db'), BACKED_UP)
})

test('a link that leads to itself is refused', async () => {
  const scene = openScene()
  await backUpThenChange(scene)
  symlinkSync('loop.db', scene.path('loop.db'))
  const result = await scene.product().restoreBackup('latest', { to: scene.path('loop.db'), confirm: true })
  expect(result).toMatchObject({ success: false, message: expect.stringContaining('loop.db') })
  expect(result).not.toMatchObject({ code: 'UNEXPECTED' })
})

test('a directory is no target', async () => {
  const scene = openScene()
  await backUpThenChange(scene)
  mkdirSync(scene.path('folder'))
  for (const to of [scene.path('folder'), `${scene.path('folder')}/`]) {
    const result = await scene.product().restoreBackup('latest', { to, confirm: true })
    expect(result).toMatchObject({ success: false, code: 'TARGET_INVALID', message: /directory/ })
  }
  expect(treeOf(scene.path('folder'))).toEqual({})
})

testWith(['linux'], 'a FIFO is no target, and nothing waits for its other end', async () => {
  const scene = openScene()
  await backUpThenChange(scene)
  run('mkfifo', [scene.path('pipe')])
  const result = await scene.product().restoreBackup('latest', { to: scene.path('pipe'), confirm: true })
  expect(result).toMatchObject({ success: false, code: 'TARGET_INVALID', message: /special file/ })
  expect(lstatSync(scene.path('pipe')).isFIFO()).toBe(true)
})

testWith(['linux'], 'a FIFO beside the target is no side file to wait for', async () => {
  const scene = openScene()
  const created = await backUpThenChange(scene)
  removeDatabase(scene.databasePath)
  run('mkfifo', [`${scene.databasePath}-wal`])
  restored(await scene.product().restoreBackup(created.filename, { confirm: true }))
  expectCommit(scene.databasePath, BACKED_UP)
})

test.each(['transaction', 'replace'] as const)('the mode of the file stays (%s)', async way => {
  const scene = openScene()
  await backUpThenChange(scene)
  if (way === 'replace') writeFileSync(scene.databasePath, 'garbage')
  chmodSync(scene.databasePath, 0o640)
  const result = restored(await scene.product().restoreBackup('latest', { confirm: true }))
  expect(result.way).toBe(way)
  expect(statSync(scene.databasePath).mode & 0o7777).toBe(0o640)
})

testWith(['root'], 'the owner of the file stays, restored by root', async () => {
  for (const content of [null, 'garbage']) {
    const scene = openScene()
    await backUpThenChange(scene)
    if (content !== null) writeFileSync(scene.databasePath, content)
    chownSync(scene.databasePath, NOBODY, NOBODY)
    restored(await scene.product().restoreBackup('latest', { confirm: true }))
    expect(statSync(scene.databasePath)).toMatchObject({ uid: NOBODY, gid: NOBODY })
  }
})

testWith(['root'], 'a missing file gets the owner of its directory, restored by root', async () => {
  const scene = openScene()
  await backUpThenChange(scene)
  removeDatabase(scene.databasePath)
  chownSync(scene.path('data'), NOBODY, NOBODY)
  restored(await scene.product().restoreBackup('latest', { confirm: true }))
  expect(statSync(scene.databasePath)).toMatchObject({ uid: NOBODY, gid: NOBODY })
})

testWith(['root'], "side files of a restore by root do not keep the database's owner out", async () => {
  const scene = openScene()
  await backUpThenChange(scene)
  for (const path of [scene.path('data'), scene.databasePath]) chownSync(path, NOBODY, NOBODY)
  const app = openDatabase(scene.databasePath)
  commitToLedger(app)
  restored(await scene.product().restoreBackup('latest', { confirm: true }))
  for (const suffix of ['-wal', '-shm']) {
    expect(statSync(scene.databasePath + suffix)).toMatchObject({ uid: NOBODY, gid: NOBODY })
  }
  app.close()
})

test('a backup is found by its name, its path, and a path in another backup directory', async () => {
  const scene = openScene()
  const created = await backUpThenChange(scene)
  const elsewhere = scene.path('usb-stick')
  mkdirSync(elsewhere)
  renameSync(scene.backupDir, join(elsewhere, 'backups'))
  const moved = created.backupPath.replace(scene.backupDir, join(elsewhere, 'backups'))
  const result = restored(await scene.product().restoreBackup(moved, { confirm: true }))
  expect(result.backup).toMatchObject({
    path: moved,
    metadataState: 'ok',
    checksum: created.metadata.checksum,
  })
  expectCommit(scene.databasePath, BACKED_UP)
})

test('a file outside every backup directory is restored, after its structure was checked', async () => {
  const scene = openScene()
  const created = await backUpThenChange(scene)
  const copy = scene.path('received by mail.db')
  copyFileSync(created.backupPath, copy)
  const result = restored(await scene.product().restoreBackup(copy, { confirm: true }))
  expect(result.backup).toMatchObject({
    path: copy,
    type: 'external',
    metadataState: 'missing',
    checksum: null,
  })
  expectCommit(scene.databasePath, BACKED_UP)
  expect(existsSync(copy)).toBe(true)
})

test('a backup that lost its metadata is restored by its name', async () => {
  const scene = openScene()
  const created = await backUpThenChange(scene)
  rmSync(join(scene.backupDir, 'metadata', `${created.filename}.json`))
  const result = restored(await scene.product().restoreBackup(created.filename, { confirm: true }))
  expect(result.backup.metadataState).toBe('missing')
  expectCommit(scene.databasePath, BACKED_UP)
})

test('the backup that is restored stays as it was, byte for byte', async () => {
  const scene = openScene()
  await backUpThenChange(scene)
  const manual = join(scene.backupDir, 'manual')
  const before = treeOf(manual, { withTimes: true })
  restored(await scene.product().restoreBackup('latest', { confirm: true }))
  restored(await scene.product().restoreBackup('latest', { to: scene.path('copy.db') }))
  expect(treeOf(manual, { withTimes: true })).toEqual(before)
})

test('a file is not restored over itself, by whatever name', async () => {
  const scene = openScene()
  const created = await backUpThenChange(scene)
  symlinkSync(scene.databasePath, scene.path('same.db'))
  const before = treeOf(scene.directory, { withTimes: true })
  const itself = [
    { backup: scene.databasePath },
    { backup: scene.path('same.db') },
    { backup: 'latest', to: created.backupPath },
  ]
  for (const { backup, ...to } of itself) {
    const result = await scene.product().restoreBackup(backup, { confirm: true, ...to })
    expect(result).toMatchObject({ success: false, code: 'INVALID_ARGUMENT' })
  }
  expect(treeOf(scene.directory, { withTimes: true })).toEqual(before)
})

test('a live database is no backup: what is in its WAL would be missing', async () => {
  const scene = openScene()
  await backUpThenChange(scene)
  const other = scene.path('other', 'live.db')
  rebuild(other, { commits: 9 })
  const app = openDatabase(other)
  app.exec('PRAGMA wal_autocheckpoint = 0')
  commitToLedger(app)
  const link = scene.path('other', 'link.db')
  symlinkSync(other, link)
  for (const path of [other, link]) {
    const result = await scene.product().restoreBackup(path, { confirm: true })
    expect(result).toMatchObject({
      success: false,
      code: 'BACKUP_UNSUPPORTED',
      message: expect.stringContaining(`${other}-wal`),
    })
  }
  app.close()
  expectCommit(scene.databasePath, NOW)
  restored(await scene.product().restoreBackup(other, { confirm: true }))
  expectCommit(scene.databasePath, 10)
})

test('a relative path starts at the working directory, also at another one than at first', async () => {
  const scene = openScene()
  await backUpThenChange(scene)
  const before = process.cwd()
  onTestFinished(() => process.chdir(before))
  for (const name of ['one', 'two']) {
    mkdirSync(scene.path(name))
    process.chdir(scene.path(name))
    restored(await scene.product({ engine: 'process' }).restoreBackup('latest', { to: 'copy.db' }))
    expect(existsSync(scene.path(name, 'copy.db'))).toBe(true)
  }
})

test('an absolute path need not be the shortest', async () => {
  const scene = openScene()
  await backUpThenChange(scene)
  const to = scene.path('data', '..', 'x', 'copy.db')
  expect(restored(await scene.product().restoreBackup('latest', { to })).targetPath).toBe(
    scene.path('x', 'copy.db'),
  )
  expect(realpathSync(dirname(scene.path('x', 'copy.db')))).toBe(scene.path('x'))
})

test('a path with spaces, quotes, percent and question marks and other scripts is restored to', async () => {
  const scene = openScene()
  await backUpThenChange(scene)
  const path = scene.path(`it's "my" 100%20 data?#&`, 'база 数据 🐑.db')
  const product = scene.product({ path, database: 'app' })
  restored(await product.restoreBackup('latest', { confirm: true }))
  rebuild(path, { commits: 3 })
  expect(restored(await product.restoreBackup('latest', { confirm: true })).way).toBe('transaction')
  expectCommit(path, BACKED_UP)
})

test.each(['-wal', '-shm', '-journal'])(
  'a directory that is called like a side file, %s, is left alone, and the restore says that it is in the way',
  async suffix => {
    const scene = openScene()
    await backUpThenChange(scene)
    removeDatabase(scene.databasePath)
    const inTheWay = `${scene.databasePath}${suffix}`
    mkdirSync(inTheWay)
    writeFileSync(`${inTheWay}/precious`, 'precious')
    const failure = failedWith(
      'TARGET_INVALID',
      await scene.product().restoreBackup('latest', { confirm: true }),
    )
    expect(failure.message).toContain(inTheWay)
    expect(readFileSync(`${inTheWay}/precious`, 'utf8')).toBe('precious')
    expect(existsSync(scene.databasePath)).toBe(false)
  },
)
