import { mkdirSync, readdirSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { run, testWith } from '../support/requirements.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { contentOf, patterned } from './contents.ts'
import { failureOf, keysOf, open, type Place, read, SIGNAL, targetContract } from './contract.ts'
import { placeIn } from './files-place.ts'
import { killedInside } from './killed.ts'
import { serverDirectory } from './servers/daemon.ts'

const OPTIONS = { signal: SIGNAL }

function localPlace(): Place & { root: string } {
  const root = temporaryDirectory()
  return { ...placeIn(root), config: { kind: 'local', path: root } }
}

targetContract({ name: 'local', needs: [], place: async () => localPlace(), tellsFreeSpace: true })

test('local: what is put there is for its owner only', async () => {
  const place = localPlace()
  await using target = await open(place)
  await target.put('daily/a.db', contentOf(Buffer.from('x')), OPTIONS)
  expect(statSync(join(place.root, 'daily')).mode & 0o777).toBe(0o700)
  expect(statSync(join(place.root, 'daily/a.db')).mode & 0o777).toBe(0o600)
})

test('local: a directory that is not there, as that of a disk that is not mounted, is not made', async () => {
  const root = join(temporaryDirectory(), 'not-mounted')
  await using target = await open({ config: { kind: 'local', path: root } })
  const failures = [
    await failureOf(target.put('a', contentOf(Buffer.from('x')), OPTIONS)),
    await failureOf(target.head('a', OPTIONS)),
    await failureOf(keysOf(target)),
    await failureOf(target.freeBytes(OPTIONS)),
  ]
  for (const failure of failures) {
    expect(failure.code).toBe('TARGET_UNREACHABLE')
    expect(failure.message).toContain(root)
    expect(failure.hint).toContain('Mount')
  }
})

test('local: a half-written file of a writer that was killed a day ago is removed, a young one stays', async () => {
  const place = localPlace()
  const old = join(place.root, '.chame-0000000000000000.part')
  const young = join(place.root, '.chame-1111111111111111.part')
  writeFileSync(old, 'x')
  writeFileSync(young, 'x')
  const yesterday = Date.now() / 1000 - 25 * 3600
  utimesSync(old, yesterday, yesterday)
  await using target = await open(place)
  await target.put('a', contentOf(Buffer.from('x')), OPTIONS)
  expect(readdirSync(place.root).toSorted()).toEqual(['.chame-1111111111111111.part', 'a'])
})

test('local: links and directories are no objects', async () => {
  const place = localPlace()
  mkdirSync(join(place.root, 'directory'))
  symlinkSync('/etc/passwd', join(place.root, 'link'))
  await using target = await open(place)
  expect(await keysOf(target)).toEqual([])
  expect(await target.head('directory', OPTIONS)).toBeNull()
})

testWith(['mkfifo'], 'local: a FIFO is no object, and nobody waits for one who writes it', async () => {
  const place = localPlace()
  run('mkfifo', [join(place.root, 'fifo')])
  await using target = await open(place)
  expect((await failureOf(read(target, 'fifo'))).code).toBe('OBJECT_NOT_FOUND')
  expect(await keysOf(target)).toEqual([])
  expect(await target.head('fifo', OPTIONS)).toBeNull()
})

test('local: a process that is killed in the middle leaves nothing that is listed', async () => {
  const place = localPlace()
  await killedInside(place, { sizeBytes: 2_000_000, stopAt: 1_000_000, steps: 5 })
  await using target = await open(place)
  expect(await keysOf(target)).toEqual([])
  expect(readdirSync(place.root)).toEqual([expect.stringMatching(/^\.chame-[0-9a-f]{16}\.part$/)])
  await target.put('large', contentOf(patterned(2_000_000)), OPTIONS)
  expect(await keysOf(target)).toEqual(['large'])
})

testWith(
  ['root', 'linux', 'mount'],
  'local: a full disk is told as one, and what was there stays',
  async () => {
    const root = serverDirectory()
    run('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', root])
    try {
      await using target = await open({ config: { kind: 'local', path: root } })
      await target.put('key', contentOf(Buffer.from('the old one')), OPTIONS)
      const failure = await failureOf(target.put('key', contentOf(patterned(5_000_000)), OPTIONS))
      expect(failure.code).toBe('TARGET_FULL')
      expect(readdirSync(root)).toEqual(['key'])
      expect(String(await read(target, 'key'))).toBe('the old one')
    } finally {
      run('umount', [root])
    }
  },
)

testWith(
  ['root', 'linux', 'mount'],
  'local: a disk that can only be read refuses, and can be read',
  async () => {
    const root = serverDirectory()
    run('mount', ['-t', 'tmpfs', 'tmpfs', root])
    try {
      await using target = await open({ config: { kind: 'local', path: root } })
      await target.put('key', contentOf(Buffer.from('x')), OPTIONS)
      run('mount', ['-o', 'remount,ro', root])
      expect((await failureOf(target.put('other', contentOf(Buffer.from('x')), OPTIONS))).code).toBe(
        'TARGET_REFUSED',
      )
      expect((await failureOf(target.delete('key', OPTIONS))).code).toBe('TARGET_REFUSED')
      expect(String(await read(target, 'key'))).toBe('x')
    } finally {
      run('umount', [root])
    }
  },
)
