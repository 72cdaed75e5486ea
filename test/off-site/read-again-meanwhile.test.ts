/** What happens at a target, or here, while copies are read again or backups are repaired. */
import {
  appendFileSync,
  copyFileSync,
  existsSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { lockForReading } from '../../src/blocks/readers-lock.ts'
import { BackupError, type CopiesAtTarget, generateSigningKey } from '../../src/index.ts'
import type { Context } from '../../src/operations/context.ts'
import { repairBackups } from '../../src/operations/repair-backups.ts'
import { verifyCopies } from '../../src/operations/verify-copies.ts'
import { openDatabase } from '../support/databases.ts'
import { commitToLedger } from '../support/ledger.ts'
import { succeeded } from '../support/product.ts'
import { damageByte } from './damage-byte.ts'
import { before, contextDuring, type Meanwhile } from './meanwhile.ts'
import { local, makeBackups, openPlace, type Place, readJson } from './place.ts'

const CONFIG = { targets: { far: local('far') } }
const BLOCKS = { encoding: 'blocks' } as const

async function openCopied(config: object = {}, count = 2): Promise<{ place: Place; names: string[] }> {
  const place = openPlace(['far'], config)
  const names: string[] = []
  for (let i = 0; i < count; i++) {
    names.push(...(await makeBackups(place, 1)))
    const connection = openDatabase(place.databasePath)
    commitToLedger(connection)
    connection.close()
  }
  expect(succeeded(await place.database().syncTargets()).status).toBe('synced')
  return { place, names }
}

async function readDuring(place: Place, meanwhile: Meanwhile): Promise<CopiesAtTarget> {
  const { targets } = await verifyCopies({}, contextDuring(place, meanwhile, { config: CONFIG }))
  return targets[0] as CopiesAtTarget
}

function image(name: string): string {
  return `manual/${name}`
}

function metadata(name: string): string {
  return `metadata/${name}.json`
}

/** Forgets a backup here, so that it is only at the target any more. */
function forget(place: Place, name: string): void {
  for (const key of [image(name), metadata(name)]) rmSync(join(place.backupDir, key))
}

test('what somebody deletes at the target just now is not called damaged', async () => {
  const { place, names } = await openCopied()
  const [older = '', newer = ''] = names
  const drop = (name: string) => () => {
    rmSync(place.path('far', metadata(name)))
    rmSync(place.path('far', image(name)))
  }
  const first = await readDuring(place, before('head', metadata(older), drop(older)))
  expect(first).toMatchObject({ status: 'intact', readObjects: 1, objects: 2, problems: [] })
  const second = await readDuring(place, before('get', image(newer), drop(newer)))
  expect(second.problems.map(({ path }) => path)).toEqual([`far:${image(older)}`])
})

test('metadata that is changed after it was listed is found', async () => {
  const { place, names } = await openCopied()
  const [older = '', newer = ''] = names
  const written = before('head', metadata(newer), () =>
    copyFileSync(place.path('far', metadata(older)), place.path('far', metadata(newer))),
  )
  const other = await readDuring(place, written)
  expect(other.problems).toMatchObject([
    { path: `far:${image(newer)}`, message: 'its metadata there is of another backup' },
  ])
  const unreadable = before('head', metadata(older), () =>
    writeFileSync(place.path('far', metadata(older)), 'no JSON'),
  )
  const garbage = await readDuring(place, unreadable)
  expect(garbage.problems.map(({ message }) => message)).toContainEqual(
    expect.stringContaining('its metadata there cannot be read: it is not JSON'),
  )
})

test('a file that grows while it is read is not what was listed, and is read no further', async () => {
  const { place, names } = await openCopied({}, 1)
  const [name = ''] = names
  const more = before('get', image(name), () => appendFileSync(place.path('far', image(name)), 'more'))
  expect((await readDuring(place, more)).problems).toMatchObject([{ path: `far:${image(name)}` }])
})

test('what the target says of an object is told as it is, and a line that breaks ends the run with what was found', async () => {
  const { place, names } = await openCopied()
  const [older = '', newer = ''] = names
  const refuse = (code: 'OBJECT_DAMAGED' | 'TARGET_UNREACHABLE') => () => {
    throw new BackupError(code, 'it says so', {})
  }
  const wrong = await readDuring(place, before('get', image(newer), refuse('OBJECT_DAMAGED')))
  expect(wrong.problems).toMatchObject([{ path: `far:${image(newer)}`, message: 'it says so' }])
  succeeded(await place.database().syncTargets())
  damageByte(place.path('far', image(newer)), 5000)
  const broken = await readDuring(place, {
    before(call, key) {
      if (call === 'get' && key === image(older)) refuse('TARGET_UNREACHABLE')()
    },
  })
  expect(broken).toMatchObject({ status: 'damaged', failure: { code: 'TARGET_UNREACHABLE' } })
  expect(broken.problems.map(({ path }) => path)).toEqual([`far:${image(newer)}`])
})

test('no further one is begun once the time is over, and the next run goes on', async () => {
  const { place } = await openCopied({}, 6)
  const order = { time: '1m' }
  let minutes = 0
  const start = Date.now()
  const now = (): Date => new Date(start + 60_000 * minutes++)
  const run = async (): Promise<CopiesAtTarget> => {
    const context = contextDuring(place, {}, { config: CONFIG, now })
    return (await verifyCopies(order, context)).targets[0] as CopiesAtTarget
  }
  const first = await run()
  expect(first).toMatchObject({ status: 'intact', objects: 6 })
  expect(first.readObjects).toBeLessThan(6)
  expect(first.unreadSince).not.toBeNull()
  let read = first.readObjects
  while (read < 6) {
    const next = await run()
    expect(next.readObjects).toBeGreaterThan(0)
    read += next.readObjects
  }
})

test('a copy that nobody had noted, and one of what was converted here, are read like others', async () => {
  const { place, names } = await openCopied()
  const [older = '', newer = ''] = names
  const path = join(place.backupDir, metadata(newer))
  const { copies: _, ...rest } = readJson(path)
  writeFileSync(path, JSON.stringify(rest))
  succeeded(await place.database().convertBackups({ backups: [older], encoding: 'zstd' }))
  expect(await readDuring(place, {})).toMatchObject({ status: 'intact', readObjects: 2 })
  for (const { copies, metadata: known } of await place.database().listBackups()) {
    expect(copies).toEqual(['far'])
    expect(known?.copies).toMatchObject({ far: { verified_at: expect.any(String) } })
  }
  // Of the converted one there are no bytes to be had from there.
  const [converted = ''] = (await place.database().listBackups()).flatMap(({ filename, encoding }) =>
    encoding === 'zstd' ? [filename] : [],
  )
  rmSync(join(place.backupDir, image(converted)))
  const { backups } = succeeded(await place.database().repairBackups())
  expect(backups).toMatchObject([{ status: 'failed', message: expect.stringContaining('in another form') }])
})

test('a backup that is only there any more, with a signature that is not of it, is found', async () => {
  const place = openPlace(['far'])
  const key = place.path('signing.key')
  const { publicKey } = succeeded(await generateSigningKey({ output: key }))
  place.configure({ ...CONFIG, signing: { key: { file: key }, trusted: [publicKey] } })
  const [name = ''] = await makeBackups(place, 1)
  succeeded(await place.database().syncTargets())
  forget(place, name)
  expect(succeeded(await place.database().verifyCopies()).status).toBe('intact')
  const path = place.path('far', metadata(name))
  writeFileSync(path, JSON.stringify({ ...readJson(path), created_at: '2025-01-01T00:00:00.000Z' }))
  const { targets } = succeeded(await place.database().verifyCopies())
  expect(targets[0]?.problems).toMatchObject([{ message: 'its signature is not of it', hurts: [name] }])
})

test('backups of pages that are only there any more are read by what lies there', async () => {
  const { place, names } = await openCopied(BLOCKS)
  const [older = '', newer = ''] = names
  forget(place, older)
  damageByte(join(place.backupDir, image(newer)), 30)
  const intact = await readDuring(place, {})
  expect(intact).toMatchObject({ status: 'intact', backups: 2 })
  expect(intact.readObjects).toBe(intact.objects)
  expect(readJson(place.path('far', metadata(older)))).toHaveProperty('verified_at')
  const good = readFileSync(place.path('far', image(older)))
  const gone = before('get', image(older), () => rmSync(place.path('far', image(older))))
  expect((await readDuring(place, gone)).problems).toEqual([])
  writeFileSync(place.path('far', image(older)), good)
  damageByte(place.path('far', image(older)), 30)
  const damaged = await readDuring(place, {})
  expect(damaged.problems).toMatchObject([{ code: 'damaged', path: `far:${image(older)}` }])
})

test('a pack that no backup needs any more by the time that it is missed is no damage, and one of absurd size is', async () => {
  const { place, names } = await openCopied(BLOCKS, 1)
  const [name = ''] = names
  const [pack = ''] = place.files('far').filter(file => file.endsWith('.pack'))
  const bytes = readFileSync(place.path('far', pack))
  truncateSync(place.path('far', pack), 200 << 20)
  const large = await readDuring(place, {})
  expect(large.problems).toMatchObject([
    { path: `far:${pack}`, message: expect.stringContaining('209715200') },
  ])
  rmSync(join(place.backupDir, pack))
  const { backups } = succeeded(await place.database().repairBackups({ backups: [name] }))
  expect(backups).toMatchObject([
    { at: null, status: 'failed', message: expect.stringContaining(`it has no ${pack}`) },
    { at: 'far', status: 'failed', message: expect.stringContaining('Nowhere is a good copy') },
  ])
  writeFileSync(place.path('far', pack), bytes)
  expect(succeeded(await place.database().repairBackups()).status).toBe('repaired')
  expect((await readDuring(place, {})).status).toBe('intact')
  const deleted = before('get', pack, () => {
    rmSync(place.path('far', metadata(name)))
    rmSync(place.path('far', pack))
  })
  expect((await readDuring(place, deleted)).problems).toEqual([])
})

/** The context of a repair in which something happens at a step. */
function contextAt(place: Place, step: string, act: () => void, more: Partial<Context> = {}): Context {
  const onProgress: Context['onProgress'] = progress => {
    if (progress.step === step && progress.doneBytes === undefined) act()
  }
  return { ...contextDuring(place, {}, { config: CONFIG, waitForLockMs: 100 }), onProgress, ...more }
}

test('a backup that somebody deletes, or makes whole, while it is repaired stays deleted, or as it is', async () => {
  const { place, names } = await openCopied()
  const [older = '', newer = ''] = names
  const good = readFileSync(join(place.backupDir, image(newer)))
  for (const name of names) writeFileSync(join(place.backupDir, image(name)), 'lost')
  const deleted = await repairBackups(
    { backups: [older] },
    contextAt(place, 'lock-catalog', () => forget(place, older)),
  )
  expect(deleted.backups).toMatchObject([{ status: 'failed', code: 'BACKUP_NOT_FOUND' }])
  expect(existsSync(join(place.backupDir, image(older)))).toBe(false)
  const faster = await repairBackups(
    { backups: [newer] },
    contextAt(place, 'lock-catalog', () => writeFileSync(join(place.backupDir, image(newer)), good)),
  )
  expect(faster.backups).toMatchObject([{ status: 'intact', from: null }])
})

test('a repair that is cancelled leaves everything as it was', async () => {
  for (const config of [{}, BLOCKS]) {
    const { place, names } = await openCopied(config, 1)
    const [pack] = place.files('backups').filter(file => file.endsWith('.pack'))
    rmSync(join(place.backupDir, pack ?? image(names[0] ?? '')))
    const files = place.files('backups')
    const stop = new AbortController()
    const context = contextAt(place, 'fetch-backup', () => stop.abort(), { signal: stop.signal })
    await expect(repairBackups({ backups: names }, context)).rejects.toMatchObject({ code: 'CANCELLED' })
    expect(place.files('backups')).toEqual(files)
  }
})

test('packs are not replaced under those who read them, nor by what has become too little meanwhile', async () => {
  const { place, names } = await openCopied(BLOCKS, 1)
  const [pack = ''] = place.files('backups').filter(file => file.endsWith('.pack'))
  const path = join(place.backupDir, pack)
  const good = readFileSync(path)
  rmSync(path)
  const signal = new AbortController().signal
  {
    using _reader = await lockForReading({ backupDir: place.backupDir }, { waitMs: 0, signal })
    const busy = await repairBackups(
      { backups: names },
      contextAt(place, '', () => {}),
    )
    expect(busy.backups).toMatchObject([{ status: 'failed', code: 'CATALOG_LOCKED' }])
  }
  const faster = contextAt(place, 'lock-catalog', () => writeFileSync(path, good))
  expect((await repairBackups({ backups: names }, faster)).backups).toMatchObject([
    { status: 'intact', packs: 0 },
  ])
  expect(succeeded(await place.database().repairBackups()).backups).toEqual([])
})

test('a target that is away, or has lost its file, is passed over, also for packs', async () => {
  for (const config of [{}, BLOCKS]) {
    const place = openPlace(['first', 'far'], config)
    const [name = ''] = await makeBackups(place, 1)
    succeeded(await place.database().syncTargets())
    const [pack] = place.files('backups').filter(file => file.endsWith('.pack'))
    rmSync(join(place.backupDir, pack ?? image(name)))
    rmSync(place.path('first'), { recursive: true })
    expect(succeeded(await place.database().repairBackups()).backups).toMatchObject([{ status: 'repaired' }])
  }
  const { place, names } = await openCopied()
  const [name = ''] = names
  rmSync(join(place.backupDir, image(name)))
  const lost = before('get', image(name), () => rmSync(place.path('far', image(name))))
  const during = { ...contextDuring(place, lost, { config: CONFIG }) }
  expect((await repairBackups({}, during)).backups).toMatchObject([
    { status: 'failed', code: 'BACKUP_DAMAGED', message: expect.stringContaining('there is no object') },
  ])
})

test('a file that grows while it is fetched is not what it should be, and one that nobody had checked is not vouched for', async () => {
  const { place, names } = await openCopied()
  const [name = ''] = names
  const other = succeeded(await place.database().createBackup({ check: 'none' }))
  damageByte(other.backupPath, 5000)
  succeeded(await place.database().verifyBackup(other.filename, { record: true }))
  writeFileSync(place.path('backups', 'metadata', 'notes.txt'), 'not metadata')
  writeFileSync(place.path('backups', 'metadata', 'shop_backup_manual_20250627_020000.db.json'), '{}')
  const { backups } = succeeded(await place.database().repairBackups())
  expect(backups).toMatchObject([{ filename: other.filename, status: 'repaired' }])
  const [listed] = await place.database().listBackups()
  expect(listed?.metadata).toMatchObject({ verified_at: null })
  expect(listed?.metadata).not.toHaveProperty('damaged_at')
  expect(succeeded(await place.database().repairBackups({ backups: ['latest'] })).backups).toMatchObject([
    { status: 'intact' },
  ])
  rmSync(join(place.backupDir, image(name)))
  const grows = before('get', image(name), () =>
    appendFileSync(place.path('far', image(name)), 'x'.repeat(9)),
  )
  const failed = await repairBackups({}, contextDuring(place, grows, { config: CONFIG }))
  expect(failed.backups).toMatchObject([
    { at: null, status: 'failed', code: 'BACKUP_DAMAGED' },
    { at: 'far', status: 'failed', code: 'OBJECT_DAMAGED' },
  ])
})
