/** Metadata that is lost, here or at a target, comes back from wherever it is. */
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openSigned } from '../signing/place.ts'
import { succeeded } from '../support/product.ts'
import { damageByte } from './damage-byte.ts'
import { makeBackups, namesAt, readJson } from './place.ts'
import { makeGone, metadataPath, openBoth, repaired, statusOfCopies } from './two-targets.ts'

test('metadata that is gone at one target, or cannot be read, comes back from wherever it is, with its signature', async () => {
  const place = await openSigned(['far', 'farther'])
  const [here = '', gone = ''] = await makeBackups(place, 2)
  expect(succeeded(await place.database().syncTargets()).status).toBe('synced')
  succeeded(await place.database().deleteBackup(gone, { confirm: true, force: true }))
  const before = [here, gone].map(name => readFileSync(metadataPath(place, 'far', name), 'utf8'))
  rmSync(metadataPath(place, 'far', here))
  writeFileSync(metadataPath(place, 'far', gone), '{"timestamp":')
  const done = await repaired(place)
  expect(done.toSorted((a, b) => (a.from === null ? -1 : b.from === null ? 1 : 0))).toMatchObject([
    { filename: here, at: 'far', status: 'repaired', from: null, metadata: true, bytes: 0 },
    { filename: gone, at: 'far', status: 'repaired', from: 'farther', metadata: true, bytes: 0 },
  ])
  expect([here, gone].map(name => readFileSync(metadataPath(place, 'far', name), 'utf8'))).toEqual(before)
  const listed = await place.database().listBackups({ target: 'far' })
  expect(listed.map(({ signature }) => signature)).toEqual(['valid', 'valid'])
  // A sync knows its own file again, too, and puts no second one beside it.
  rmSync(metadataPath(place, 'far', here))
  expect(succeeded(await place.database().syncTargets()).targets).toMatchObject([
    { copied: [here], bytes: 0 },
    { copied: [] },
  ])
  expect(await namesAt(place, 'far')).toHaveLength(2)
})

test('what a signature speaks against at a target gets the metadata that was signed', async () => {
  const place = await openSigned(['far'])
  const [name = ''] = await makeBackups(place, 1)
  expect(succeeded(await place.database().syncTargets()).status).toBe('synced')
  const path = metadataPath(place, 'far', name)
  const { signature, ...unsigned } = readJson(path)
  writeFileSync(path, JSON.stringify({ ...unsigned, image_size: 4096, signature }))
  expect(await statusOfCopies(place)).toBe('damaged')
  expect(await repaired(place)).toMatchObject([{ at: 'far', status: 'repaired', from: null }])
  expect(await statusOfCopies(place)).toBe('intact')
  expect(readJson(path)).toMatchObject({ ...unsigned, signature })
})

test('a file that somebody has put at a target without metadata is described by nobody', async () => {
  const place = openBoth()
  const name = await makeGone(place)
  rmSync(metadataPath(place, 'far', name))
  damageByte(place.path('far', 'manual', name), 5000)
  const bytes = readFileSync(place.path('far', 'manual', name))
  // It may be what somebody needs: what comes is put beside it.
  expect(await repaired(place)).toMatchObject([{ at: 'far', status: 'repaired', metadata: false }])
  expect(readFileSync(place.path('far', 'manual', name))).toEqual(bytes)
  expect(await namesAt(place, 'far')).toHaveLength(1)
  writeFileSync(place.path('far', 'manual', 'app_backup_manual_20200101_000000.db'), 'something')
  expect(await repaired(place)).toEqual([])
})

test('all metadata that is lost here comes back from targets, and nothing else is touched', async () => {
  const place = await openSigned(['far', 'farther'])
  const [first = '', second = '', changed = ''] = await makeBackups(place, 3)
  expect(succeeded(await place.database().syncTargets()).status).toBe('synced')
  const metadata = join(place.backupDir, 'metadata')
  const { copies: _, ...before } = readJson(join(metadata, `${first}.json`))
  renameSync(metadata, place.path('lost'))
  rmSync(metadataPath(place, 'far', second))
  damageByte(place.path('backups', 'manual', changed), 5000)
  const strange = 'app_backup_manual_20200101_000000.db'
  writeFileSync(place.path('backups', 'manual', strange), readFileSync(place.databasePath))
  const done = await repaired(place)
  const byName = new Map(done.filter(({ at }) => at === null).map(each => [each.filename, each]))
  expect(byName.get(first)).toMatchObject({ status: 'repaired', from: 'far', metadata: true, bytes: 0 })
  expect(byName.get(second)).toMatchObject({ status: 'repaired', from: 'farther', metadata: true })
  expect([...byName.keys()].toSorted()).toEqual([first, second].toSorted())
  expect(readJson(join(metadata, `${first}.json`))).toEqual(before)
  const listed = await place.database().listBackups()
  expect(listed.filter(({ signature }) => signature === 'valid').map(({ filename }) => filename)).toEqual(
    [first, second].toSorted().toReversed(),
  )
  // Of the others nobody knows that they are what a target has.
  for (const name of [changed, strange])
    expect(await repaired(place, name)).toMatchObject([
      { filename: name, at: null, status: 'failed', code: 'METADATA_INVALID' },
    ])
  writeFileSync(join(metadata, `${first}.json`), '{"timestamp":')
  expect(await repaired(place, first)).toMatchObject([{ status: 'repaired', metadata: true }])
  expect(succeeded(await place.database().verifyBackup(first)).status).toBe('intact')
  expect(await repaired(place, first)).toMatchObject([{ status: 'intact', metadata: false }])
})

test('a backup of pages that has lost its metadata and a pack gets back both', async () => {
  const place = openBoth({ encoding: 'blocks' })
  const [name = ''] = await makeBackups(place, 1)
  expect(succeeded(await place.database().syncTargets()).status).toBe('synced')
  const [pack = ''] = place.files('backups').filter(key => key.endsWith('.pack'))
  rmSync(place.path('backups', pack))
  rmSync(metadataPath(place, 'backups', name))
  expect(await repaired(place)).toMatchObject([
    { filename: name, at: null, status: 'repaired', from: 'far', metadata: true, packs: 1 },
  ])
  expect(succeeded(await place.database().verifyBackup(name)).status).toBe('intact')
})

test('metadata is taken from where it is signed; unsigned where nobody has signed it, and never with a wrong signature', async () => {
  const place = await openSigned(['far', 'farther'])
  const [name = ''] = await makeBackups(place, 1)
  expect(succeeded(await place.database().syncTargets()).status).toBe('synced')
  const lost = metadataPath(place, 'backups', name)
  const { signature, ...unsigned } = readJson(metadataPath(place, 'far', name))
  const wrong = { ...unsigned, image_size: 4096, signature }
  const cases = [
    [unsigned, { ...unsigned, signature }, 'farther'],
    [wrong, unsigned, 'farther'],
    [unsigned, unsigned, 'far'],
    [wrong, wrong, null],
  ] as const
  for (const [far, farther, from] of cases) {
    rmSync(lost, { force: true })
    writeFileSync(metadataPath(place, 'far', name), JSON.stringify(far))
    writeFileSync(metadataPath(place, 'farther', name), JSON.stringify(farther))
    const [answer] = await repaired(place, name)
    expect(answer).toMatchObject(from === null ? { status: 'failed' } : { status: 'repaired', from })
  }
})

test('of a file with metadata that cannot be read, and that no target knows, it is said that it cannot be repaired', async () => {
  const place = openBoth()
  const [name = ''] = await makeBackups(place, 1)
  const path = metadataPath(place, 'backups', name)
  const text = readFileSync(path)
  writeFileSync(path, '{"timestamp":')
  expect(await repaired(place)).toMatchObject([
    { filename: name, status: 'failed', code: 'METADATA_INVALID' },
  ])
  // What is of the same name there is of another size.
  mkdirSync(place.path('far', 'metadata'))
  writeFileSync(
    metadataPath(place, 'far', name),
    JSON.stringify({ ...JSON.parse(String(text)), file_size: 1 }),
  )
  expect(await repaired(place)).toMatchObject([{ status: 'failed', code: 'METADATA_INVALID' }])
  expect(readFileSync(path, 'utf8')).toBe('{"timestamp":')
  // The metadata alone is enough, and then its file is put there again.
  writeFileSync(metadataPath(place, 'far', name), text)
  expect(await repaired(place)).toMatchObject([
    { at: null, status: 'repaired', metadata: true, from: 'far' },
    { at: 'far', status: 'repaired', metadata: false, from: null },
  ])
  expect(await namesAt(place, 'far')).toEqual([name])
})
