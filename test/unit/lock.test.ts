/** The catalog's lock: one holder, whoever asks for it and from where. */
import { execFileSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished, test, vi } from 'vitest'
import { lockForCollecting } from '../../src/blocks/readers-lock.ts'
import { CatalogLock } from '../../src/catalog/lock.ts'
import { toFailure } from '../../src/errors.ts'
import { temporaryDirectory } from '../support/temporary.ts'

const LOCK_MODULE = new URL('../../src/catalog/lock.ts', import.meta.url).href

function acquire(directory: string): Promise<CatalogLock> {
  return CatalogLock.acquire(directory, { waitMs: 0, signal: new AbortController().signal })
}

/** What another process is told that asks for the lock: `free`, or the code of its error. */
function askedElsewhere(directory: string): string {
  const script = `
    const { CatalogLock } = await import(${JSON.stringify(LOCK_MODULE)})
    const options = { waitMs: 0, signal: new AbortController().signal }
    console.log(await CatalogLock.acquire(process.argv[1], options).then(() => 'free', error => error.code))
  `
  const args = ['--no-warnings', '--input-type=module', '--eval', script, directory]
  return execFileSync(process.execPath, args, { encoding: 'utf8' }).trim()
}

test('a lock that is held is refused to others, in the same process and in another', async () => {
  const directory = temporaryDirectory()
  using _held = await acquire(directory)
  expect(toFailure(await acquire(directory).catch((error: unknown) => error)).code).toBe('CATALOG_LOCKED')
  expect(askedElsewhere(directory)).toBe('CATALOG_LOCKED')
})

test('asking for a lock that is held in the same process does not give it to another process', async () => {
  const directory = temporaryDirectory()
  using _held = await acquire(directory)
  // POSIX locks are the process's: closing any descriptor of the file would give all of them up.
  for (let i = 0; i < 3; i++) await acquire(directory).catch(() => {})
  expect(askedElsewhere(directory)).toBe('CATALOG_LOCKED')
})

test('a lock that is let go of is free', async () => {
  const directory = temporaryDirectory()
  const held = await acquire(directory)
  held[Symbol.dispose]()
  expect(askedElsewhere(directory)).toBe('free')
})

test('a lock of any name is taken at once, or not at all', async () => {
  const path = join(temporaryDirectory(), 'some.lock')
  const held = CatalogLock.tryAcquire(path)
  expect(held).not.toBeNull()
  expect(CatalogLock.tryAcquire(path)).toBeNull()
  held?.[Symbol.dispose]()
  using _again = CatalogLock.tryAcquire(path)
  expect(_again).not.toBeNull()
})

const HOUR_MS = 3_600_000

/** Sets the machine's clock by so much from now on. */
function setClock(byMs: number): void {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + byMs })
  onTestFinished(() => void vi.useRealTimers())
}

test.each([-HOUR_MS, HOUR_MS])(
  'a lock is waited for as long as is asked, though the clock is set by %i ms meanwhile',
  async byMs => {
    const directory = temporaryDirectory()
    mkdirSync(join(directory, 'blocks'))
    const { signal } = new AbortController()
    const packs = join(directory, 'blocks', '.readers.lock')
    const held = [await acquire(directory), CatalogLock.tryAcquire(packs)]
    const patient = [
      CatalogLock.acquire(directory, { waitMs: 60_000, signal }),
      lockForCollecting({ backupDir: directory }, { waitMs: 60_000, signal }),
    ]
    const impatient = [
      CatalogLock.acquire(directory, { waitMs: 50, signal }).catch(() => null),
      lockForCollecting({ backupDir: directory }, { waitMs: 50, signal }),
    ]
    setClock(byMs)
    expect(await Promise.all(impatient)).toEqual([null, null])
    await sleep(50)
    for (const each of held) each?.[Symbol.dispose]()
    for (const lock of await Promise.all(patient)) {
      expect(lock).not.toBeNull()
      lock?.[Symbol.dispose]()
    }
  },
)
