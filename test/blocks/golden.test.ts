/** What any version of the format has written is read for ever: a restore point, and packs of which one was rewritten. */
import { spawnSync } from 'node:child_process'
import { cpSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { temporaryDirectory } from '../support/temporary.ts'
import { keyOf } from './key.ts'
import { fillPage, randomPages, sha256Of, StoreScene } from './stored.ts'

const GOLDEN = fileURLToPath(new URL('./golden', import.meta.url))
const SEALED = fileURLToPath(new URL('./golden-sealed', import.meta.url))
const RECOVER = fileURLToPath(new URL('../../recover.mjs', import.meta.url))

/** The image that was stored: twelve pages, of which one had changed since the first backup, and one of zeros. */
function image(): Buffer {
  const bytes = randomPages(12, 512, 7)
  bytes.fill(0x33, 512 * 5, 512 * 6)
  return Buffer.concat([bytes, Buffer.alloc(512)])
}

test('a store that version 1 has written verifies, restores, and takes further backups', async () => {
  const backupDir = temporaryDirectory()
  cpSync(GOLDEN, backupDir, { recursive: true })
  const scene = new StoreScene(backupDir)
  expect(await scene.verify(['second'])).toMatchObject({ damage: [], packs: 2 })
  expect(sha256Of(await scene.restore('second'))).toBe(sha256Of(image()))
  const next = image()
  fillPage(next.subarray(0, 512), 99)
  await scene.put('third', { pageSize: 512, bytes: next })
  expect((await scene.restore('third')).equals(next)).toBe(true)
})

test('recover.mjs restores what version 1 has written', () => {
  const output = join(temporaryDirectory(), 'out.db')
  const args = [RECOVER, join(GOLDEN, 'daily/second.db.blocks'), join(GOLDEN, 'blocks'), output]
  expect(spawnSync(process.execPath, args, { encoding: 'utf8' })).toMatchObject({ status: 0, stderr: '' })
  expect(readFileSync(output).equals(image())).toBe(true)
})

const KEY_FILE = join(SEALED, 'key.txt')

test('an encrypted store that version 2 has written verifies, restores, and takes further backups', async () => {
  const backupDir = temporaryDirectory()
  cpSync(SEALED, backupDir, { recursive: true })
  const { recipient, open } = await keyOf(readFileSync(KEY_FILE, 'utf8').split('\n')[1] ?? '')
  const scene = new StoreScene(backupDir, undefined, { to: { recipients: [recipient] }, open })
  expect(await scene.verify(['second'])).toMatchObject({ damage: [], packs: 2, lockedPacks: 0 })
  expect(sha256Of(await scene.restore('second'))).toBe(sha256Of(image()))
  const next = image()
  fillPage(next.subarray(0, 512), 99)
  await scene.put('third', { pageSize: 512, bytes: next })
  expect((await scene.restore('third')).equals(next)).toBe(true)
})

test('recover.mjs restores what version 2 has written, with its key', () => {
  const output = join(temporaryDirectory(), 'out.db')
  const args = [RECOVER, join(SEALED, 'daily/second.db.blocks'), join(SEALED, 'blocks'), output]
  expect(spawnSync(process.execPath, args, { encoding: 'utf8' })).toMatchObject({ status: 2 })
  args.push(KEY_FILE)
  expect(spawnSync(process.execPath, args, { encoding: 'utf8' })).toMatchObject({ status: 0, stderr: '' })
  expect(readFileSync(output).equals(image())).toBe(true)
})
