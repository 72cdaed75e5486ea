/** A store whose packs are encrypted: what can be done without a key, and what cannot. */
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openNothing } from '../../src/blocks/key-files.ts'
import { hashBytes } from '../../src/blocks/page-hash.ts'
import { PackFile } from '../../src/blocks/pack-file.ts'
import { encodePackIndex, groupLength } from '../../src/blocks/pack-index.ts'
import { listPacks } from '../../src/blocks/store.ts'
import { NoKeyFits } from '../../src/encoding/age/header.ts'
import { blocksDirectory } from '../../src/catalog/layout.ts'
import { run, testWith } from '../support/requirements.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { newKey, openPassphrase } from './key.ts'
import {
  allBytesBelow,
  changed,
  imageOf,
  onlyPack,
  PAGE,
  packsOf,
  restoreWith,
  sealedScene,
} from './sealed-scene.ts'
import { randomPages, sha256Of, StoreScene, type TestImage } from './stored.ts'

test('without a key a second backup adds what has changed, and every one restores with any of the keys', async () => {
  const [one, other] = [await newKey(), await newKey()]
  const scene = sealedScene([one.recipient, other.recipient])
  const first = imageOf(600)
  await scene.put('a', first)
  expect(await scene.put('same', first)).toMatchObject({ newPages: 0 })
  const next = changed(first, [7, 300, 599])
  const { newPages, addedBytes } = await scene.put('b', next)
  expect(newPages).toBe(3)
  expect(addedBytes).toBeLessThan(3 * 2300 + 2500)
  for (const key of [one, other]) {
    expect((await restoreWith(scene, key, 'a')).equals(first.bytes)).toBe(true)
    expect((await restoreWith(scene, key, 'b')).equals(next.bytes)).toBe(true)
  }
  await expect(scene.restore('a')).rejects.toBeInstanceOf(NoKeyFits)
  await expect(restoreWith(scene, await newKey(), 'a')).rejects.toBeInstanceOf(NoKeyFits)
  expect(await scene.verify(['a', 'same', 'b'])).toMatchObject({ damage: [], packs: 2, lockedPacks: 2 })
  scene.keys.open = one.open
  expect(await scene.verify(['a', 'same', 'b'])).toMatchObject({ damage: [], packs: 2, lockedPacks: 0 })
})

test('moved pages are found without a key', async () => {
  const key = await newKey()
  const scene = sealedScene([key.recipient])
  const pageSize = 512
  const bytes = randomPages(2500, pageSize, 1)
  await scene.put('a', { pageSize, bytes })
  const moved = Buffer.concat([bytes.subarray(pageSize * 7), bytes.subarray(0, pageSize * 7)])
  expect((await scene.put('b', { pageSize, bytes: moved })).newPages).toBeLessThan(1300)
  expect((await restoreWith(scene, key, 'b')).equals(moved)).toBe(true)
})

test('nothing of a page is in any file, nor a name by which it could be told that it is there', async () => {
  const key = await newKey()
  // Random to the last byte, so that compressing it hides nothing.
  const bytes = Buffer.concat(
    Array.from({ length: PAGE }, (_, i) => createHash('sha512').update(String(i)).digest()),
  )
  const page = bytes.subarray(20 * PAGE, 21 * PAGE)
  const telltales = [page.subarray(0, 24), hashBytes(page), hashBytes(bytes.subarray(0, 64 << 10))]
  const found = (scene: StoreScene): boolean[] => {
    const all = allBytesBelow(scene.store.backupDir)
    return telltales.map(bytesOf => all.includes(bytesOf))
  }
  const plain = new StoreScene(temporaryDirectory())
  await plain.put('a', { pageSize: PAGE, bytes })
  expect(found(plain)).toEqual([true, true, true])
  const scene = sealedScene([key.recipient])
  await scene.put('a', { pageSize: PAGE, bytes })
  expect(found(scene)).toEqual([false, false, false])
})

test('any bit that flips in any part of an encrypted store is found and named, with a key and without', async () => {
  const key = await newKey()
  const scene = sealedScene([key.recipient])
  await scene.put('a', imageOf(40))
  const { path } = await onlyPack(scene)
  for (const file of [path, scene.pathOf('a')]) {
    const whole = readFileSync(file)
    const step = Math.max(1, Math.floor(whole.length / 40))
    // All parts are at the ends: the salt, each line of the age file, the first nonce; names, figures, checksums.
    const places = whole
      .keys()
      .filter(
        at => (at < 520 && at % 3 === 0) || (at > whole.length - 220 && at % 3 === 0) || at % step === 0,
      )
    for (const at of places) {
      const bytes = Buffer.from(whole)
      bytes[at]! ^= 1 << (at % 8)
      writeFileSync(file, bytes)
      scene.keys.open = at % 2 === 0 ? key.open : openNothing
      const { damage } = await scene.verify(['a'])
      expect(damage, `${file} at ${at}`).toMatchObject([{ path: file, hurts: [scene.pathOf('a')] }])
      scene.keys.open = key.open
      if (at % 7 === 0) await expect(scene.restore('a')).rejects.toMatchObject({ code: 'BACKUP_DAMAGED' })
    }
    writeFileSync(file, whole)
  }
  expect((await scene.verify(['a'])).damage).toEqual([])
})

test('a group that somebody has put in the place of another does not open, though every checksum is right', async () => {
  const key = await newKey()
  const scene = sealedScene([key.recipient])
  await scene.put('a', imageOf(32))
  const { path, id } = await onlyPack(scene)
  const swapped = swapGroups(path, id)
  writeFileSync(path, swapped)
  expect((await scene.verify(['a'])).damage).toEqual([])
  scene.keys.open = key.open
  expect((await scene.verify(['a'])).damage).toMatchObject([
    { path, message: expect.stringContaining('group 0') as string, hurts: [scene.pathOf('a')] },
  ])
  await expect(scene.restore('a')).rejects.toMatchObject({ code: 'BACKUP_DAMAGED', path })
})

/** The file with its two groups the other way round, and all figures to match. */
function swapGroups(path: string, id: string): Buffer {
  using pack = PackFile.open(path, id)
  const { index } = pack
  const groups = Buffer.concat([index.groups.subarray(8), index.groups.subarray(0, 8)])
  const end = encodePackIndex({ ...index, groups })
  return Buffer.concat([pack.readHead(), pack.readRaw(1), pack.readRaw(0), end])
}

test('backups for other recipients, and plain ones, have packs of their own', async () => {
  const [one, two] = [await newKey(), await newKey()]
  const scene = sealedScene([one.recipient])
  // So many that what is stored already is looked for everywhere.
  const image: TestImage = { pageSize: 512, bytes: randomPages(1100, 512, 1) }
  const ways = [
    { name: 'one', to: { recipients: [one.recipient] } },
    { name: 'both', to: { recipients: [one.recipient, two.recipient] } },
    { name: 'plain', to: null },
    { name: 'two', to: { recipients: [two.recipient] } },
    // In another order they are the same people.
    { name: 'again', to: { recipients: [two.recipient, one.recipient] } },
  ]
  for (const { name, to } of ways) {
    scene.keys.to = to
    await scene.put(name, image)
  }
  const packs = new Map(ways.map(({ name }) => [name, packsOf(scene, name)]))
  for (const [name, ids] of packs)
    for (const [other, others] of packs)
      expect(ids.isDisjointFrom(others), `${name} and ${other}`).toBe(
        name !== other && !(['both', 'again'].includes(name) && ['both', 'again'].includes(other)),
      )
  await expect(restoreWith(scene, two, 'one')).rejects.toBeInstanceOf(NoKeyFits)
  await expect(restoreWith(scene, one, 'two')).rejects.toBeInstanceOf(NoKeyFits)
  for (const [key, name] of [
    [one, 'one'],
    [one, 'both'],
    [two, 'both'],
    [two, 'two'],
    [one, 'plain'],
  ] as const)
    expect((await restoreWith(scene, key, name)).equals(image.bytes), name).toBe(true)
  expect((await scene.verify(ways.map(({ name }) => name))).damage).toEqual([])
  // Deleting all but one leaves what that one needs.
  for (const { name } of ways) if (name !== 'both') scene.delete(name)
  expect((await scene.collect(['both'])).status).toBe('done')
  expect((await restoreWith(scene, two, 'both')).equals(image.bytes)).toBe(true)
})

test('a restore point is not restored from packs of the other kind', async () => {
  const key = await newKey()
  const scene = sealedScene([key.recipient])
  await scene.put('a', imageOf(20))
  const path = scene.pathOf('a')
  const bytes = readFileSync(path)
  bytes.write('CHBLKRP1')
  const signed = bytes.subarray(0, -32)
  writeFileSync(path, Buffer.concat([signed, Buffer.from(sha256Of(signed), 'hex')]))
  await expect(restoreWith(scene, key, 'a')).rejects.toMatchObject({
    code: 'BACKUP_DAMAGED',
    message: expect.stringContaining('encrypted, other than its backup') as string,
  })
})

test('a naming key that was lost or cut short costs storing the pages anew, and nothing else', async () => {
  const key = await newKey()
  const scene = sealedScene([key.recipient])
  const image = imageOf(100)
  const path = join(blocksDirectory(scene.store.backupDir), 'naming.key')
  await scene.put('a', image)
  expect(statSync(path).mode & 0o777).toBe(0o600)
  expect(readFileSync(path)).toHaveLength(32)
  for (const [name, ruin] of [
    ['b', () => rmSync(path)],
    ['c', () => writeFileSync(path, 'short')],
  ] as const) {
    ruin()
    expect(await scene.put(name, image)).toMatchObject({ newPages: 100 })
    expect(await scene.put(`${name}2`, image)).toMatchObject({ newPages: 0 })
  }
  for (const name of ['a', 'b', 'b2', 'c'])
    expect((await restoreWith(scene, key, name)).equals(image.bytes)).toBe(true)
  expect((await scene.verify(['a', 'b', 'b2', 'c', 'c2'])).damage).toEqual([])
})

test('a passphrase has one key for all packs, until it is another', async () => {
  const scene = new StoreScene(temporaryDirectory(), undefined, {
    to: { passphrase: 'correct horse' },
    open: openPassphrase('correct horse'),
  })
  const image = imageOf(60)
  await scene.put('a', image)
  const next = changed(image, [3])
  expect(await scene.put('b', next)).toMatchObject({ newPages: 1 })
  const blocks = blocksDirectory(scene.store.backupDir)
  const file = readFileSync(join(blocks, 'passphrase.age'))
  for (const { path } of await listPacks(scene.store)) expect(readFileSync(path).includes(file)).toBe(true)
  // With it names are sealed, too.
  expect(existsSync(join(blocks, 'naming.key'))).toBe(false)
  expect((await scene.restore('b')).equals(next.bytes)).toBe(true)
  scene.keys.to = { passphrase: 'another' }
  expect(await scene.put('c', next)).toMatchObject({ newPages: 60 })
  await expect(scene.restore('c')).rejects.toBeInstanceOf(NoKeyFits)
  expect((await scene.restore('a')).equals(image.bytes)).toBe(true)
  scene.keys.open = openPassphrase('another')
  expect((await scene.restore('c')).equals(next.bytes)).toBe(true)
})

testWith(
  ['age'],
  'age opens the key of a pack, and that key opens its groups as docs/formats.md says',
  async () => {
    const { createDecipheriv, createHmac, hkdfSync } = await import('node:crypto')
    const { zstdDecompressSync } = await import('node:zlib')
    const key = await newKey()
    const scene = sealedScene([key.recipient])
    const { bytes } = imageOf(16)
    await scene.put('a', { pageSize: PAGE, bytes })
    const { path, id } = await onlyPack(scene)
    const directory = temporaryDirectory()
    const pack = readFileSync(path)
    const keyBytes = pack.readUInt32LE(pack.length - 56 + 12)
    writeFileSync(join(directory, 'key.txt'), key.identity)
    writeFileSync(join(directory, 'pack.age'), pack.subarray(40, 8 + keyBytes))
    const args = [
      '-d',
      '-i',
      join(directory, 'key.txt'),
      '-o',
      join(directory, 'secret'),
      join(directory, 'pack.age'),
    ]
    run('age', args)
    const secret = readFileSync(join(directory, 'secret'))
    expect(secret).toHaveLength(64)
    using opened = PackFile.open(path, id)
    const group = pack.subarray(8 + keyBytes, 8 + keyBytes + groupLength(opened.index, 0))
    const groupKey = hkdfSync(
      'sha256',
      secret.subarray(0, 32),
      pack.subarray(8, 40),
      'chame-backup pack 2',
      32,
    )
    const decipher = createDecipheriv('chacha20-poly1305', Buffer.from(groupKey), group.subarray(0, 12), {
      authTagLength: 16,
    })
    decipher.setAAD(Buffer.alloc(4), { plaintextLength: group.length - 28 })
    decipher.setAuthTag(group.subarray(-16))
    const frame = Buffer.concat([decipher.update(group.subarray(12, -16)), decipher.final()])
    expect(zstdDecompressSync(frame).equals(bytes)).toBe(true)
    const name = createHmac('sha256', secret.subarray(32)).update(bytes.subarray(0, PAGE)).digest()
    expect(opened.index.hashes.subarray(0, 20).equals(name.subarray(0, 20))).toBe(true)
  },
)
