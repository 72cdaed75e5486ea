/** What must hold after every fault, whatever the disk: no product code decides here but listing and verifying. */
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import type { ErrorCode } from '../../src/index.ts'
import { BACKED_UP, expectCommit, leftoversIn, NOW, type Scene } from '../restore/scene.ts'
import { assertIntact } from '../support/intact.ts'
import { storedFiles } from '../support/temporary.ts'
import { perform, type Result, type Situation } from './situations.ts'

/** Every stored file with a digest of its content. */
export type Stored = ReadonlyMap<string, string>

export function storedIn(scene: Scene): Stored {
  return new Map(storedNames(scene).map(name => [name, digestOf(join(scene.backupDir, name))]))
}

/** Unfinished files are no backups; on a disk that can no longer be written they stay until the next run. */
function storedNames(scene: Scene): string[] {
  return storedFiles(scene.backupDir).filter(name => /^\w+\/[^.]/.test(name))
}

/** The files of the database itself, which a backup may not change. */
export function databaseFiles({ databasePath }: Scene): string {
  const files = [databasePath, `${databasePath}-wal`].filter(existsSync)
  // An empty WAL is one that SQLite made to read, or removed after it.
  return JSON.stringify(files.filter(file => statSync(file).size > 0).map(file => [file, digestOf(file)]))
}

function digestOf(file: string): string {
  return createHash('sha256').update(readFileSync(file)).digest('hex')
}

/** A failure was foreseen: typed, with a hint, and without a trace of our own code in it. */
export function expectTyped(result: Result, codes: readonly ErrorCode[], where: string): void {
  if (result.success) return
  expect(codes, `${where}: ${result.message}`).toContain(result.code)
  expect(result.hint, where).toBeTruthy()
  expect(result.message, where).not.toMatch(/\n\s+at |undefined|\[object/)
}

/**
 * That nothing which existed before was lost or changed, that the database is the old or the new one as the
 * result says, and that what is listed is intact. Reads the disk: a failing one must be repaired before.
 */
export async function expectWhole(
  scene: Scene,
  situation: Situation,
  before: Stored,
  result: Result,
  where: string,
): Promise<void> {
  const after = storedIn(scene)
  for (const [name, digest] of before) expect(after.get(name), `${where}: ${name}`).toBe(digest)
  expectDatabase(scene, situation, result, where)
  const product = scene.product({ engine: 'here' })
  const listed = await product.listBackups()
  for (const { filename } of listed) {
    expect(await product.verifyBackup(filename), `${where}: ${filename}`).toMatchObject({ status: 'intact' })
  }
  if (situation.operation === 'create' && result.success)
    expect(listed, where).toHaveLength(before.size / 2 + 1)
}

function expectDatabase(scene: Scene, situation: Situation, result: Result, where: string): void {
  if (situation.operation === 'restore' && result.success) return expectCommit(scene.databasePath, BACKED_UP)
  // It could not be undone, and says so.
  if (!result.success && result.code === 'RESTORE_FAILED' && situation.database !== 'missing') {
    return expect([BACKED_UP, NOW], where).toContain(assertIntact(scene.databasePath).commits)
  }
  if (situation.database !== 'missing') return expectCommit(scene.databasePath, NOW)
  expect(existsSync(scene.databasePath), where).toBe(false)
}

/** That the same call succeeds now, though nobody cleaned up, and leaves nothing unfinished. */
export async function expectNextSucceeds(scene: Scene, situation: Situation, where: string): Promise<void> {
  const again = await perform(scene, situation)
  expect(again, where).toMatchObject({ success: true })
  expectDatabase(scene, situation, again, where)
  expect(leftoversIn(scene.directory), where).toEqual([])
}
