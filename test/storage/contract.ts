/** What every kind of target promises, as tests of one that is given. */
import { randomBytes } from 'node:crypto'
import { expect, test, type TestFunction } from 'vitest'
import type { TargetConfig } from '../../src/config/targets.ts'
import { BackupError, toFailure } from '../../src/errors.ts'
import { openTarget } from '../../src/storage/open-target.ts'
import type { RetryPorts } from '../../src/storage/retry.ts'
import { REAL_PACE } from '../../src/storage/bandwidth.ts'
import type { Content, StoredObject, Target } from '../../src/storage/target.ts'
import { contentOf, sha256, streamOf } from './contents.ts'
import { canStart } from './servers/daemon.ts'
import { missing, type Requirement } from '../support/requirements.ts'

export const SIGNAL: AbortSignal = new AbortController().signal

/** Long enough for a server that is busy, short enough for a test. */
export const IMPATIENT: RetryPorts = {
  patience: { firstDelayMs: 20, maxDelayMs: 200, deadlineMs: 30_000, idleMs: 60_000 },
  pace: REAL_PACE,
  random: Math.random,
}

/** A place that a test has for itself. */
export interface Place {
  readonly config: TargetConfig
  readonly environment?: Readonly<Record<string, string>>
  /** Puts an object there behind the target's back. */
  readonly plant: (name: string, bytes: Uint8Array) => Promise<void>
  /** The names of all that is there, of whatever kind: what others see, and what is half there. */
  readonly everything: () => Promise<string[]>
}

/** What opening it takes. */
export type Opening = Pick<Place, 'config' | 'environment'>

export interface Kind {
  readonly name: string
  readonly needs: readonly Requirement[]
  /** A new, empty place for each test. */
  readonly place: () => Promise<Place>
  /** More than one part, where there are parts. */
  readonly largeBytes?: number
  /** Whether it can say how much may still be written. */
  readonly tellsFreeSpace: boolean
}

/** For a server that will not be back. */
export const AT_ONCE: RetryPorts = {
  ...IMPATIENT,
  patience: { ...IMPATIENT.patience, deadlineMs: 1500 },
}

export function open(
  { config, environment = {} }: Opening,
  more: Partial<TargetConfig> = {},
  retry: RetryPorts = IMPATIENT,
): Promise<Target> {
  return openTarget('there', { ...config, ...more } as TargetConfig, {
    directory: '/',
    environment: { ...process.env, ...environment },
    retry,
  })
}

export async function read(
  target: Target,
  key: string,
  range?: { from: number; length: number },
): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of target.get(key, { signal: SIGNAL, ...(range === undefined ? {} : { range }) }))
    chunks.push(Buffer.from(chunk))
  return Buffer.concat(chunks)
}

export async function listed(target: Target, prefix = ''): Promise<StoredObject[]> {
  const objects = await Array.fromAsync(target.list(prefix, { signal: SIGNAL }))
  return objects.toSorted((a, b) => (a.key < b.key ? -1 : 1))
}

export async function keysOf(target: Target, prefix = ''): Promise<string[]> {
  return (await listed(target, prefix)).map(({ key }) => key)
}

/** What it fails with. */
export async function failureOf(work: Promise<unknown>): Promise<BackupError> {
  const error = await work.then(
    () => {
      throw new Error('it did not fail')
    },
    (reason: unknown) => reason,
  )
  if (error instanceof BackupError) return error
  throw error
}

const OPTIONS = { signal: SIGNAL }

/** Declares the tests for one kind. */
export function targetContract({ name, needs, place, largeBytes = 12_345_678, tellsFreeSpace }: Kind): void {
  const it = (title: string, body: (place: Place, target: Target) => Promise<void>): void => {
    const run: TestFunction = async () => {
      const here = await place()
      await using target = await open(here)
      await body(here, target)
    }
    if (canStart(needs)) test(`${name}: ${title}`, run)
    else test.skip(`${name}: ${title} (skipped: needs ${missing(...needs).join(', ')})`, run)
  }

  it('what was put is given back, whole and in parts', async (_place, target) => {
    const bytes = randomBytes(300_000)
    await target.put('daily/a.db', contentOf(bytes), OPTIONS)
    expect((await read(target, 'daily/a.db')).equals(bytes)).toBe(true)
    for (const [from, length] of [
      [0, 1],
      [0, 300_000],
      [1000, 70_000],
      [299_999, 1],
      [5, 0],
    ] as const) {
      const part = await read(target, 'daily/a.db', { from, length })
      expect(part.equals(bytes.subarray(from, from + length)), `${from}+${length}`).toBe(true)
    }
  })

  it('a part that goes beyond the end is damage, not less bytes', async (_place, target) => {
    await target.put('a', contentOf(Buffer.from('0123456789')), OPTIONS)
    for (const range of [
      { from: 5, length: 6 },
      { from: 20, length: 1 },
    ])
      expect((await failureOf(read(target, 'a', range))).code).toBe('OBJECT_DAMAGED')
  })

  it('an empty object is an object', async (_place, target) => {
    await target.put('empty', contentOf(Buffer.alloc(0)), OPTIONS)
    expect(await read(target, 'empty')).toHaveLength(0)
    expect(await target.head('empty', OPTIONS)).toMatchObject({ key: 'empty', sizeBytes: 0 })
  })

  it('a large object of known size and hash arrives whole, and its progress is told', async (_place, target) => {
    const bytes = randomBytes(largeBytes)
    let done = 0
    await target.put('large', contentOf(bytes), {
      ...OPTIONS,
      onBytes: bytes => (done = Math.max(done, bytes)),
    })
    expect(done).toBe(largeBytes)
    expect(sha256(await read(target, 'large'))).toBe(sha256(bytes))
    expect((await target.head('large', OPTIONS))?.sizeBytes).toBe(largeBytes)
  })

  it('a stream of which nothing is known before its end arrives whole', async (_place, target) => {
    const bytes = randomBytes(largeBytes)
    await target.put('stream', streamOf(bytes), OPTIONS)
    expect(sha256(await read(target, 'stream'))).toBe(sha256(bytes))
    const small = randomBytes(1000)
    await target.put('small', streamOf(small), OPTIONS)
    expect((await read(target, 'small')).equals(small)).toBe(true)
  })

  it('what has the key is replaced as a whole', async (_place, target) => {
    await target.put('key', contentOf(Buffer.from('the first, which is longer')), OPTIONS)
    await target.put('key', contentOf(Buffer.from('the second')), OPTIONS)
    expect(String(await read(target, 'key'))).toBe('the second')
    expect(await keysOf(target)).toEqual(['key'])
  })

  it('what has the key is replaced in one step where that is asked for, or stays', async (_place, target) => {
    await target.put('key', contentOf(Buffer.from('the first')), OPTIONS)
    const putting = target.put('key', contentOf(Buffer.from('the second')), { ...OPTIONS, inOneStep: true })
    const answer = await putting.then(() => 'replaced', toFailure)
    const isRefused = answer !== 'replaced'
    if (isRefused) expect(answer).toMatchObject({ code: 'TARGET_REFUSED' })
    expect(String(await read(target, 'key'))).toBe(isRefused ? 'the first' : 'the second')
    expect(isRefused).toBe(target.kind === 'rclone')
    expect(await keysOf(target)).toEqual(['key'])
  })

  it('content that fails in the middle leaves nothing, and its error is told as it is', async (_place, target) => {
    const reason = new BackupError('BACKUP_DAMAGED', 'the source is damaged')
    const content = contentOf(randomBytes(largeBytes), {
      async *open() {
        yield randomBytes(largeBytes - 1000)
        throw reason
      },
    })
    expect(await failureOf(target.put('half', content, OPTIONS))).toBe(reason)
    expect(await keysOf(target)).toEqual([])
    expect(await target.head('half', OPTIONS)).toBeNull()
  })

  it('content that is shorter than it said is not stored', async (_place, target) => {
    const content = contentOf(Buffer.from('0123456789'), { sizeBytes: 11 })
    expect((await failureOf(target.put('short', content, OPTIONS))).code).toBe('OBJECT_DAMAGED')
    expect(await keysOf(target)).toEqual([])
  })

  it('content that is other than its hash says is not stored', async (_place, target) => {
    for (const size of [1000, largeBytes]) {
      const content = contentOf(randomBytes(size), { sha256: sha256(Buffer.from('what it was')) })
      const failure = await failureOf(target.put('changed', content, OPTIONS))
      expect(failure.code).toBe('OBJECT_DAMAGED')
      expect(failure.message).toContain('nothing was put')
    }
    expect(await keysOf(target)).toEqual([])
  })

  it('a put that is cancelled leaves nothing under its key', async (_place, target) => {
    const controller = new AbortController()
    const bytes = randomBytes(largeBytes)
    const content = contentOf(bytes, {
      async *open(from) {
        for await (const chunk of contentOf(bytes).open(from)) {
          if (from === 0 && chunk.byteOffset - bytes.byteOffset > largeBytes / 2) controller.abort()
          yield chunk
        }
      },
    })
    const put = target.put('cancelled', content, { signal: controller.signal })
    expect((await failureOf(put)).code).toBe('CANCELLED')
    expect(await keysOf(target)).toEqual([])
  })

  it('what is not there is null, an error when it is read, and fine when it is deleted', async (_place, target) => {
    expect(await target.head('daily/nothing', OPTIONS)).toBeNull()
    const failure = await failureOf(read(target, 'daily/nothing'))
    expect(failure.code).toBe('OBJECT_NOT_FOUND')
    expect(failure.message).toContain('there')
    await target.delete('daily/nothing', OPTIONS)
    expect(await keysOf(target)).toEqual([])
  })

  it('a deleted object is gone, and no other', async (_place, target) => {
    for (const key of ['a/1', 'a/2', 'b']) await target.put(key, contentOf(Buffer.from(key)), OPTIONS)
    await target.delete('a/1', OPTIONS)
    expect(await keysOf(target)).toEqual(['a/2', 'b'])
  })

  it('a listing has every object below a prefix, with its size and time', async (_place, target) => {
    for (const key of ['daily/x.db', 'daily/x.db.age', 'daily/y/z.db', 'weekly/x.db', 'daily-2'])
      await target.put(key, contentOf(Buffer.from(key)), OPTIONS)
    expect(await keysOf(target, 'daily/')).toEqual(['daily/x.db', 'daily/x.db.age', 'daily/y/z.db'])
    expect(await keysOf(target, 'daily/x')).toEqual(['daily/x.db', 'daily/x.db.age'])
    expect(await keysOf(target, 'daily')).toHaveLength(4)
    expect(await keysOf(target, 'nothing/')).toEqual([])
    for (const { key, sizeBytes, modified } of await listed(target)) {
      expect(sizeBytes).toBe(key.length)
      expect(Math.abs(Date.parse(modified ?? '') - Date.now())).toBeLessThan(300_000)
    }
  })

  it('put if absent lets the first one win, and changes nothing for the second', async (_place, target) => {
    expect(await target.putIfAbsent('lock', Buffer.from('first'), OPTIONS)).toBe(true)
    expect(await target.putIfAbsent('lock', Buffer.from('second'), OPTIONS)).toBe(false)
    expect(String(await read(target, 'lock'))).toBe('first')
    expect(await keysOf(target)).toEqual(['lock'])
  })

  it('a key is a name, never a path', async (_place, target) => {
    for (const key of [
      '../x',
      'a/../b',
      '/etc/x',
      'a//b',
      '.hidden',
      'a/.b',
      'a b',
      'a\0',
      'a\nb',
      'ä',
      '',
      'a/',
    ]) {
      const bytes = contentOf(Buffer.from('x'))
      expect((await failureOf(target.put(key, bytes, OPTIONS))).code, key).toBe('INVALID_ARGUMENT')
      expect((await failureOf(read(target, key))).code, key).toBe('INVALID_ARGUMENT')
      expect((await failureOf(target.delete(key, OPTIONS))).code, key).toBe('INVALID_ARGUMENT')
    }
    expect(await keysOf(target)).toEqual([])
  })

  it('what others put there under other names is not listed, and is left alone', async (here, target) => {
    await target.put('ours', contentOf(Buffer.from('x')), OPTIONS)
    const names = ['with space', '.dot', 'dir/.chame-0123456789abcdef.part', 'umläut', '-ok']
    for (const name of names) await here.plant(name, Buffer.from('x'))
    expect(await keysOf(target)).toEqual(['-ok', 'ours'])
    await target.put('ours', contentOf(Buffer.from('y')), OPTIONS)
    await target.delete('ours', OPTIONS)
    expect((await here.everything()).toSorted()).toEqual(names.toSorted())
  })

  it('a stream that fails in the middle leaves nothing at all, whatever its name', async (here, target) => {
    const content = streamOf(randomBytes(largeBytes))
    const failing: Content = {
      ...content,
      async *open(from) {
        let got = 0
        for await (const chunk of content.open(from)) {
          got += chunk.length
          if (got > largeBytes / 2) throw new Error('the source broke')
          yield chunk
        }
      },
    }
    await expect(target.put('dir/broken', failing, OPTIONS)).rejects.toThrow('the source broke')
    expect(await here.everything()).toEqual([])
  })

  it('of what was put there is nothing but the objects themselves', async (here, target) => {
    await target.put('dir/large', contentOf(randomBytes(largeBytes)), OPTIONS)
    await target.put('dir/large', contentOf(randomBytes(largeBytes)), OPTIONS)
    expect(await target.putIfAbsent('dir/once', Buffer.from('x'), OPTIONS)).toBe(true)
    expect(await target.putIfAbsent('dir/once', Buffer.from('y'), OPTIONS)).toBe(false)
    expect((await here.everything()).toSorted()).toEqual(['dir/large', 'dir/once'])
  })

  it('an append-only target refuses to delete, and takes everything else', async (here, target) => {
    await using appendOnly = await open(here, { appendOnly: true })
    await appendOnly.put('kept', contentOf(Buffer.from('x')), OPTIONS)
    expect((await failureOf(appendOnly.delete('kept', OPTIONS))).code).toBe('OBJECT_LOCKED')
    expect(await keysOf(target)).toEqual(['kept'])
  })

  it(`free space is ${tellsFreeSpace ? 'a number of bytes' : 'null, as nobody can tell'}`, async (_place, target) => {
    const free = await target.freeBytes(OPTIONS)
    if (tellsFreeSpace) expect(free).toBeGreaterThan(0)
    else expect(free).toBeNull()
  })

  it('several objects can be put and read at once', async (_place, target) => {
    const all = Array.from({ length: 6 }, (_, index) => ({
      key: `many/${index}`,
      bytes: randomBytes(50_000),
    }))
    await Promise.all(all.map(({ key, bytes }) => target.put(key, contentOf(bytes), OPTIONS)))
    const got = await Promise.all(all.map(({ key }) => read(target, key)))
    expect(got.every((bytes, index) => all[index]?.bytes.equals(bytes))).toBe(true)
    expect(await keysOf(target, 'many/')).toHaveLength(6)
  })
}
