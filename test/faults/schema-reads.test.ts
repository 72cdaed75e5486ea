/** SQLite says "disk I/O error" of a disk that fails while the schema is read, and of a file that ends within it. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import { keptIn, openScene, removeDatabase, restored, type Scene, succeeded } from '../restore/scene.ts'
import { failedWith } from '../support/product.ts'
import { testWith } from '../support/requirements.ts'
import { quickDisk } from './failing-disk.ts'
import { FailingProduct } from './failing-product.ts'
import type { Job } from './failing-worker.ts'
import { CALLS, SHIM_NEEDS } from './shim.ts'

quickDisk()

const PAGE_SIZE = 512
/** Where the header says for which change the size of the database beside it holds; for no other SQLite goes by the file's. */
const VALID_FOR_OFFSET = 92

/** A table whose statement goes on in another page, the last one. */
function makeDatabase(path: string): void {
  removeDatabase(path)
  mkdirSync(dirname(path), { recursive: true })
  const connection = new DatabaseSync(path)
  connection.exec(`
    PRAGMA page_size = ${PAGE_SIZE};
    CREATE TABLE long (a /* ${'x'.repeat(PAGE_SIZE)} */);
  `)
  connection.close()
}

/** The same, with an end in the middle of that page. */
function makeCutDatabase(path: string): Buffer {
  makeDatabase(path)
  const cut = cutInLastPage(path)
  writeFileSync(path, cut)
  return cut
}

function cutInLastPage(path: string): Buffer {
  const bytes = readFileSync(path)
  bytes.writeUInt32BE(0, VALID_FOR_OFFSET)
  return bytes.subarray(0, bytes.length - PAGE_SIZE / 2)
}

function sceneWithCut(): { readonly scene: Scene; readonly bytes: Buffer } {
  const scene = openScene()
  return { scene, bytes: makeCutDatabase(scene.databasePath) }
}

test('a database that ends in the middle of its schema is damaged to whoever reads it, and no disk is blamed', async () => {
  const { scene } = sceneWithCut()
  const product = scene.product({ engine: 'here' })
  const output = scene.path('app.json')
  failedWith('DATABASE_DAMAGED', await product.createBackup())
  failedWith('DATABASE_DAMAGED', await product.exportData({ format: 'json', output }))
  failedWith('DATABASE_DAMAGED', await product.exportData({ format: 'json', output, salvage: true }))
  expect(succeeded(await product.info()).databaseProblem).toContain('integrity check failed')
})

test('a backup that ends in the middle of its schema is damaged, and no disk is blamed', async () => {
  const { scene, bytes } = sceneWithCut()
  const product = scene.product({ engine: 'here' })
  const path = scene.path('copied-by-hand.db')
  writeFileSync(path, bytes)
  const verified = succeeded(await product.verifyBackup(path))
  expect(verified.problems.map(({ code }) => code)).toContain('INTEGRITY')
  failedWith(
    'BACKUP_DAMAGED',
    await product.exportData({ format: 'json', output: scene.path('x.json'), from: path }),
  )
})

test('a backup that ends in the middle of its schema is damaged to whoever looks into it, and no disk is blamed', async () => {
  const { scene, bytes } = sceneWithCut()
  const product = scene.product({ engine: 'here' })
  const path = scene.path('copied-by-hand.db')
  writeFileSync(path, bytes)
  makeDatabase(scene.databasePath)
  const answers = [
    await product.lookInside(path),
    await product.readRows(path, { table: 'long' }),
    await product.queryBackup(path, { sql: 'SELECT 1' }),
    await product.compareBackups(path),
  ]
  for (const answer of answers) expect(failedWith('BACKUP_DAMAGED', answer).message).toContain(path)
})

test('a comparison with what ends in the middle of its schema says that it is damaged, and blames no disk', async () => {
  const scene = openScene()
  makeDatabase(scene.databasePath)
  const product = scene.product({ engine: 'here' })
  const { filename } = succeeded(await product.createBackup())
  const bytes = makeCutDatabase(scene.databasePath)
  const live = failedWith('DATABASE_DAMAGED', await product.compareBackups(filename))
  expect(live.message).toContain(scene.databasePath)
  const path = scene.path('copied-by-hand.db')
  writeFileSync(path, bytes)
  const stored = failedWith('DATABASE_DAMAGED', await product.compareBackups(filename, { with: path }))
  expect(stored.message).toContain(path)
})

test('a backup that ends in the middle of a row is damaged to whoever reads that, and no disk is blamed', async () => {
  const scene = openScene()
  makeDatabase(scene.databasePath)
  const connection = new DatabaseSync(scene.databasePath)
  connection.exec(`INSERT INTO long VALUES ('${'x'.repeat(10 * PAGE_SIZE)}')`)
  connection.close()
  const product = scene.product({ engine: 'here' })
  const path = scene.path('copied-by-hand.db')
  writeFileSync(path, cutInLastPage(scene.databasePath))
  const output = scene.path('x.json')
  const answers = [
    await product.readRows(path, { table: 'long' }),
    await product.queryBackup(path, { sql: 'SELECT * FROM long' }),
    await product.exportData({ format: 'json', output, from: path }),
  ]
  for (const answer of answers) failedWith('BACKUP_DAMAGED', answer)
  // SQLite says of two files at once that one of them is damaged.
  expect(failedWith('DATABASE_DAMAGED', await product.compareBackups(path)).message).toContain(path)
})

test('what ends in the middle of its schema can be restored over, and is kept', async () => {
  const scene = openScene()
  makeDatabase(scene.databasePath)
  const product = scene.product({ engine: 'here' })
  succeeded(await product.createBackup())
  const bytes = makeCutDatabase(scene.databasePath)
  expect(restored(await product.restoreBackup('latest', { confirm: true })).way).toBe('replace')
  const [kept = ''] = keptIn(scene)
  expect(kept).toMatch(/\.damaged$/)
  expect(readFileSync(scene.path('backups/pre_restore', kept)).equals(bytes)).toBe(true)
})

async function failEachRead(
  product: FailingProduct,
  job: Job,
  { isSticky }: { readonly isSticky: boolean },
): Promise<void> {
  await product.run(job)
  const { calls } = await product.run(job)
  const reads = calls.filter(({ call }) => CALLS.read.includes(call as 'read')).length
  expect(reads).toBeGreaterThan(3)
  for (let at = 1; at <= reads; at++) {
    const { answer } = await product.run(job, { calls: CALLS.read, at, errno: 'EIO', isSticky })
    expect(answer?.success === true || answer?.code === 'IO_FAILED', `${at}: ${answer?.message}`).toBe(true)
  }
}

testWith(
  SHIM_NEEDS,
  'a disk that fails at any read of a schema is not called a damaged database, nor a damaged backup',
  async () => {
    const scene = openScene()
    makeDatabase(scene.databasePath)
    const { databasePath: path, backupDir } = scene
    const options = { path, backupDir, engine: 'here' } as const
    const ofDatabase = new FailingProduct(dirname(path))
    const create: Job = { operation: 'create', order: {}, options }
    for (const isSticky of [false, true]) await failEachRead(ofDatabase, create, { isSticky })
    const ofBackup = new FailingProduct(join(backupDir, 'manual'))
    await failEachRead(ofBackup, { operation: 'look', order: {}, options }, { isSticky: true })
  },
)
