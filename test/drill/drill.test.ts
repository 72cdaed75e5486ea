import { closeSync, openSync, readFileSync, rmSync, statSync, writeFileSync, writeSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { CatalogLock } from '../../src/catalog/lock.ts'
import type { Progress } from '../../src/index.ts'
import { openDatabase } from '../support/databases.ts'
import { failedWith, protect, succeeded } from '../support/product.ts'
import { filesBelow, temporaryDirectory } from '../support/temporary.ts'
import { Place, ROWS } from './place.ts'

test('a drill restores the newest backup, checks all of it, and leaves nothing but the result', async () => {
  const place = new Place()
  const filename = (await place.backUp()).split('/').at(-1)
  const before = place.protectedFiles()
  const steps: string[] = []
  const onProgress = ({ step }: Progress): void => void (steps.at(-1) === step || steps.push(step))
  const drilled = succeeded(await place.drill({ onProgress }))
  expect(drilled).toMatchObject({
    status: 'passed',
    backup: { filename },
    rowCounts: [
      { table: 'constructor', recorded: 0, found: 0 },
      { table: 't', recorded: ROWS, found: ROWS },
    ],
    integrity: { level: 'full', problems: [], unchecked: [] },
    bytes: statSync(place.path).size,
    scratchRemoved: true,
    recorded: true,
    notes: [],
  })
  expect(drilled.checks.map(({ name, status }) => [name, status])).toEqual([
    ['stored-file', 'passed'],
    ['restore', 'passed'],
    ['integrity', 'passed'],
    ['row-counts', 'passed'],
  ])
  // The way of every restore, not a copy of the drill's own.
  expect(steps).toEqual([
    'find-backup',
    'remove-leftovers',
    'check-space',
    'find-backup',
    'lock-catalog',
    'remove-leftovers',
    'verify-backup',
    'inspect-target',
    'check-space',
    'pre-restore-backup',
    'stage-image',
    'compare-target',
    'remove-side-files',
    'replace-target',
    'check-restored',
    'remove-scratch',
    'lock-catalog',
    'write-metadata',
  ])
  expect(drilled.restoreMs).toBeLessThanOrEqual(drilled.durationMs)
  expect(place.protectedFiles()).toEqual(before)
  expect(place.leftovers()).toEqual([])
  expect(filesBelow(drilled.scratchDirectory)).toEqual([])
  expect(await place.database().listBackups()).toHaveLength(1)
})

test('the result stands in the metadata, beside everything that was there', async () => {
  const place = new Place('CREATE TABLE t (a)')
  const filename = (await place.backUp({ description: 'kept' })).split('/').at(-1) as string
  const path = join(place.backupDir, 'metadata', `${filename}.json`)
  const text = readFileSync(path, 'utf8')
  writeFileSync(path, text.replace('{', '{\n  "later": { "deep": [9007199254740993] },'))
  const { durationMs, backup } = succeeded(await place.drill())
  const { last_drill: drill, ...rest } = place.metadataOf(filename)
  expect(drill).toEqual({
    at: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
    passed: true,
    duration_ms: durationMs,
  })
  expect(backup.metadata?.last_drill).toEqual(drill)
  expect(rest).toMatchObject({ ...(JSON.parse(text) as object), later: {} })
  expect(readFileSync(path, 'utf8')).toContain('9007199254740993')
  expect(statSync(path).mode & 0o777).toBe(0o600)
  const [listed] = await place.database().listBackups()
  expect(listed?.metadata?.last_drill).toEqual(drill)
})

test('info tells the last drill of any backup, and that there was none', async () => {
  const place = new Place('CREATE TABLE t (a)')
  await place.backUp({ backupType: 'daily' })
  expect(succeeded(await place.database().info()).backups.lastDrill).toBeNull()
  const { backup } = succeeded(await place.drill())
  await place.backUp()
  expect(succeeded(await place.database().info()).backups.lastDrill).toMatchObject({
    filename: backup.filename,
    passed: true,
  })
})

test('a drill makes its scratch directory where it is told, and only its owner sees into it', async () => {
  const place = new Place('CREATE TABLE t (a)')
  await place.backUp()
  const scratchDir = temporaryDirectory()
  const seen: string[] = []
  const onProgress = ({ step }: Progress): void => {
    if (step !== 'check-restored') return
    for (const name of filesBelow(scratchDir))
      seen.push(`${name} ${(statSync(join(scratchDir, name)).mode & 0o777).toString(8)}`)
  }
  const drilled = succeeded(await place.drill({ scratchDir, onProgress }))
  expect(dirname(drilled.scratchDirectory)).toBe(scratchDir)
  expect(seen[0]).toMatch(/^\.chame-work-[0-9a-f]{12} 700$/)
  expect(seen.some(line => line.endsWith('-restored.db 600'))).toBe(true)
  expect(filesBelow(scratchDir)).toEqual([])
})

test('a directory to restore into that is not there is refused, and not made', async () => {
  const place = new Place('CREATE TABLE t (a)')
  const file = await place.backUp()
  const directory = temporaryDirectory()
  for (const scratchDir of [join(directory, 'scrach'), join(directory, 'no', 'scratch'), file]) {
    const { message, hint } = failedWith('TARGET_INVALID', await place.drill({ scratchDir }))
    expect(message).toMatch(/no directory to restore into: /)
    expect(message).toContain(scratchDir)
    expect(hint).toContain('--scratch (scratchDir)')
  }
  expect(filesBelow(directory)).toEqual([])
})

test('the backup directory, where nothing else is named, is made: of a bare machine, say', async () => {
  const place = new Place('CREATE TABLE t (a)')
  const path = await place.backUp()
  const backupDir = join(temporaryDirectory(), 'new', 'backups')
  const drilled = succeeded(await protect(place.path, { backupDir }).drillBackup({ backup: path }))
  expect(dirname(drilled.scratchDirectory)).toBe(backupDir)
})

test('a damaged backup fails its drill, which is a result, and is never restored', async () => {
  const place = new Place()
  const path = await place.backUp()
  const file = openSync(path, 'r+')
  writeSync(file, Buffer.alloc(64, 0xa5), 0, 64, 40_960)
  closeSync(file)
  const before = place.protectedFiles()
  const steps: string[] = []
  const drilled = succeeded(await place.drill({ onProgress: ({ step }) => void steps.push(step) }))
  expect(drilled).toMatchObject({ status: 'failed', bytes: 0, restoreMs: null, recorded: true })
  expect(drilled.checks.map(({ name, status }) => [name, status])).toEqual([
    ['stored-file', 'failed'],
    ['restore', 'skipped'],
    ['integrity', 'skipped'],
    ['row-counts', 'skipped'],
  ])
  expect(steps).not.toContain('stage-image')
  const noted = { last_drill: { passed: false }, verified_at: null, damaged_at: expect.any(String) }
  expect(place.metadataOf(drilled.backup.filename)).toMatchObject(noted)
  expect(drilled.backup.metadata).toMatchObject(noted)
  expect(succeeded(await place.database().info()).backups.lastGood).toBe(null)
  expect(place.protectedFiles()).toEqual(before)
  expect(place.leftovers()).toEqual([])
})

test('damage that the quick check of a restore does not see fails the full check of a drill', async () => {
  const place = new Place('CREATE TABLE t (a, b); CREATE INDEX i ON t (a); INSERT INTO t VALUES (1, 2)')
  // The index says now that it is one of another column; its entries are still those of this one.
  const connection = openDatabase(place.path)
  connection.enableDefensive(false)
  connection.exec(`
    PRAGMA writable_schema = ON;
    UPDATE sqlite_schema SET sql = 'CREATE INDEX i ON t (b)' WHERE name = 'i'`)
  connection.close()
  await place.backUp({ check: 'quick' })
  const drilled = succeeded(await place.drill())
  expect(drilled.status).toBe('failed')
  expect(drilled.checks.map(({ status }) => status)).toEqual(['passed', 'passed', 'failed', 'skipped'])
  expect(drilled.integrity.problems[0]).toMatchObject({ code: 'INTEGRITY' })
  // No copy is better.
  expect(drilled.backup.metadata).toMatchObject({ verified_at: null, damaged_as_stored: true })
})

test('rows that differ from the metadata fail the drill, table by table', async () => {
  const place = new Place('CREATE TABLE t (a); INSERT INTO t VALUES (1), (2); CREATE TABLE u (a)')
  const filename = (await place.backUp()).split('/').at(-1) as string
  const path = join(place.backupDir, 'metadata', `${filename}.json`)
  const metadata = place.metadataOf(filename)
  writeFileSync(path, JSON.stringify({ ...metadata, tables: { t: 3, gone: 7 } }))
  const drilled = succeeded(await place.drill())
  expect(drilled.status).toBe('failed')
  expect(drilled.rowCounts).toEqual([
    { table: 'gone', recorded: 7, found: null },
    { table: 't', recorded: 3, found: 2 },
    { table: 'u', recorded: null, found: 0 },
  ])
  expect(drilled.checks.at(-1)).toEqual({
    name: 'row-counts',
    status: 'failed',
    message: 'Rows differ: "gone": 7 recorded, no such table; "t": 3 recorded, 2 found',
  })
  expect(drilled.backup.metadata?.damaged_at).toBe(undefined)
})

test('without recorded rows there is nothing to compare, and the drill says so', async () => {
  const place = new Place('CREATE TABLE t (a)')
  await place.backUp({ check: 'none' })
  const drilled = succeeded(await place.drill())
  expect(drilled.status).toBe('passed')
  expect(drilled.checks.at(-1)).toMatchObject({ name: 'row-counts', status: 'skipped' })
  expect(drilled.rowCounts).toEqual([{ table: 't', recorded: null, found: 0 }])
})

test('a backup without metadata can be drilled, but has no place for the result', async () => {
  const place = new Place('CREATE TABLE t (a)')
  const filename = (await place.backUp()).split('/').at(-1) as string
  rmSync(join(place.backupDir, 'metadata', `${filename}.json`))
  expect(succeeded(await place.drill())).toMatchObject({ status: 'passed', recorded: false, notes: [] })
  expect(filesBelow(join(place.backupDir, 'metadata'))).toEqual([])
})

test('metadata that cannot be read fails the drill and stays as it is', async () => {
  const place = new Place('CREATE TABLE t (a)')
  const filename = (await place.backUp()).split('/').at(-1) as string
  const path = join(place.backupDir, 'metadata', `${filename}.json`)
  writeFileSync(path, '{ "half": ')
  expect(succeeded(await place.drill())).toMatchObject({ status: 'failed', recorded: false })
  expect(readFileSync(path, 'utf8')).toBe('{ "half": ')
})

test('a backup in another backup directory can be drilled; that directory is not written', async () => {
  const other = new Place('CREATE TABLE t (a)')
  const path = await other.backUp()
  const place = new Place('CREATE TABLE u (a)')
  const before = filesBelow(other.backupDir)
  expect(succeeded(await place.drill({ backup: path }))).toMatchObject({ status: 'passed', recorded: false })
  expect(filesBelow(other.backupDir)).toEqual(before)
  expect((await other.newest()).metadata?.last_drill).toBeUndefined()
})

test('a backup that is deleted during its drill gets no metadata again', async () => {
  const place = new Place('CREATE TABLE t (a)')
  const path = await place.backUp()
  const onProgress = ({ step }: Progress): void => {
    if (step !== 'check-restored') return
    rmSync(path)
    rmSync(join(place.backupDir, 'metadata', `${path.split('/').at(-1)}.json`))
  }
  expect(succeeded(await place.drill({ onProgress }))).toMatchObject({ status: 'passed', recorded: false })
  expect(filesBelow(join(place.backupDir, 'metadata'))).toEqual([])
})

test('two drills beside each other both pass, and neither removes the scratch directory of the other', async () => {
  const place = new Place()
  await place.backUp()
  const drilled = await Promise.all([place.drill(), place.drill({}, 'process')])
  expect(drilled.map(result => succeeded(result).status)).toEqual(['passed', 'passed'])
  expect(place.leftovers()).toEqual([])
})

test('the protected database need not exist: a drill is for the day when it does not', async () => {
  const place = new Place('CREATE TABLE t (a)')
  await place.backUp()
  rmSync(place.path)
  expect(succeeded(await place.drill()).status).toBe('passed')
  expect(filesBelow(place.directory).filter(name => name.startsWith('app.db'))).toEqual([])
})

test('without a backup there is no drill', async () => {
  const place = new Place('CREATE TABLE t (a)')
  failedWith('BACKUP_NOT_FOUND', await place.drill())
  failedWith('INVALID_ARGUMENT', await place.drill({ scratchDir: 'a\0b' }))
})

test('a drill that is cancelled while its result is noted is cancelled, and notes nothing', async () => {
  const place = new Place('CREATE TABLE t (a)')
  const filename = (await place.backUp()).split('/').at(-1) ?? ''
  const cancelling = new AbortController()
  let others: CatalogLock | null = null
  const onProgress = ({ step }: Progress): void => {
    // Somebody else works in the backup directory, for whom it would wait.
    if (step === 'remove-scratch')
      others = CatalogLock.tryAcquire(join(place.backupDir, '.chame-backup.lock'))
    else if (others !== null) cancelling.abort()
  }
  failedWith('CANCELLED', await place.drill({ onProgress, signal: cancelling.signal }))
  ;(others as CatalogLock | null)?.[Symbol.dispose]()
  expect(place.metadataOf(filename)['last_drill']).toBeUndefined()
})
