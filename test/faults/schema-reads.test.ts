/** SQLite says "disk I/O error" of a disk that fails while the schema is read, and of a file that ends within it. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import { keptIn, openScene, removeDatabase, restored, type Scene, succeeded } from '../restore/scene.ts'
import { failedWith } from '../support/product.ts'
import { testWith } from '../support/requirements.ts'
import { quickDisk } from './failing-disk.ts'
import { FailingProduct } from './failing-product.ts'
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
  const bytes = readFileSync(path)
  bytes.writeUInt32BE(0, VALID_FOR_OFFSET)
  const cut = bytes.subarray(0, bytes.length - PAGE_SIZE / 2)
  writeFileSync(path, cut)
  return cut
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

testWith(
  SHIM_NEEDS,
  'a disk that fails at any read of a schema is not called a damaged database',
  async () => {
    const scene = openScene()
    makeDatabase(scene.databasePath)
    const product = new FailingProduct(dirname(scene.databasePath))
    const { databasePath: path, backupDir } = scene
    const job = { operation: 'create', order: {}, options: { path, backupDir, engine: 'here' } } as const
    await product.run(job)
    const { calls } = await product.run(job)
    const reads = calls.filter(({ call }) => CALLS.read.includes(call as 'read')).length
    expect(reads).toBeGreaterThan(3)
    for (let at = 1; at <= reads; at++) {
      for (const isSticky of [false, true]) {
        const { answer } = await product.run(job, { calls: CALLS.read, at, errno: 'EIO', isSticky })
        expect(answer?.success === true || answer?.code === 'IO_FAILED', `${at}: ${answer?.message}`).toBe(
          true,
        )
      }
    }
  },
)
