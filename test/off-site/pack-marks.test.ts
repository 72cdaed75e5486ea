/** Marks by which a cleanup at a target says which pages of packs stay. */
import { mkdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { expect, test } from 'vitest'
import { PACK_TRIAL_KEY, packMarkKey } from '../../src/catalog/target-keys.ts'
import { BackupError } from '../../src/errors.ts'
import { collected, forget, marksAt, openHalfDead, restoreAll, sync } from './half-dead.ts'
import { before, type Meanwhile } from './meanwhile.ts'
import type { Place } from './place.ts'

/** @param text what the mark says */
function leaveMark(place: Place, key: string, text: string): void {
  mkdirSync(dirname(place.path('far', key)), { recursive: true })
  writeFileSync(place.path('far', key), text)
}

const KEY = packMarkKey('0123456789abcdef')
const idOf = (pack: string): string => pack.slice(-69, -5)
const markOf = (packs: Record<string, string>): string => JSON.stringify({ schema: 1, packs })

test.for<[string, (pack: string) => string, 'copied' | 'CATALOG_LOCKED']>([
  ['of a pack that goes', pack => markOf({ [idOf(pack)]: '' }), 'CATALOG_LOCKED'],
  ['that nobody can read', () => 'x', 'CATALOG_LOCKED'],
  ['of another version', () => JSON.stringify({ schema: 2 }), 'CATALOG_LOCKED'],
  ['of another pack', () => markOf({ ['0'.repeat(64)]: '' }), 'copied'],
  [
    'of a pack whose pages all stay',
    pack => markOf({ [idOf(pack)]: Buffer.alloc(9_000, 0xff).toString('base64') }),
    'copied',
  ],
])('a copy heeds the mark of a cleanup that may be at work (%s)', async ([, text, answer]) => {
  const scene = await openHalfDead({ isOlderThere: true, changed: [10] })
  const { place, pack, older, newer } = scene
  forget(scene)
  leaveMark(place, KEY, text(pack))
  leaveMark(place, PACK_TRIAL_KEY, 'trial')
  const synced = await sync(scene)
  if (answer === 'copied') expect(synced).toMatchObject({ copied: [older], failed: [] })
  else expect(synced).toMatchObject({ copied: [], failed: [{ filename: older, code: answer }] })
  expect(await restoreAll(place)).toEqual(answer === 'copied' ? [newer, older] : [newer])
  // Nobody is at work for so long.
  utimesSync(place.path('far', KEY), new Date('2025-01-01'), new Date('2025-01-01'))
  expect(await sync(scene)).toMatchObject({ status: 'synced', failed: [] })
  expect(await restoreAll(place)).toEqual([newer, older])
})

test('a mark that goes while it is read holds nobody up, and a target that goes away then has not got the backup', async () => {
  const scene = await openHalfDead({ isOlderThere: true, changed: [10] })
  const { place, pack, older } = scene
  forget(scene)
  leaveMark(place, KEY, markOf({ [idOf(pack)]: '' }))
  const away = before('get', KEY, () => {
    throw new BackupError('TARGET_UNREACHABLE', 'far is away')
  })
  expect(await sync(scene, away)).toMatchObject({ status: 'failed', failure: { code: 'TARGET_UNREACHABLE' } })
  const tooLarge = before('get', KEY, () => {
    throw new BackupError('OBJECT_DAMAGED', 'too large')
  })
  expect(await sync(scene, tooLarge)).toMatchObject({ failed: [{ code: 'CATALOG_LOCKED' }] })
  const gone = before('get', KEY, () => rmSync(place.path('far', KEY)))
  expect(await sync(scene, gone)).toMatchObject({ status: 'synced', copied: [older] })
})

test('marks of killed cleanups that may not be deleted are a failure, unless they are locked', async () => {
  const scene = await openHalfDead()
  const { place } = scene
  const key = packMarkKey('0123456789abcdef')
  leaveMark(place, key, '{}')
  const refused = (code: 'TARGET_REFUSED' | 'OBJECT_LOCKED'): Meanwhile =>
    before('delete', key, () => {
      throw new BackupError(code, 'not deleted')
    })
  expect(await collected(scene, refused('TARGET_REFUSED'), { days: 2 })).toMatchObject({
    status: 'failed',
    problem: 'not deleted',
  })
  expect(await collected(scene, refused('OBJECT_LOCKED'), { days: 2 })).toMatchObject({ rewrittenPacks: 1 })
  expect(marksAt(place)).toEqual([key])
})
