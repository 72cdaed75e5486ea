import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { type ImageOrder, KeptImages, type KeptLimits } from '../../src/operations/look/kept-images.ts'
import { toFailure } from '../../src/errors.ts'
import { temporaryDirectory } from '../support/temporary.ts'

const { signal: PATIENT } = new AbortController()
/** Longer than any test takes. */
const LONG_MS = 3_600_000

interface Around {
  readonly images: KeptImages
  readonly directory: string
  /** The keys of what was made, in that order. */
  readonly made: string[]
  readonly order: (key: string, more?: Partial<ImageOrder>) => ImageOrder
}

function around(limits: KeptLimits = {}): Around {
  const directory = temporaryDirectory()
  const made: string[] = []
  return {
    images: new KeptImages({ idleMs: LONG_MS, ...limits }),
    directory,
    made,
    order: (key, more = {}) => ({
      key,
      directory,
      sizeBytes: 100,
      async write(file) {
        made.push(key)
        writeFileSync(file, key)
      },
      ...more,
    }),
  }
}

/** Opens an image and lets it go at once; its path. */
async function use({ images }: Around, order: ImageOrder): Promise<string> {
  await using image = await images.open(order, PATIENT)
  return image.path
}

/** Writes only once it is told to, or is no longer wanted. */
function slowly(): {
  readonly write: ImageOrder['write']
  /** Resolves once it is at work. */
  readonly begun: Promise<void>
  readonly finish: () => void
  readonly wasAborted: () => boolean
} {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const begun = Promise.withResolvers<void>()
  let isAborted = false
  return {
    write(file, signal) {
      writeFileSync(file, 'slow')
      begun.resolve()
      signal.addEventListener('abort', () => {
        isAborted = true
        reject(new Error('no longer wanted'))
      })
      return promise
    },
    begun: begun.promise,
    finish: resolve,
    wasAborted: () => isAborted,
  }
}

test('an image is made once for all who want it, at once and later', async () => {
  const place = around()
  const paths = await Promise.all([1, 2, 3].map(() => use(place, place.order('a'))))
  expect(new Set([...paths, await use(place, place.order('a'))]).size).toBe(1)
  expect(place.made).toEqual(['a'])
  await place.images[Symbol.asyncDispose]()
})

test('an image that nobody has used for a while is removed, and made anew', async () => {
  const place = around({ idleMs: 20 })
  const first = await use(place, place.order('a'))
  await expect.poll(() => readdirSync(place.directory), { timeout: 30_000 }).toEqual([])
  expect(await use(place, place.order('a'))).not.toBe(first)
  await place.images[Symbol.asyncDispose]()
})

test('an image that somebody uses stays, however long that takes', async () => {
  const place = around({ idleMs: 1, imagesMax: 1 })
  const image = await place.images.open(place.order('a'), PATIENT)
  await use(place, place.order('a'))
  const other = await use(place, place.order('b'))
  await expect.poll(() => existsSync(other), { timeout: 30_000 }).toBe(false)
  expect(existsSync(image.path)).toBe(true)
  await image[Symbol.asyncDispose]()
  await expect.poll(() => readdirSync(place.directory), { timeout: 30_000 }).toEqual([])
})

test('more images than so many are not kept: that of which the last use is the longest ago makes room', async () => {
  const place = around({ imagesMax: 2 })
  const [a, b] = [await use(place, place.order('a')), await use(place, place.order('b'))]
  await use(place, place.order('a'))
  const c = await use(place, place.order('c'))
  expect([a, b, c].map(existsSync)).toEqual([true, false, true])
  await place.images[Symbol.asyncDispose]()
})

test('more bytes than so many are not kept, and an image that is larger by itself goes with its last user', async () => {
  const place = around({ bytesMax: 250 })
  const [a, b] = [await use(place, place.order('a')), await use(place, place.order('b'))]
  const c = await use(place, place.order('c'))
  expect([a, b, c].map(existsSync)).toEqual([false, true, true])
  const large = await use(place, place.order('large', { sizeBytes: 251 }))
  expect(existsSync(large)).toBe(false)
  expect(readdirSync(place.directory)).toEqual([])
})

test('who no longer waits keeps nobody from an image; when all are gone it is given up', async () => {
  const place = around()
  const work = slowly()
  const gone = new AbortController()
  const [first, second] = [gone.signal, PATIENT].map(signal =>
    place.images.open(place.order('a', { write: work.write }), signal),
  )
  gone.abort()
  expect(toFailure(await first?.catch(error => error)).code).toBe('CANCELLED')
  work.finish()
  const image = await second
  expect(existsSync(image?.path ?? '')).toBe(true)
  await image?.[Symbol.asyncDispose]()

  const unwanted = slowly()
  const alone = new AbortController()
  const waiting = place.images.open(place.order('b', { write: unwanted.write }), alone.signal)
  await unwanted.begun
  alone.abort()
  expect(toFailure(await waiting.catch(error => error)).code).toBe('CANCELLED')
  expect(unwanted.wasAborted()).toBe(true)
  expect(readdirSync(place.directory)).toHaveLength(1)
  await place.images[Symbol.asyncDispose]()
})

test('an image that could not be made leaves nothing, and is tried again', async () => {
  const place = around()
  const failing = place.order('a', { write: () => Promise.reject(new Error('no room')) })
  await expect(use(place, failing)).rejects.toThrow('no room')
  expect(readdirSync(place.directory)).toEqual([])
  await use(place, place.order('a'))
  expect(place.made).toEqual(['a'])
  await place.images[Symbol.asyncDispose]()
})

test('an image that nobody wants any more before it is begun is not begun', async () => {
  const place = around()
  const gone = new AbortController()
  const work = slowly()
  const waiting = place.images.open(place.order('a', { write: work.write }), gone.signal)
  gone.abort()
  expect(toFailure(await waiting.catch(error => error)).code).toBe('CANCELLED')
  await place.images[Symbol.asyncDispose]()
  expect(readdirSync(place.directory)).toEqual([])
  expect(work.wasAborted()).toBe(false)
})

test('closing removes all, also what is used and what is being made, and nothing is made afterwards', async () => {
  const place = around()
  await use(place, place.order('a'))
  const used = await place.images.open(place.order('b'), PATIENT)
  const work = slowly()
  const waiting = place.images.open(place.order('c', { write: work.write }), PATIENT).catch(error => error)
  await work.begun
  await place.images[Symbol.asyncDispose]()
  expect(readdirSync(place.directory)).toEqual([])
  expect(await waiting).toBeInstanceOf(Error)
  await used[Symbol.asyncDispose]()
  expect(toFailure(await use(place, place.order('a')).catch(error => error)).code).toBe('CANCELLED')
  expect(readdirSync(place.directory)).toEqual([])
})
