/** What a target's listings and metadata say, and what becomes of it when they change while they are read. */
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { BackupInfo } from '../../src/catalog/backup-info.ts'
import {
  findAtTarget,
  METADATA_BYTES_MAX,
  readAtTarget,
  readTargetCatalog,
  type TargetCatalog,
} from '../../src/catalog/target-catalog.ts'
import { imageKey, metadataKey } from '../../src/catalog/target-keys.ts'
import type { ListFilter } from '../../src/catalog/list.ts'
import { openTarget } from '../../src/storage/open-target.ts'
import type { Target } from '../../src/storage/target.ts'
import type { Candidate } from '../../src/retention/standing.ts'
import { daily, madeUp, store } from '../retention/made-up.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { during, type Meanwhile } from './meanwhile.ts'
import { openPlace } from './place.ts'

const READ = { signal: new AbortController().signal, cache: null }
const NEWER = madeUp('2025-06-27T02:00:00Z')
const OLDER = madeUp('2025-06-20T02:00:00Z')

class There {
  readonly root: string = temporaryDirectory()

  constructor(backups: readonly Candidate[]) {
    store(this.root, backups)
  }

  path(key: string): string {
    return join(this.root, key)
  }

  remove(key: string): void {
    rmSync(this.path(key))
  }

  async #with<T>(meanwhile: Meanwhile, act: (target: Target) => Promise<T>): Promise<T> {
    const around = { directory: '/', environment: {} }
    await using target = await openTarget('far', { kind: 'local', path: this.root }, around)
    return await act(during(target, meanwhile))
  }

  catalog(filter: ListFilter = { database: 'app' }, meanwhile: Meanwhile = {}): Promise<TargetCatalog> {
    return this.#with(meanwhile, target => readTargetCatalog(target, filter, READ))
  }

  read({ filename }: Candidate, meanwhile: Meanwhile = {}): Promise<BackupInfo | null> {
    return this.#with(meanwhile, target => readAtTarget(target, filename, READ))
  }

  async find(wanted: string): Promise<string> {
    return (await this.#with({}, target => findAtTarget(target, 'app', wanted, READ))).filename
  }
}

function namesOf({ backups }: TargetCatalog): string[] {
  return backups.map(({ filename }) => filename)
}

test('a target lists the backups of one type and one database, or of all, the newest first', async () => {
  const weekly = madeUp('2025-06-22T03:00:00Z', { type: 'weekly' })
  const shop = madeUp('2025-06-25T03:00:00Z', { database: 'shop' })
  const there = new There([OLDER, weekly, NEWER, shop])
  expect(namesOf(await there.catalog({}))).toEqual([NEWER, shop, weekly, OLDER].map(each => each.filename))
  expect(namesOf(await there.catalog({ database: 'app', type: 'weekly' }))).toEqual([weekly.filename])
  expect(namesOf(await there.catalog({ database: 'app', limit: 1 }))).toEqual([NEWER.filename])
})

test('a name that says another type than its metadata does not make it a backup of that type', async () => {
  const there = new There([madeUp('2025-06-22T03:00:00Z', { metadata: { backup_type: 'weekly' } })])
  mkdirSync(there.path('weekly'))
  renameSync(
    there.path('daily/app_backup_daily_20250622_030000.db'),
    there.path('weekly/app_backup_daily_20250622_030000.db'),
  )
  expect(namesOf(await there.catalog({ database: 'app', type: 'daily' }))).toEqual([])
  expect(namesOf(await there.catalog({ database: 'app' }))).toHaveLength(1)
})

test('a backup that is deleted while a target is listed is none, and hides no other', async () => {
  const there = new There([NEWER, OLDER])
  const listed = await there.catalog(undefined, {
    before(call, key) {
      if (call === 'get' && key === metadataKey(NEWER.filename)) there.remove(key)
    },
  })
  expect(namesOf(listed)).toEqual([OLDER.filename])
  const read = await there.read(OLDER, {
    before(call, key) {
      if (call === 'get') there.remove(key)
    },
  })
  expect(read).toBeNull()
})

test('metadata that grows beyond all measure while it is read is as good as none', async () => {
  const there = new There([NEWER, OLDER])
  const listed = await there.catalog(undefined, {
    before(call, key) {
      if (call === 'get' && key === metadataKey(NEWER.filename))
        writeFileSync(there.path(key), Buffer.alloc(METADATA_BYTES_MAX + 1, ' '))
    },
  })
  expect(listed.backups.map(({ metadataState }) => metadataState).toSorted()).toEqual(['invalid', 'ok'])
})

test('a mark of a type that there cannot be is none', async () => {
  const there = new There([NEWER])
  for (const type of ['weekly', 'metadata'])
    writeFileSync(there.path(`${metadataKey(OLDER.filename)}.copying-${type}`), 'somebody')
  expect((await there.catalog()).marks).toMatchObject([{ kind: 'copying', type: 'weekly' }])
})

test('where nothing is kept here, what cannot be read at the first target is listed with the rest', async () => {
  const place = openPlace(['far'], { keepLocal: false }, null)
  store(place.path('far'), [NEWER, OLDER])
  writeFileSync(place.path('far', metadataKey(OLDER.filename)), '{')
  const listed = await place.database().listBackups()
  expect(listed.map(({ metadataState }) => metadataState).toSorted()).toEqual(['invalid', 'ok'])
})

test('a target that goes away while it is listed has not answered', async () => {
  const there = new There([NEWER])
  const listing = there.catalog(undefined, {
    before(call) {
      if (call === 'get') rmSync(there.root, { recursive: true })
    },
  })
  await expect(listing).rejects.toMatchObject({ code: 'TARGET_UNREACHABLE' })
})

test('metadata whose file is not there is no backup', async () => {
  const there = new There([NEWER, OLDER])
  there.remove(imageKey(NEWER as BackupInfo))
  expect(await there.read(NEWER)).toBeNull()
  expect(namesOf(await there.catalog())).toEqual([OLDER.filename])
  await expect(there.find(NEWER.filename)).rejects.toMatchObject({
    code: 'BACKUP_NOT_FOUND',
    hint: expect.stringContaining('list --target far'),
  })
})

test('latest is the newest that is there, be its name far older than others that are not', async () => {
  const there = new There([NEWER, OLDER])
  expect(await there.find('latest')).toBe(NEWER.filename)
  there.remove(imageKey(NEWER as BackupInfo))
  expect(await there.find('latest')).toBe(OLDER.filename)
  there.remove(imageKey(OLDER as BackupInfo))
  await expect(there.find('latest')).rejects.toMatchObject({
    code: 'BACKUP_NOT_FOUND',
    hint: expect.stringContaining('sync'),
  })
})

test('latest is neither a backup that a restore made, nor one older for a name without a date', async () => {
  const before = madeUp('2025-06-28T02:00:00Z', { type: 'pre_restore' })
  const named = { ...madeUp('2025-06-26T02:00:00Z'), filename: 'app_backup_daily_mine.db' }
  const there = new There([...daily('2025-06-27', 2), before, named])
  expect(await there.find('latest')).toBe(NEWER.filename)
  expect(await there.find(`far:daily/${NEWER.filename}`)).toBe(NEWER.filename)
})
