/** Many backups, whose files a thread reads: they are listed as any single one is. */
import { copyFileSync, mkdirSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { BackupInfo } from '../../src/index.ts'
import { findInCatalog, listCatalog, newestFirst, readBackup } from '../../src/catalog/list.ts'
import { printMetadata } from '../../src/catalog/metadata.ts'
import { readStoredFiles } from '../../src/catalog/stored-files.ts'
import { temporaryDirectory } from '../support/temporary.ts'

/** More than are read one by one. */
const COUNT = 450

/** A thread that answers once. */
const READS_ONCE = encodeURIComponent(`
  import { parentPort } from 'node:worker_threads'
  parentPort.once('message', ({ filenames }) => parentPort.postMessage(filenames.map(() => null)))
`)

const nameOf = (i: number, database = 'shop'): string =>
  `${database}_backup_daily_20250627_${String(i).padStart(6, '0')}.db`

function place(backupDir: string, i: number, database = 'shop'): void {
  const filename = nameOf(i, database)
  const created = new Date(Date.UTC(2025, 5, 27) + i * 1000).toISOString()
  writeFileSync(join(backupDir, 'daily', filename), 'x'.repeat(i))
  const metadata = {
    timestamp: created.slice(0, 19),
    backup_type: 'daily',
    database_version: '0',
    file_size: i,
    checksum: '0'.repeat(64),
    description: `Größe ${i}`,
    created_by: 'test',
    created_at: created,
  }
  writeFileSync(join(backupDir, 'metadata', `${filename}.json`), printMetadata(metadata))
}

function placeMany(): string {
  const backupDir = join(temporaryDirectory(), 'backups')
  for (const directory of ['daily', 'weekly', 'metadata'])
    mkdirSync(join(backupDir, directory), { recursive: true })
  for (let i = 0; i < COUNT; i++) place(backupDir, i)
  return backupDir
}

/** Each by itself. */
async function readOneByOne(backupDir: string): Promise<BackupInfo[]> {
  const found: BackupInfo[] = []
  for (const type of ['daily', 'weekly']) {
    for (const filename of readdirSync(join(backupDir, type))) {
      const backup = await readBackup(backupDir, type, filename)
      if (backup !== null) found.push(backup)
    }
  }
  return found.toSorted(newestFirst)
}

const STRANGE: Readonly<Record<string, (image: string, metadata: string) => void>> = {
  'lost its metadata': (_, metadata) => rmSync(metadata),
  'has metadata that is no JSON': (_, metadata) => writeFileSync(metadata, '{'),
  'has empty metadata': (_, metadata) => writeFileSync(metadata, ''),
  'has metadata that lacks a key': (_, metadata) => writeFileSync(metadata, '{"timestamp":"now"}'),
  'has a directory as metadata': (_, metadata) => {
    rmSync(metadata)
    mkdirSync(metadata)
  },
  'has its metadata behind a link': (_, metadata) => {
    renameSync(metadata, `${metadata}.elsewhere`)
    symlinkSync(`${metadata}.elsewhere`, metadata)
  },
  'has metadata of ten thousand tables': (_, metadata) => {
    const tables = Object.fromEntries(Array.from({ length: 10_000 }, (__, i) => [`table_${i}`, i]))
    const of = { timestamp: '2025-06-27T02:00:00', backup_type: 'daily', database_version: '0' }
    const rest = { file_size: 1, checksum: '0'.repeat(64), description: '', created_by: 'test', tables }
    writeFileSync(metadata, printMetadata({ ...of, ...rest }))
  },
  'is being deleted': (_, metadata) => renameSync(metadata, `${metadata}.deleting-daily`),
  'is gone, but for its metadata': image => rmSync(image),
  'is a link to nowhere': image => {
    rmSync(image)
    symlinkSync('/nowhere', image)
  },
  'is a directory': image => {
    rmSync(image)
    mkdirSync(image)
  },
  'is there as another type, too': image => copyFileSync(image, image.replace('/daily/', '/weekly/')),
}

test('many backups are listed as each of them is by itself, whatever has become of some', async () => {
  const backupDir = placeMany()
  for (const [i, change] of Object.values(STRANGE).entries()) {
    const filename = nameOf(i * 7)
    change(join(backupDir, 'daily', filename), join(backupDir, 'metadata', `${filename}.json`))
  }
  writeFileSync(join(backupDir, 'daily', 'from-the-old-server.db'), 'y')
  writeFileSync(join(backupDir, 'daily', 'notes.txt'), 'y')
  const expected = await readOneByOne(backupDir)
  expect(expected.filter(({ metadataState }) => metadataState === 'ok').length).toBeGreaterThan(400)
  expect(expected.filter(({ metadataState }) => metadataState === 'invalid')).toHaveLength(4)
  expect(expected.filter(({ metadataState }) => metadataState === 'missing')).toHaveLength(2)
  const listed = await listCatalog(backupDir, {})
  expect(listed).toEqual(expected)
  expect(JSON.stringify(listed)).toBe(JSON.stringify(expected))
  expect(await listCatalog(backupDir, { limit: 3 })).toEqual(expected.slice(0, 3))
})

test.each([
  ['is not started', 'no-scheme-of-a-thread:'],
  ['fails as it starts', 'data:text/javascript,throw new Error("no memory")'],
  ['ends when it has read some', `data:text/javascript,${READS_ONCE}`],
])('where a thread %s, the backups that it has not read are looked at one by one', async (_, thread) => {
  const images = Array.from({ length: COUNT }, (__, i) => ({ type: 'daily', filename: nameOf(i) }))
  const seen: string[] = []
  for await (const { filenames, files } of readStoredFiles('backups', images, new URL(thread))) {
    expect(files).toEqual(filenames.map(() => null))
    seen.push(...filenames)
  }
  expect(seen).toEqual(images.map(({ filename }) => filename))
})

test('of many backups those of one database are listed, and those that do not say of which they are', async () => {
  const backupDir = placeMany()
  for (let i = 0; i < COUNT; i++) place(backupDir, i, 'blog')
  writeFileSync(join(backupDir, 'daily', 'from-the-old-server.db'), 'y')
  const everything = await readOneByOne(backupDir)
  const expected = everything.filter(({ database }) => database !== 'shop')
  expect(expected).toHaveLength(COUNT + 1)
  expect(await listCatalog(backupDir, { database: 'blog' })).toEqual(expected)
})

test('a backup is found among many by its name, in whichever type it lies', async () => {
  const backupDir = placeMany()
  const filename = nameOf(17)
  copyFileSync(join(backupDir, 'daily', filename), join(backupDir, 'weekly', filename))
  const found = await findInCatalog(backupDir, filename)
  expect(found.map(({ type }) => type).toSorted()).toEqual(['daily', 'weekly'])
  expect(await findInCatalog(backupDir, `../daily/${filename}`)).toEqual([])
})
