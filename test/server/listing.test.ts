import {
  appendFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { CatalogListing } from '../../src/catalog/listing.ts'
import { listCatalog } from '../../src/catalog/list.ts'
import { printMetadata } from '../../src/catalog/metadata.ts'
import { temporaryDirectory } from '../support/temporary.ts'

function place(backupDir: string, type: string, filename: string): void {
  mkdirSync(join(backupDir, type), { recursive: true })
  mkdirSync(join(backupDir, 'metadata'), { recursive: true })
  writeFileSync(join(backupDir, type, filename), 'x'.repeat(10))
  const metadata = {
    timestamp: '2025-06-27T02:00:00',
    backup_type: type,
    database_version: '0',
    file_size: 10,
    checksum: '0'.repeat(64),
    description: '',
    created_by: 'test',
    created_at: '2025-06-27T02:00:00.000Z',
  }
  writeFileSync(join(backupDir, 'metadata', `${filename}.json`), printMetadata(metadata))
}

const NAME = (n: number): string => `shop_backup_daily_20250627_02000${n}.db`

function open(backupDir: string, now?: () => number): CatalogListing {
  const listing = new CatalogListing(backupDir, now)
  onTestFinished(() => listing[Symbol.dispose]())
  return listing
}

/** So that what was written before no longer counts as just written. */
function age(backupDir: string): void {
  const past = new Date(Date.now() - 60_000)
  for (const name of readdirSync(backupDir)) utimesSync(join(backupDir, name), past, past)
}

const CHANGES: readonly (readonly [string, (backupDir: string) => void])[] = [
  ['a backup is made', dir => place(dir, 'daily', NAME(2))],
  ['a backup of a new type is made', dir => place(dir, 'weekly', 'shop_backup_weekly_20250627_020000.db')],
  ['a backup is deleted', dir => rmSync(join(dir, 'daily', NAME(1)))],
  [
    'metadata is replaced',
    dir => {
      const path = join(dir, 'metadata', `${NAME(1)}.json`)
      writeFileSync(
        `${path}.new`,
        readFileSync(path, 'utf8').replace('"description": ""', '"description": "new"'),
      )
      renameSync(`${path}.new`, path)
    },
  ],
  [
    'metadata is edited in place',
    dir => {
      const path = join(dir, 'metadata', `${NAME(1)}.json`)
      writeFileSync(path, readFileSync(path, 'utf8').replace('"description": ""', '"description": "new"'))
    },
  ],
  ['a stored file grows in place', dir => appendFileSync(join(dir, 'daily', NAME(1)), 'y')],
  ['all is removed', dir => rmSync(dir, { recursive: true })],
  [
    'the directory is another one',
    dir => {
      renameSync(dir, `${dir}.old`)
      place(dir, 'daily', NAME(3))
    },
  ],
]

test.each(CHANGES)('a listing that is kept says what is there after %s', async (_, change) => {
  const backupDir = join(temporaryDirectory(), 'backups')
  place(backupDir, 'daily', NAME(1))
  age(backupDir)
  const listing = open(backupDir)
  for (let i = 0; i < 2; i++) expect(await listing.list()).toEqual(await listCatalog(backupDir, {}))
  change(backupDir)
  expect(await listing.list()).toEqual(await listCatalog(backupDir, {}))
})

test('a listing of what has not changed is not read again, but for a time', async () => {
  const backupDir = temporaryDirectory()
  place(backupDir, 'daily', NAME(1))
  age(backupDir)
  let ms = 0
  const listing = open(backupDir, () => ms)
  await listing.list()
  const known = await listing.list()
  expect(await listing.list()).toBe(known)
  ms += 30_000
  expect(await listing.list()).not.toBe(known)
})

test('whoever asks while it is being read sees what was there when he asked', async () => {
  const backupDir = temporaryDirectory()
  place(backupDir, 'daily', NAME(1))
  const listing = open(backupDir)
  const first = listing.list()
  place(backupDir, 'daily', NAME(2))
  expect(await listing.list()).toHaveLength(2)
  await first
})

test('all who ask while it is being read are answered with that reading, or with one more', async () => {
  const backupDir = temporaryDirectory()
  place(backupDir, 'daily', NAME(1))
  age(backupDir)
  const listing = open(backupDir)
  const asked = Array.from({ length: 20 }, () => listing.list())
  place(backupDir, 'daily', NAME(2))
  const late = Array.from({ length: 20 }, () => listing.list())
  const lists = await Promise.all([...asked, ...late])
  for (const list of lists.slice(20)) expect(list).toHaveLength(2)
  expect(new Set(lists).size).toBeLessThanOrEqual(2)
})
