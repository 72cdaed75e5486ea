/** Several at work on the same targets, in processes of their own. */
import { copyFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { assertIntact } from '../support/intact.ts'
import { succeeded } from '../support/product.ts'
import { local, makeBackups, namesAt, openPlace, type Place } from './place.ts'
import { tend } from './run-tend.ts'

const ROUNDS = 2

/** Every backup at the target is whole, no two are one, and nothing is half there. */
async function expectWhole(place: Place): Promise<string[]> {
  const listed = await place.database().listBackups({ target: 'far' })
  for (const { filename, type, size, metadata } of listed) {
    expect(size, filename).toBe(metadata?.file_size)
    copyFileSync(place.path('far', type, filename), place.path('look.db'))
    assertIntact(place.path('look.db'))
  }
  expect(new Set(listed.map(({ metadata }) => metadata?.created_at)).size).toBe(listed.length)
  const theirs = listed.flatMap(({ filename, type }) => [`${type}/${filename}`, `metadata/${filename}.json`])
  expect(place.files('far')).toEqual(theirs.toSorted())
  return listed.map(({ filename }) => filename)
}

test('creates and syncs begun at once copy each backup once', async () => {
  for (let round = 0; round < ROUNDS; round++) {
    const place = openPlace()
    await makeBackups(place, 3)
    const answers = await Promise.all([
      tend(place, 'create'),
      tend(place, 'create'),
      tend(place, 'sync'),
      tend(place, 'sync'),
    ])
    expect(answers).toEqual(Array.from({ length: 4 }, () => 'success'))
    succeeded(await place.database().syncTargets())
    const here = await namesAt(place)
    expect(here).toHaveLength(5)
    expect(await expectWhole(place)).toEqual(here)
  }
})

test('a create and a cleanup of one target begun at once leave each backup whole or none', async () => {
  for (let round = 0; round < ROUNDS; round++) {
    const place = openPlace()
    await makeBackups(place, 4, 'daily')
    succeeded(await place.database().syncTargets())
    const answers = await Promise.all([
      tend(place, 'create'),
      tend(place, 'cleanup'),
      tend(place, 'cleanup'),
      tend(place, 'create'),
    ])
    expect(answers).toEqual(Array.from({ length: 4 }, () => 'success'))
    const there = await expectWhole(place)
    expect(there.filter(name => name.includes('_daily_'))).toHaveLength(1)
    expect(there.filter(name => name.includes('_manual_'))).toHaveLength(2)
  }
})

test('two machines that back up databases of one name to one target at once both keep theirs', async () => {
  for (let round = 0; round < ROUNDS; round++) {
    const place = openPlace()
    const other = openPlace(['far'], {}, { commits: 33 })
    other.configure({ targets: { far: local(place.path('far')) }, timeZone: 'UTC' })
    const answers = await Promise.all([
      tend(place, 'create'),
      tend(other, 'create'),
      tend(place, 'create'),
      tend(other, 'create'),
    ])
    expect(answers).toEqual(Array.from({ length: 4 }, () => 'success'))
    expect(await expectWhole(place)).toHaveLength(4)
    for (const each of [place, other]) {
      const synced = succeeded(await each.database().syncTargets())
      expect(synced.targets).toMatchObject([{ status: 'synced', copied: [], present: 2 }])
    }
  }
})
