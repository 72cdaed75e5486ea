/** Whatever is stored, deleted and cleaned up, in whatever order: what is left restores byte for byte. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { temporaryDirectory } from '../support/temporary.ts'
import { fillPage, StoreScene, type TestImage } from './stored.ts'

const PAGE_SIZES = [512, 4096, 65_536]
const DATABASES = ['app', 'shop']

type Step =
  | { readonly act: 'create'; readonly database: number; readonly edits: readonly Edit[] }
  | { readonly act: 'delete'; readonly which: number }
  | { readonly act: 'collect' }
  | { readonly act: 'forget' }

type Edit =
  | { readonly kind: 'set'; readonly page: number; readonly count: number; readonly seed: number }
  | { readonly kind: 'grow'; readonly count: number; readonly seed: number }
  | { readonly kind: 'cut'; readonly count: number }
  | { readonly kind: 'rotate'; readonly by: number }

const page = fc.integer({ min: 0, max: 400 })
const count = fc.integer({ min: 1, max: 40 })
/** Few, so that pages recur. */
const seed = fc.integer({ min: 0, max: 300 })
const edit: fc.Arbitrary<Edit> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('set' as const), page, count, seed }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('grow' as const), count, seed }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('cut' as const), count }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('rotate' as const), by: page }) },
)
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      act: fc.constant('create' as const),
      database: fc.integer({ min: 0, max: 1 }),
      edits: fc.array(edit, { maxLength: 6 }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ act: fc.constant('delete' as const), which: page }) },
  { weight: 2, arbitrary: fc.record({ act: fc.constant('collect' as const) }) },
  { weight: 1, arbitrary: fc.record({ act: fc.constant('forget' as const) }) },
)

function applyEdit({ pageSize, bytes }: TestImage, change: Edit): TestImage {
  const pages = bytes.length / pageSize
  switch (change.kind) {
    case 'set': {
      const next = Buffer.from(bytes)
      for (let at = change.page; at < Math.min(pages, change.page + change.count); at++)
        fillPage(next.subarray(at * pageSize, (at + 1) * pageSize), change.seed + at - change.page)
      return { pageSize, bytes: next }
    }
    case 'grow': {
      const more = Buffer.alloc(change.count * pageSize)
      for (let at = 0; at < change.count; at++)
        fillPage(more.subarray(at * pageSize, (at + 1) * pageSize), change.seed + at)
      return { pageSize, bytes: Buffer.concat([bytes, more]) }
    }
    case 'cut':
      return { pageSize, bytes: bytes.subarray(0, Math.max(0, pages - change.count) * pageSize) }
    case 'rotate': {
      const at = pages === 0 ? 0 : (change.by % pages) * pageSize
      return { pageSize, bytes: Buffer.concat([bytes.subarray(at), bytes.subarray(0, at)]) }
    }
  }
}

test('every restore point that is left restores byte for byte, and the store verifies', async () => {
  const property = fc.asyncProperty(
    fc.constantFrom(...PAGE_SIZES),
    fc.array(step, { minLength: 1, maxLength: 20 }),
    async (pageSize, steps) => {
      const scene = new StoreScene(temporaryDirectory())
      const images = DATABASES.map((): TestImage => ({ pageSize, bytes: Buffer.alloc(0) }))
      const stored = new Map<string, Buffer>()
      for (const [number, each] of steps.entries()) {
        if (each.act === 'create') {
          const image = each.edits.reduce(applyEdit, images[each.database] as TestImage)
          images[each.database] = image
          await scene.put(`p${number}`, image, { database: DATABASES[each.database] as string })
          stored.set(`p${number}`, image.bytes)
        } else if (each.act === 'delete') {
          const name = [...stored.keys()][each.which % Math.max(1, stored.size)]
          if (name === undefined) continue
          scene.delete(name)
          stored.delete(name)
        } else if (each.act === 'collect') {
          expect((await scene.collect([...stored.keys()])).status).toBe('done')
        } else scene.forget()
      }
      for (const [name, bytes] of stored) expect((await scene.restore(name)).equals(bytes), name).toBe(true)
      expect((await scene.verify([...stored.keys()])).damage).toEqual([])
      for (const name of stored.keys()) scene.delete(name)
      await scene.collect([])
      expect(await scene.packBytes()).toBe(0)
    },
  )
  await fc.assert(property, { numRuns: 40 })
})
