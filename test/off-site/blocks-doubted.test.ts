/** Once pages at a target were found damaged, no later backup that is kept there alone relies on them. */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { type BackupCreated, generateKeys } from '../../src/index.ts'
import { createBackup } from '../../src/operations/create-backup.ts'
import { contentOf } from '../support/intact.ts'
import { succeeded } from '../support/product.ts'
import { commit, ONLY, packsIn } from './blocks-place.ts'
import { damageByte } from './damage-byte.ts'
import { contextDuring } from './meanwhile.ts'
import { openPlace, type Place } from './place.ts'

function openOnly(): Place {
  return openPlace(['far'], ONLY, { commits: 20 })
}

async function backUp(place: Place): Promise<BackupCreated> {
  return succeeded(await place.database().createBackup())
}

/** Damages the pack of the first backup; returns its path. */
function damageFirst(place: Place, at = 100): string {
  const path = place.path('far', packsIn(place, 'far')[0] ?? '')
  damageByte(path, at)
  return path
}

/** The same; returns what puts it right again. */
function damageForNow(place: Place): () => void {
  const path = place.path('far', packsIn(place, 'far')[0] ?? '')
  const whole = readFileSync(path)
  damageFirst(place)
  return () => writeFileSync(path, whole)
}

async function statusOf(place: Place, backup: string, record = false): Promise<string> {
  return succeeded(await place.database().verifyBackup(backup, { target: 'far', record })).status
}

async function statusOfCopies(place: Place): Promise<string> {
  return succeeded(await place.database().verifyCopies()).status
}

async function expectRestored(place: Place, { filename }: BackupCreated, identity?: string): Promise<void> {
  const to = place.path('restored.db')
  const request = { target: 'far', to, ...(identity === undefined ? {} : { identity }) }
  succeeded(await place.database().restoreBackup(filename, request))
  expect(contentOf(to)).toEqual(contentOf(place.databasePath))
}

/** As the backup directory says. */
function isDoubted(place: Place): boolean {
  return packsIn(place, 'far').some(pack =>
    existsSync(place.path('backups', 'targets', 'far', 'doubted', pack.slice('blocks/xx/'.length, -5))),
  )
}

const FINDING: readonly [string, (place: Place, filename: string) => Promise<string>][] = [
  ['reading of what lies there', statusOfCopies],
  ['verification', (place, filename) => statusOf(place, filename, true)],
  [
    'drill',
    async (place, filename) =>
      succeeded(await place.database().drillBackup({ backup: filename, target: 'far' })).status,
  ],
]

test.for(FINDING)('a backup that is made there after a %s has found damage is whole', async ([, find]) => {
  const place = openOnly()
  const { filename } = await backUp(place)
  damageFirst(place)
  expect(await find(place, filename)).toMatch(/damaged|failed/)
  commit(place, 1)
  await expectRestored(place, await backUp(place))
})

test('the same pages of a database that nobody has touched take the place of the damaged ones', async () => {
  const place = openOnly()
  const { filename } = await backUp(place)
  damageFirst(place)
  expect(await statusOfCopies(place)).toBe('damaged')
  await expectRestored(place, await backUp(place))
  expect(packsIn(place, 'far')).toHaveLength(1)
  expect(await statusOf(place, filename)).toBe('intact')
  expect(isDoubted(place)).toBe(false)
})

test.for([
  ['key', 100],
  ['pages', 1000],
] as const)(
  'an encrypted pack in whose %s damage was found is relied upon no more, without a key',
  async ([, at]) => {
    const place = openOnly()
    const identity = place.path('key.txt')
    const { recipient } = succeeded(await generateKeys({ output: identity }))
    place.configure({ ...ONLY, encryption: { recipients: [recipient] } })
    await backUp(place)
    damageFirst(place, at)
    expect(await statusOfCopies(place)).toBe('damaged')
    commit(place, 1)
    await expectRestored(place, await backUp(place), identity)
  },
)

test('what was found damaged and is whole again is relied upon as before, once it was read', async () => {
  const place = openOnly()
  const { filename } = await backUp(place)
  const mend = damageForNow(place)
  expect(await statusOf(place, filename, true)).toBe('damaged')
  expect(isDoubted(place)).toBe(true)
  mend()
  const { metadata } = await backUp(place)
  expect(metadata.added_bytes).toBe(metadata.file_size)
  expect(isDoubted(place)).toBe(false)
})

test('a reading that finds it whole again takes the doubt back', async () => {
  const place = openOnly()
  await backUp(place)
  const mend = damageForNow(place)
  expect(await statusOfCopies(place)).toBe('damaged')
  expect(isDoubted(place)).toBe(true)
  mend()
  expect(await statusOfCopies(place)).toBe('intact')
  expect(isDoubted(place)).toBe(false)
})

test('a pack that comes into being again, and is there whole although it was doubted, is not sent again', async () => {
  const place = openOnly()
  const { filename } = await backUp(place)
  const mend = damageForNow(place)
  expect(await statusOf(place, filename, true)).toBe('damaged')
  mend()
  rmSync(place.path('backups', 'targets', 'far', 'app.fingerprints'))
  const sent: string[] = []
  const before = (call: string, key: string): void => {
    if (call === 'put' && key.endsWith('.pack')) sent.push(key)
  }
  await createBackup({}, contextDuring(place, { before }, { config: ONLY }))
  expect(sent).toEqual([])
  expect(isDoubted(place)).toBe(false)
})

test('damage that was found without noting it changes nothing', async () => {
  const place = openOnly()
  const { filename } = await backUp(place)
  damageFirst(place)
  expect(await statusOf(place, filename)).toBe('damaged')
  const { metadata } = await backUp(place)
  expect(metadata.added_bytes).toBe(metadata.file_size)
})
