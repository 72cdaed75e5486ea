/** Restoring where no readable database is. */
import { copyFileSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { HOLD_OPEN, startScript } from '../support/scripts.ts'
import {
  BACKED_UP,
  backUpThenChange,
  expectCommit,
  keptIn,
  leftoversIn,
  NOW,
  openScene,
  pragmaOf,
  rebuild,
  removeDatabase,
  restored,
  type Scene,
  treeOf,
} from './scene.ts'

/** Restores over what is in the scene; the result must be the backed-up commit and nothing beside it. */
async function restoreAlone(scene: Scene): ReturnType<typeof restoreNow> {
  const result = await restoreNow(scene)
  expectCommit(scene.databasePath, BACKED_UP)
  expect(Object.keys(treeOf(scene.path('data')))).toEqual(['app.db'])
  expect(leftoversIn(scene.directory)).toEqual([])
  return result
}

async function restoreNow(scene: Scene): Promise<ReturnType<typeof restored>> {
  return restored(await scene.product().restoreBackup('latest', { confirm: true }))
}

test('a missing database is restored', async () => {
  const scene = openScene()
  await backUpThenChange(scene)
  removeDatabase(scene.databasePath)
  expect(await restoreAlone(scene)).toMatchObject({
    way: 'replace',
    preRestoreBackup: null,
    keptFiles: [],
    comparison: 'equal',
    journalMode: 'wal',
    notes: [],
  })
  expect(statSync(scene.databasePath).mode & 0o777).toBe(0o600)
})

test('a missing directory is made, its parents too', async () => {
  const scene = openScene()
  await backUpThenChange(scene)
  rmSync(scene.path('data'), { recursive: true })
  await restoreAlone(scene)
  const deep = scene.path('a', 'b', 'c', 'app.db')
  restored(await scene.product().restoreBackup('latest', { to: deep }))
  expectCommit(deep, BACKED_UP)
})

test('a file where the directory should be is said to be in the way, and stays', async () => {
  const scene = openScene()
  await backUpThenChange(scene)
  writeFileSync(scene.path('file'), 'precious')
  const result = await scene.product().restoreBackup('latest', { to: scene.path('file', 'app.db') })
  expect(result).toMatchObject({ success: false, message: expect.stringContaining(scene.path('file')) })
  expect(result).not.toMatchObject({ code: 'UNEXPECTED' })
  expect(readFileSync(scene.path('file'), 'utf8')).toBe('precious')
})

const corruptions: readonly { what: string; corrupt: (path: string) => void }[] = [
  { what: 'is garbage', corrupt: path => writeFileSync(path, Buffer.alloc(50_000, 'garbage ')) },
  {
    what: 'has a zeroed header',
    corrupt: path => writeFileSync(path, readFileSync(path).fill(0, 0, 100)),
  },
  { what: 'is shorter than a header', corrupt: path => truncateSync(path, 40) },
  { what: 'was cut off in the middle of a page', corrupt: path => truncateSync(path, 50_000) },
  {
    what: 'has a damaged schema page',
    corrupt: path => writeFileSync(path, readFileSync(path).fill(0xa5, 100, 4096)),
  },
  {
    what: 'has damage deep inside',
    corrupt: path => writeFileSync(path, readFileSync(path).fill(0xa5, 8192, 40_960)),
  },
]

test.each(corruptions)(
  'a database that $what is restored, and what was there is kept',
  async ({ corrupt }) => {
    for (const journalMode of ['wal', 'delete'] as const) {
      const scene = openScene()
      await backUpThenChange(scene, { now: { journalMode } })
      corrupt(scene.databasePath)
      const before = readFileSync(scene.databasePath)
      const { keptFiles, preRestoreBackup } = await restoreAlone(scene)
      const kept = [...keptFiles, ...(preRestoreBackup === null ? [] : [preRestoreBackup.path])]
      expect(kept).toHaveLength(1)
      expect(statSync(kept[0] ?? '').mode & 0o777).toBe(0o600)
      if (keptFiles.length > 0) expect(readFileSync(keptFiles[0] ?? '').equals(before)).toBe(true)
      else
        expect(readFileSync(preRestoreBackup?.path ?? '').subarray(4096, 40_960)).toEqual(
          before.subarray(4096, 40_960),
        )
    }
  },
)

test('what SQLite cannot read is kept as .damaged, which is not listed, and the result says where', async () => {
  const scene = openScene()
  await backUpThenChange(scene)
  writeFileSync(scene.databasePath, 'garbage')
  writeFileSync(`${scene.databasePath}-wal`, 'more garbage')
  const { keptFiles, notes } = await restoreAlone(scene)
  expect(keptFiles.map(path => readFileSync(path, 'utf8'))).toEqual(['garbage', 'more garbage'])
  expect(keptFiles.map(path => path.replace(/^.*pre_restore\/app_backup_pre_restore_\d+_\d+/, ''))).toEqual([
    '.db.damaged',
    '.db.damaged-wal',
  ])
  expect(notes.join()).toContain(keptFiles[0])
  expect(await scene.product().listBackups({ type: 'pre_restore' })).toEqual([])
})

test('an empty file is a database without content', async () => {
  const scene = openScene()
  await backUpThenChange(scene)
  removeDatabase(scene.databasePath)
  writeFileSync(scene.databasePath, '')
  const result = await restoreAlone(scene)
  expect(result).toMatchObject({ way: 'transaction', comparison: 'equal', journalMode: 'wal' })
  expect(result.preRestoreBackup).toMatchObject({ size: 0 })
})

/** Puts a WAL or a journal beside the database that would bring other content into it. */
async function leaveStale(scene: Scene, kind: 'wal' | 'journal'): Promise<void> {
  removeDatabase(scene.databasePath)
  rebuild(scene.databasePath, { commits: 33, journalMode: kind === 'wal' ? 'wal' : 'delete' })
  const statements =
    kind === 'wal'
      ? 'PRAGMA wal_autocheckpoint = 0; CREATE TABLE stale (a); INSERT INTO stale VALUES (1)'
      : 'PRAGMA cache_size = 2; PRAGMA cache_spill = 1; BEGIN IMMEDIATE; UPDATE payload SET content = zeroblob(20000)'
  const app = await startScript(HOLD_OPEN, [scene.databasePath, statements])
  await app.kill()
  expect(statSync(`${scene.databasePath}-${kind}`).size).toBeGreaterThan(4096)
}

test.each(['wal', 'journal'] as const)(
  'a stale -%s beside a missing database brings nothing back',
  async kind => {
    const scene = openScene()
    await backUpThenChange(scene, { backedUp: { journalMode: kind === 'wal' ? 'wal' : 'delete' } })
    await leaveStale(scene, kind)
    rmSync(scene.databasePath)
    const { way } = await restoreAlone(scene)
    expect(way).toBe('replace')
    expect(pragmaOf(scene.databasePath, "table_info('stale')")).toBeNull()
  },
)

test.each(['wal', 'journal'] as const)(
  'a stale -%s beside a file that is no database brings nothing back, and is kept',
  async kind => {
    const scene = openScene()
    await backUpThenChange(scene, { backedUp: { journalMode: kind === 'wal' ? 'wal' : 'delete' } })
    await leaveStale(scene, kind)
    writeFileSync(scene.databasePath, Buffer.alloc(40_000, 'garbage '))
    const stale = readFileSync(`${scene.databasePath}-${kind}`)
    const { keptFiles } = await restoreAlone(scene)
    expect(keptFiles).toHaveLength(2)
    expect(readFileSync(keptFiles[1] ?? '').equals(stale)).toBe(true)
  },
)

test('a -wal whose database was replaced by another file brings nothing back', async () => {
  const scene = openScene()
  await backUpThenChange(scene)
  rebuild(scene.path('other.db'), { commits: 5 })
  await leaveStale(scene, 'wal')
  copyFileSync(scene.path('other.db'), scene.databasePath)
  restored(await scene.product().restoreBackup('latest', { confirm: true }))
  expectCommit(scene.databasePath, BACKED_UP)
  expect(pragmaOf(scene.databasePath, "table_info('stale')")).toBeNull()
})

test('side files of garbage beside a good database do not get into the restored one', async () => {
  for (const suffix of ['-wal', '-shm', '-journal']) {
    const scene = openScene()
    await backUpThenChange(scene, {
      now: { commits: NOW, journalMode: suffix === '-journal' ? 'delete' : 'wal' },
    })
    writeFileSync(scene.databasePath + suffix, Buffer.alloc(40_000, 'garbage '))
    restored(await scene.product().restoreBackup('latest', { confirm: true }))
    expectCommit(scene.databasePath, BACKED_UP)
  }
})

test('nothing is kept where there was nothing', async () => {
  const scene = openScene()
  await backUpThenChange(scene)
  removeDatabase(scene.databasePath)
  await restoreAlone(scene)
  expect(keptIn(scene)).toEqual([])
})
