/** A database comes back with `recover.mjs` and Node alone. */
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { blocksDirectory } from '../../src/catalog/layout.ts'
import { listPacks } from '../../src/blocks/store.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { newKey, openPassphrase } from './key.ts'
import { sealedScene } from './sealed-scene.ts'
import { fillPage, randomPages, StoreScene } from './stored.ts'

const RECOVER = fileURLToPath(new URL('../../recover.mjs', import.meta.url))
const PAGE = 1024

async function openStore(
  scene = new StoreScene(temporaryDirectory()),
): Promise<{ scene: StoreScene; images: Buffer[] }> {
  const images: Buffer[] = []
  let bytes = randomPages(700, PAGE, 1)
  for (let number = 0; number < 4; number++) {
    bytes = Buffer.from(bytes)
    for (let page = number; page < 700; page += 50 + number)
      fillPage(bytes.subarray(page * PAGE, (page + 1) * PAGE), 10_000 * number + page)
    images.push(bytes)
    await scene.put(`p${number}`, { pageSize: PAGE, bytes })
  }
  return { scene, images }
}

function recover(
  scene: StoreScene,
  name: string,
  output: string,
  ...key: readonly string[]
): { status: number | null; stderr: string } {
  const args = [RECOVER, scene.pathOf(name), blocksDirectory(scene.store.backupDir), output, ...key]
  const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
  return { status, stderr }
}

test('recover.mjs restores every restore point byte for byte, also after a clean-up, and keeps it private', async () => {
  const { scene, images } = await openStore()
  scene.delete('p0')
  scene.delete('p2')
  expect((await scene.collect(['p1', 'p3'])).rewrittenPacks).toBeGreaterThan(0)
  for (const number of [1, 3]) {
    const output = join(scene.store.backupDir, `out-${number}.db`)
    expect(recover(scene, `p${number}`, output)).toEqual({ status: 0, stderr: '' })
    expect(readFileSync(output).equals(images[number] as Buffer)).toBe(true)
    expect(statSync(output).mode & 0o777).toBe(0o600)
  }
})

test('recover.mjs restores an empty database', async () => {
  const scene = new StoreScene(temporaryDirectory())
  await scene.put('empty', { pageSize: 0, bytes: Buffer.alloc(0) })
  const output = join(scene.store.backupDir, 'out.db')
  expect(recover(scene, 'empty', output)).toEqual({ status: 0, stderr: '' })
  expect(readFileSync(output)).toHaveLength(0)
})

test('recover.mjs names what is damaged, and leaves no database then', async () => {
  const { scene } = await openStore()
  const output = join(scene.store.backupDir, 'out.db')
  const packs = (await listPacks(scene.store)).toSorted((a, b) => b.sizeBytes - a.sizeBytes)
  const path = packs[0]?.path ?? ''
  const whole = readFileSync(path)
  for (const at of [20, Math.floor(whole.length / 2), whole.length - 100, whole.length - 20]) {
    const bytes = Buffer.from(whole)
    bytes[at]! ^= 8
    writeFileSync(path, bytes)
    const { status, stderr } = recover(scene, 'p1', output)
    expect(status).toBe(1)
    expect(stderr).toContain(path)
    expect(existsSync(output)).toBe(false)
    expect(existsSync(`${output}.part`)).toBe(false)
  }
  writeFileSync(path, whole)
  writeFileSync(output, 'mine')
  expect(recover(scene, 'p1', output).status).toBe(2)
  expect(readFileSync(output, 'utf8')).toBe('mine')
})

test.each(['-wal', '-journal'])(
  'recover.mjs makes no database beside the %s of an older one',
  async suffix => {
    const { scene } = await openStore()
    const output = join(scene.store.backupDir, 'out.db')
    writeFileSync(`${output}${suffix}`, 'content of another database')
    const { status, stderr } = recover(scene, 'p1', output)
    expect({ status, stderr }).toEqual({
      status: 2,
      stderr: `There is something already: ${output}${suffix}\n`,
    })
    expect(existsSync(output)).toBe(false)
  },
)

test('recover.mjs restores an encrypted store, also after clean-ups, with any of its identities and no others', async () => {
  const [one, other, stranger] = [await newKey(), await newKey(), await newKey()]
  const { scene, images } = await openStore(sealedScene([one.recipient, other.recipient]))
  scene.keys.open = one.open
  scene.delete('p0')
  expect((await scene.collect(['p1', 'p2', 'p3'])).rewrittenPacks).toBeGreaterThan(0)
  const path = (name: string): string => join(scene.store.backupDir, name)
  // Several in one file, with what age-keygen writes beside them.
  writeFileSync(path('keys.txt'), `# created: today\n${stranger.identity}\n${other.identity}\n`)
  writeFileSync(path('wrong.txt'), `${stranger.identity}\n`)
  expect(recover(scene, 'p3', path('out.db'), path('keys.txt'))).toEqual({ status: 0, stderr: '' })
  expect(readFileSync(path('out.db')).equals(images[3] as Buffer)).toBe(true)
  for (const key of [[], [path('wrong.txt')]]) {
    const { status, stderr } = recover(scene, 'p1', path('no.db'), ...key)
    expect(status).not.toBe(0)
    expect(stderr.toLowerCase()).toContain('key')
    expect(existsSync(path('no.db'))).toBe(false)
  }
  const [pack] = (await listPacks(scene.store)).toSorted((a, b) => b.sizeBytes - a.sizeBytes)
  const whole = readFileSync(pack?.path ?? '')
  // In the salt, the age file, and a group.
  for (const at of [20, 100, Math.floor(whole.length / 2)]) {
    writeFileSync(pack?.path ?? '', whole.with(at, (whole[at] ?? 0) ^ 8))
    const { status, stderr } = recover(scene, 'p1', path('no.db'), path('keys.txt'))
    expect(status).toBe(1)
    expect(stderr).toContain(pack?.path)
  }
})

test('recover.mjs restores what was encrypted with a passphrase', async () => {
  const scene = new StoreScene(temporaryDirectory(), undefined, {
    to: { passphrase: 'correct horse' },
    open: openPassphrase('correct horse'),
  })
  const bytes = randomPages(20, PAGE, 1)
  await scene.put('a', { pageSize: PAGE, bytes })
  const path = (name: string): string => join(scene.store.backupDir, name)
  writeFileSync(path('passphrase'), 'correct horse\n')
  expect(recover(scene, 'a', path('out.db'), path('passphrase'))).toEqual({ status: 0, stderr: '' })
  expect(readFileSync(path('out.db')).equals(bytes)).toBe(true)
})
