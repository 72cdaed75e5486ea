/** Damage that was stored with a backup, and is in each copy of it: no copy is better, so none replaces another. */
import { readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Metadata } from '../../src/catalog/metadata.ts'
import { generateKeys } from '../../src/index.ts'
import { addWrongIndex } from '../support/databases.ts'
import { succeeded } from '../support/product.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { damageByte } from './damage-byte.ts'
import { openPlace, type Place, readJson } from './place.ts'

async function openDamaged(encoding: 'plain' | 'blocks'): Promise<{ place: Place; name: string }> {
  const place = openPlace(['far'], { encoding })
  addWrongIndex(place.databasePath)
  const { filename: name } = succeeded(await place.database().createBackup())
  const verified = succeeded(
    await place.database().verifyBackup(name, { target: 'far', record: true, check: 'full' }),
  )
  expect(verified).toMatchObject({ status: 'damaged', recorded: true })
  return { place, name }
}

function metadataThere(place: Place, name: string): Partial<Metadata> {
  return readJson(place.path('far', 'metadata', `${name}.json`))
}

const AS_STORED = { verified_at: null, damaged_at: expect.any(String), damaged_as_stored: true }

async function synced(place: Place): Promise<readonly string[]> {
  const { targets, status } = succeeded(await place.database().syncTargets())
  expect(status).toBe('synced')
  return targets.flatMap(({ copied }) => copied)
}

test.for(['plain', 'blocks'] as const)(
  'a copy at a target that is as it was stored, and damaged, is not replaced by the same bytes, and stays noted: %s',
  async encoding => {
    const { place, name } = await openDamaged(encoding)
    expect(metadataThere(place, name)).toMatchObject(AS_STORED)
    expect(await synced(place)).toEqual([])
    expect(succeeded(await place.database().repairBackups()).backups).toMatchObject([
      {
        filename: name,
        at: 'far',
        status: 'failed',
        code: 'BACKUP_DAMAGED',
        message: expect.stringContaining('as it was stored'),
      },
    ])
    expect(succeeded(await place.database().verifyCopies()).status).toBe('intact')
    expect(metadataThere(place, name)).toMatchObject(AS_STORED)
  },
)

test('bytes of it that are damaged at the target besides are found and replaced', async () => {
  const { place, name } = await openDamaged('plain')
  const path = place.path('far', 'manual', name)
  damageByte(path, 5000)
  expect(succeeded(await place.database().verifyCopies()).status).toBe('damaged')
  expect(await synced(place)).toEqual([name])
  expect(succeeded(await place.database().verifyCopies()).status).toBe('intact')
  const { problems } = succeeded(await place.database().verifyBackup(name, { target: 'far', record: true }))
  expect(problems.map(({ code }) => code)).toEqual(['INTEGRITY'])
  expect(metadataThere(place, name)).toMatchObject(AS_STORED)
})

test('a file of it that is cut short at the target is replaced, and the note of the damage in it stays', async () => {
  const { place, name } = await openDamaged('plain')
  const whole = place.path('backups', 'manual', name)
  const there = place.path('far', 'manual', name)
  truncateSync(there, 100)
  expect(await synced(place)).toEqual([name])
  expect(readFileSync(there)).toEqual(readFileSync(whole))
  expect(metadataThere(place, name)).toMatchObject(AS_STORED)
})

test('a check that goes less deep does not take back what a full one has found in the same bytes', async () => {
  const { place, name } = await openDamaged('plain')
  for (const check of ['quick', 'none'] as const) {
    const verified = await place.database().verifyBackup(name, { target: 'far', record: true, check })
    expect(verified).toMatchObject({
      status: 'damaged',
      problems: [{ code: 'INTEGRITY', message: expect.stringContaining('only a full check') }],
    })
    expect(metadataThere(place, name)).toMatchObject(AS_STORED)
  }
})

test('one that passes a full check later on is not called damaged any more', async () => {
  const place = openPlace(['far'])
  const { filename: name } = succeeded(await place.database().createBackup())
  const path = place.path('far', 'metadata', `${name}.json`)
  const noted = { verified_at: null, damaged_at: '2026-01-01T00:00:00.000Z', damaged_as_stored: true }
  writeFileSync(path, JSON.stringify({ ...readJson(path), ...noted }))
  const verified = await place.database().verifyBackup(name, { target: 'far', record: true, check: 'full' })
  expect(verified).toMatchObject({ status: 'intact', recorded: true })
  const metadata = metadataThere(place, name)
  expect(metadata).not.toHaveProperty('damaged_at')
  expect(metadata).not.toHaveProperty('damaged_as_stored')
})

function metadataHere(place: Place, name: string): Partial<Metadata> {
  return readJson(place.path('backups', 'metadata', `${name}.json`))
}

/** Notes here what a full check found. */
async function recordHere(place: Place, name: string, identity?: string): Promise<void> {
  const order = { record: true, check: 'full', ...(identity === undefined ? {} : { identity }) } as const
  expect(succeeded(await place.database().verifyBackup(name, order)).status).toBe('damaged')
  expect(metadataHere(place, name)).toMatchObject(AS_STORED)
}

const LOSSES: [string, (path: string) => void][] = [
  ['is gone', path => rmSync(path)],
  ['has changed', path => damageByte(path, 80)],
]

test.for(
  (['plain', 'blocks'] as const).flatMap(encoding => LOSSES.map(loss => [encoding, ...loss] as const)),
)(
  'one stored as %s whose file %s stays damaged as it was stored when that is brought back',
  async ([encoding, , lose]) => {
    const { place, name } = await openDamaged(encoding)
    await recordHere(place, name)
    const path = place.path('backups', 'manual', name)
    const stored = readFileSync(path)
    lose(path)
    const done = succeeded(await place.database().repairBackups({ backups: [name] }))
    expect(done).toMatchObject({
      status: 'incomplete',
      backups: [
        {
          at: null,
          status: 'repaired',
          from: 'far',
          code: 'BACKUP_DAMAGED',
          message: expect.stringContaining('as it was stored'),
        },
        { at: 'far', status: 'failed' },
      ],
    })
    expect(readFileSync(path)).toEqual(stored)
    expect(metadataHere(place, name)).toMatchObject(AS_STORED)
  },
)

test.for([
  ['is brought back', 'far'],
  ['is there', null],
] as const)(
  'one whose file %s, and passes a full check then, is not called damaged any more',
  async ([, from]) => {
    const place = openPlace(['far'])
    const { filename: name } = succeeded(await place.database().createBackup())
    const path = place.path('backups', 'metadata', `${name}.json`)
    const noted = { verified_at: null, damaged_at: '2026-01-01T00:00:00.000Z', damaged_as_stored: true }
    writeFileSync(path, JSON.stringify({ ...readJson(path), ...noted }))
    if (from !== null) rmSync(place.path('backups', 'manual', name))
    const done = succeeded(await place.database().repairBackups())
    expect(done).toMatchObject({
      status: 'repaired',
      backups: [{ status: from === null ? 'intact' : 'repaired', from }],
    })
    const metadata = metadataHere(place, name)
    expect(metadata).toMatchObject({ verified_at: expect.any(String) })
    expect(metadata).not.toHaveProperty('damaged_at')
    expect(metadata).not.toHaveProperty('damaged_as_stored')
  },
)

test.for(['zstd+age', 'blocks'] as const)(
  'one that is encrypted is not called intact where nobody can look into it: %s',
  async encoding => {
    const keys = temporaryDirectory()
    const [identity, other] = [join(keys, 'key.txt'), join(keys, 'other.txt')]
    const made = succeeded(await generateKeys({ output: identity }))
    succeeded(await generateKeys({ output: other }))
    const place = openPlace(['far'], { encoding, encryption: { recipients: [made.recipient] } })
    addWrongIndex(place.databasePath)
    const { filename: name } = succeeded(await place.database().createBackup())
    await recordHere(place, name, identity)
    for (const request of [{}, { identity: other }, { identity }]) {
      const done = succeeded(await place.database().repairBackups(request))
      expect(done.backups).toMatchObject([{ at: null, status: 'failed', code: 'BACKUP_DAMAGED' }])
      expect(metadataHere(place, name)).toMatchObject(AS_STORED)
    }
  },
)
